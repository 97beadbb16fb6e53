/** Pools and their backends: those first that need somebody to look. */
import { arrange, byId, element, setClass, setText } from './elements.js';
import { byteRate, count, rate, some, span } from './format.js';
import { Spark } from './spark.js';
import { Table } from './table.js';

/**
 * @import { History } from './history.js'
 * @import { LiveFigures } from '../live.js'
 * @typedef {LiveFigures['pools'][0]} Pool
 * @typedef {LiveFigures['backends'][0]} Backend
 */

/** With more backends, a pool shows at first only those that are not well. */
const FEW = 12;

/** What states are called, the worst first. */
const words = {
  down: 'down',
  ejected: 'ejected',
  checking: 'checking',
  drain: 'draining',
  maintenance: 'maintenance',
  removed: 'removed',
  up: 'up',
};

const order = Object.keys(words);

/** @param {Backend} backend */
const isSick = ({ state }) => state === 'down' || state === 'ejected';

/** @param {Backend} backend */
const keyOf = ({ pool, name, address, state }) =>
  `${pool}/${name}${state === 'removed' ? ` ${address}` : ''}`;

export class Pools {
  #list = byId('pool-list');
  #filter = /** @type {HTMLInputElement} */ (byId('filter'));
  /** @type {Map<string, PoolView>} */
  #views = new Map();
  /** @type {LiveFigures | undefined} */
  #figures;
  #history;

  /** @param {History} history */
  constructor(history) {
    this.#history = history;
    this.#filter.addEventListener('input', () => this.#render());
    document.addEventListener('keydown', (event) => {
      const isTyping = document.activeElement === this.#filter;
      if (event.key === 'Escape' && isTyping) {
        this.#filter.value = '';
        this.#render();
      }
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      this.#filter.focus();
    });
  }

  /** @param {LiveFigures} figures */
  show(figures) {
    this.#figures = figures;
    const note = byId('left');
    note.hidden = figures.left === 0;
    setText(
      note,
      `${some(figures.left, 'more backend')} are not shown; those that take no sessions come first.`,
    );
    this.#render();
  }

