/** The last hour of something, as a line. */

const NAMESPACE = 'http://www.w3.org/2000/svg';

/** Of an hour. */
const MOST = 240;
/** While there is less, so much is shown: ten minutes. */
const FEWEST = 40;
/** Points of an hour that are shown as one: a minute. */
const TOGETHER = 4;

/** @param {string} name @param {Record<string, string>} attributes */
function svg(name, attributes) {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Spark {
  /** @readonly */
  element = svg('svg', {
    class: 'spark',
    viewBox: `0 0 ${MOST} 24`,
    preserveAspectRatio: 'none',
    role: 'img',
  });
  #area = svg('path', { class: 'area' });
  #line = svg('path', { class: 'line', 'vector-effect': 'non-scaling-stroke' });
  #label;

  /** @param {string} what it is of @param {(value: number) => string} show */
  constructor(what, show) {
    this.element.append(this.#area, this.#line);
    this.#label = (/** @type {number} */ most) =>
      most === 0 ? `${what}: none` : `${what}: at most ${show(most)}`;
    this.element.setAttribute('aria-label', `${what}: not known yet`);
  }

  /** @param {readonly (number | null)[]} values one for each step, the oldest first */
  show(values) {
    const shown = thinned(values.slice(-MOST));
    const most = shown.reduce(
      (/** @type {number} */ found, value) => Math.max(found, value ?? 0),
      0,
    );
    const fewest = shown.length < values.length ? 0 : FEWEST;
    const width = Math.max(fewest, shown.length) - 1;
    /** @param {number} index */
    const x = (index) => (((width - (shown.length - 1) + index) / width) * MOST).toFixed(1);
    /** @param {number} value */
    const y = (value) => (most === 0 ? 23 : 23 - (value / most) * 21).toFixed(1);
    let line = '';
    let area = '';
    shown.forEach((value, index) => {
      if (value === null) return;
      const isFirst = index === 0 || shown[index - 1] === null;
      const isLast = index === shown.length - 1 || shown[index + 1] === null;
      line += `${isFirst ? 'M' : 'L'}${x(index)} ${y(value)}`;
      if (isFirst) area += `M${x(index)} 24`;
      area += `L${x(index)} ${y(value)}`;
      if (isLast) area += `L${x(index)} 24Z`;
    });
    this.#line.setAttribute('d', line);
    this.#area.setAttribute('d', area);
    this.element.setAttribute('aria-label', this.#label(most));
  }
}

/** As many as can be told apart in a small line, each the mean of some. @param {readonly (number | null)[]} values */
function thinned(values) {
  if (values.length <= 2 * FEWEST) return values;
  const found = [];
  // From the end, so that the newest is of as many as the others.
  for (let end = values.length; end > 0; end -= TOGETHER) {
    const some = values.slice(Math.max(0, end - TOGETHER), end).filter((value) => value !== null);
    const sum = some.reduce((/** @type {number} */ total, value) => total + value, 0);
    found.unshift(some.length === 0 ? null : sum / some.length);
  }
  return found;
}