  #render() {
    if (this.#figures === undefined) return;
    const wanted = this.#filter.value.trim().toLowerCase();
    /** @type {Map<string, Backend[]>} */
    const byPool = new Map(this.#figures.pools.map(({ name }) => [name, []]));
    for (const backend of this.#figures.backends) byPool.get(backend.pool)?.push(backend);
    const before = this.#views;
    this.#views = new Map();
    const shown = [];
    for (const pool of this.#figures.pools) {
      const view =
        before.get(pool.name) ?? new PoolView(pool.name, this.#history, () => this.#render());
      this.#views.set(pool.name, view);
      const backends = byPool.get(pool.name) ?? [];
      const found = backends.filter((backend) => matches(backend, wanted));
      view.show(pool, backends, wanted === '' ? undefined : found, this.#figures.at);
      if (wanted === '' || found.length > 0) shown.push({ view, rank: rankOf(pool, backends) });
    }
    // Sorting keeps the order of the options among those that are alike.
    shown.sort((one, other) => one.rank - other.rank);
    const sections = shown.map(({ view }) => view.element);
    arrange(this.#list, sections.length > 0 ? sections : [nothing(wanted)]);
  }
}

/** @param {string} wanted */
const nothing = (wanted) =>
  element(
    'p',
    { class: 'note' },
    wanted === ''
      ? 'There are no pools.'
      : `Nothing has “${wanted}” in its name, address or state.`,
  );

/** @param {Backend} backend @param {string} wanted */
function matches({ pool, name, address, state }, wanted) {
  return [pool, name, address, words[state]].some((text) => text.toLowerCase().includes(wanted));
}

/** @param {Pool} pool @param {readonly Backend[]} backends */
function rankOf({ isReady, backends: all }, backends) {
  if (all > 0 && !isReady) return 0;
  return backends.some(isSick) ? 1 : 2;
}

class PoolView {
  /** @readonly */
  element;
  #name;
  #history;
  #state = element('span', { class: 'state' });
  #facts = element('p', { class: 'facts' });
  #toggle = element('button', { type: 'button' });
  #opened;
  #traffic;
  #table;
  /** @type {Map<string, Spark>} */
  #sparks = new Map();
  /** @type {boolean | undefined} as somebody has chosen */
  #isOpen;
  #shownVersion = -1;
  /** When the figures were taken that it shows. */
  #at = 0;

  /** @param {string} name @param {History} history @param {() => void} onToggle */
  constructor(name, history, onToggle) {
    this.#name = name;
    this.#history = history;
    this.#opened = new Spark(`sessions of pool ${name} in the last hour`, rate);
    this.#traffic = new Spark(`traffic of pool ${name} in the last hour`, byteRate);
    this.#toggle.addEventListener('click', () => {
      this.#isOpen = this.#toggle.getAttribute('aria-expanded') !== 'true';
      onToggle();
    });
    this.#table = this.#makeTable();
    const id = `backends-of-${name}`;
    this.#table.element.id = id;
    this.#toggle.setAttribute('aria-controls', id);
    const title = element('h3', {}, name, ' ', this.#state);
    const sparks = element(
      'div',
      { class: 'sparks' },
      element('figure', {}, this.#opened.element, element('figcaption', {}, 'sessions')),
      element('figure', {}, this.#traffic.element, element('figcaption', {}, 'traffic')),
    );
    const head = element('div', { class: 'head' }, element('div', {}, title, this.#facts), sparks);
    this.element = element(
      'section',
      { class: 'pool', 'aria-label': `Pool ${name}` },
      head,
      this.#table.element,
      this.#toggle,
    );
  }

  #makeTable() {
    /** @type {Table<Backend>} */
    const table = new Table(
      `Backends of ${this.#name}`,
      [
        {
          title: 'Backend',
          isHeader: true,
          class: 'name',
          show: ({ name, address }, cell) => {
            if (cell.childElementCount === 0)
              cell.append(element('span'), element('span', { class: 'where' }));
            const [what, where] = /** @type {[Element, Element]} */ (
              /** @type {unknown} */ ([...cell.children])
            );
            setText(what, name);
            setText(where, name === address ? '' : address);
            return undefined;
          },
        },
        {
          title: 'State',
          class: 'state-cell',
          show: ({ state }, cell) => {
            if (cell.childElementCount === 0) cell.append(element('span'));
            const word = /** @type {Element} */ (cell.firstElementChild);
            setClass(word, `state ${state}`);
            setText(word, words[state]);
            return undefined;
          },
        },
        { title: 'For', class: 'why', show: (backend) => whyOf(backend, this.#at) },
        { title: 'Sessions', class: 'number', show: sessionsOf },
        { title: 'New', class: 'number far', show: ({ opened }) => rate(opened) },
        { title: 'In', class: 'number traffic far', show: ({ upstream }) => byteRate(upstream) },
        { title: 'Out', class: 'number traffic', show: ({ downstream }) => byteRate(downstream) },
        { title: 'Failures', class: 'number extra rare', show: ({ failures }) => count(failures) },
        { title: 'Weight', class: 'number extra rare', show: ({ weight }) => count(weight) },
        {
          title: 'Traffic, last hour',
          class: 'spark-cell extra',
          show: (backend, cell) => {
            const spark = this.#sparkOf(backend);
            if (cell.firstElementChild !== spark.element) cell.replaceChildren(spark.element);
            return undefined;
          },
        },
      ],
      'hidden',
    );
    return table;
  }

  /** @param {Backend} backend */
  #sparkOf(backend) {
    const key = keyOf(backend);
    let spark = this.#sparks.get(key);
    if (spark === undefined) {
      spark = new Spark(`traffic of ${backend.name} in the last hour`, byteRate);
      this.#sparks.set(key, spark);
      spark.show(this.#history.traffic(`backend ${this.#name}/${backend.name}`));
    }
    return spark;
  }

  /**
   * @param {Pool} pool
   * @param {readonly Backend[]} backends
   * @param {readonly Backend[] | undefined} found where somebody looks for some
   * @param {number} at by the clock of the balancer
   */
  show(pool, backends, found, at) {
    this.#at = at;
    const word = pool.backends === 0 ? 'empty' : `${pool.up} of ${pool.backends} up`;
    setText(this.#state, word);
    setClass(this.#state, `state ${stateOf(pool, backends)}`);
    setText(this.#facts, factsOf(pool));
    const isOpen = this.#isOpen ?? backends.length <= FEW;
    const shown = found ?? (isOpen ? backends : backends.filter(({ state }) => state !== 'up'));
    this.#showToggle(
      backends.length - backends.filter(({ state }) => state !== 'up').length,
      isOpen,
      found !== undefined,
    );
    const sorted = [...shown].sort(
      (one, other) => order.indexOf(one.state) - order.indexOf(other.state),
    );
    this.#table.element.hidden = sorted.length === 0;
    this.#table.show(sorted, keyOf, (backend) => (isSick(backend) ? 'sick' : ''));
    this.#showHistory(backends);
  }

  /** @param {number} well @param {boolean} isOpen @param {boolean} isFiltered */
  #showToggle(well, isOpen, isFiltered) {
    this.#toggle.hidden = isFiltered || well <= FEW;
    this.#toggle.setAttribute('aria-expanded', String(isOpen));
    setText(
      this.#toggle,
      isOpen ? `Hide the ${count(well)} that are up` : `Show ${count(well)} that are up`,
    );
  }

  /** @param {readonly Backend[]} backends */
  #showHistory(backends) {
    if (this.#shownVersion === this.#history.version) return;
    this.#shownVersion = this.#history.version;
    const key = `pool ${this.#name}`;
    this.#opened.show(this.#history.opened(key));
    this.#traffic.show(this.#history.traffic(key));
    const names = new Map(backends.map((backend) => [keyOf(backend), backend.name]));
    for (const [of, spark] of this.#sparks) {
      const name = names.get(of);
      if (name === undefined) this.#sparks.delete(of);
      else spark.show(this.#history.traffic(`backend ${this.#name}/${name}`));
    }
  }
}

/** @param {Pool} pool @param {readonly Backend[]} backends */
function stateOf({ isReady, backends: all }, backends) {
  if (all === 0) return 'maintenance';
  if (!isReady) return 'down';
  return backends.some(isSick) ? 'drain' : 'up';
}

/** @param {Pool} pool */
function factsOf({ open, maxPoolSessions, queued, opened, failed, upstream, downstream }) {
  const most = maxPoolSessions === undefined ? '' : ` of ${count(maxPoolSessions)}`;
  return [
    `${count(open)}${most} open`,
    `${rate(opened)} new`,
    `${byteRate(upstream)} in`,
    `${byteRate(downstream)} out`,
    ...(queued > 0 ? [`${count(queued)} waiting`] : []),
    ...(failed > 0 ? [`${rate(failed)} failures`] : []),
  ].join(' · ');
}

/** @param {Backend} backend @param {number} at by the clock that `since` is of */
function whyOf({ state, reason, since }, at) {
  if (state === 'drain') return 'no new sessions';
  if (state === 'maintenance') return 'not in use';
  const time = span(at - since);
  if (state === 'up' || state === 'removed' || reason === '') return time;
  return `${time}: ${reason}`;
}

/** @param {Backend} backend */
const sessionsOf = ({ open, maxSessions }) =>
  maxSessions === undefined ? count(open) : `${count(open)} / ${count(maxSessions)}`;
