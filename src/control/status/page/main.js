/** The page: what the stream of events tells goes to where it is shown. */
import { arrange, byId, element, setClass, setText } from './elements.js';
import { clock, count, some, span } from './format.js';
import { History } from './history.js';
import { Pools } from './pools.js';
import { Ends, Events, Listeners, Tiles, Times, Top } from './sections.js';
import { Stream } from './stream.js';

/**
 * @import { LiveFigures } from '../live.js'
 * @import { Happening } from '../happened.js'
 * @typedef {object} Begin
 * @property {string} name
 * @property {string} version
 * @property {number} pid
 * @property {number} since
 * @property {number} at
 * @property {string} engine
 * @property {string} accept
 * @property {{ succeeded: boolean, succeededAt: number }} [lastReload]
 * @property {readonly Happening[]} happened
 */

const history = new History();
const sections = [new Tiles(history), new Pools(history), new Listeners(), new Times(), new Ends()];
const events = new Events();
new Top();

/** @type {Begin | undefined} */
let begun;

/** @param {Begin} told */
function begin(told) {
  begun = told;
  setText(byId('name'), told.name);
  events.begin(told.happened);
  // Without it there are figures all the same.
  void history.load();
}

/** @param {LiveFigures} figures */
function show(figures) {
  for (const section of sections) section.show(figures);
  const { word, state } = verdictOf(figures);
  setText(byId('verdict'), word);
  setClass(document.body, state);
  document.title = `${state === 'well' ? '' : `${word} · `}${begun?.name ?? ''} · Spliceway`;
  if (begun !== undefined) showFacts(begun, figures);
}

/** @param {LiveFigures} figures */
function verdictOf({ backends, pools, isStopping }) {
  if (isStopping) return { word: 'stopping', state: 'ill' };
  const dead = pools.filter((pool) => pool.backends > 0 && !pool.isReady);
  if (dead.length > 0) {
    const names =
      dead.length > 3 ? some(dead.length, 'pool') : dead.map(({ name }) => name).join(', ');
    return { word: `${names}: nobody to pick`, state: 'ill' };
  }
  const sick = backends.filter(({ state }) => state === 'down' || state === 'ejected').length;
  const all = pools.reduce((sum, pool) => sum + pool.backends, 0);
  if (sick > 0) return { word: `${count(sick)} of ${some(all, 'backend')} down`, state: 'ailing' };
  const up = pools.reduce((sum, pool) => sum + pool.up, 0);
  if (up < all) return { word: `${count(up)} of ${some(all, 'backend')} up`, state: 'well' };
  return {
    word: all === 1 ? 'the backend is up' : `all ${some(all, 'backend')} up`,
    state: 'well',
  };
}

/** @param {Begin} told @param {LiveFigures} figures */
function showFacts({ version, engine, accept, since, lastReload, pid }, { generation, loops, at }) {
  const busy = loops.reduce((sum, share) => sum + share, 0) / Math.max(1, loops.length);
  const failed = lastReload?.succeeded === false ? ', last reload failed' : '';
  /** @type {[string, string][]} */
  const facts = [
    ['up', span(at - since)],
    ['configuration', `generation ${generation}${failed}`],
    ['engine', accept === 'node' && engine === 'native' ? 'native, Node accepts' : engine],
    ...(loops.length === 0
      ? []
      : [
          /** @type {[string, string]} */ ([
            some(loops.length, 'loop'),
            `${(busy * 100).toFixed(0)} % busy`,
          ]),
        ]),
    ['version', version],
    ['process', String(pid)],
  ];
  const list = byId('facts');
  if (list.childElementCount !== facts.length) {
    arrange(
      list,
      facts.map(() => element('div', {}, element('dt'), element('dd'))),
    );
  }
  facts.forEach(([what, value], index) => {
    const [term, text] = /** @type {[Element, Element]} */ (
      /** @type {unknown} */ ([...(list.children[index]?.children ?? [])])
    );
    setText(term, what);
    setText(text, value);
  });
}

const lost = byId('lost');

new Stream({
  told(name, data) {
    if (name === 'begin') begin(/** @type {Begin} */ (data));
    else if (name === 'figures') show(/** @type {LiveFigures} */ (data));
    else if (name === 'point') history.add(/** @type {any} */ (data));
    else events.add(/** @type {{ happened: readonly Happening[] }} */ (data).happened);
  },
  lost(heardAt, isRefused) {
    setText(
      lost,
      isRefused
        ? 'The balancer is there, and tells no figures now: too many watch already, or it is starting. Trying again…'
        : `No word from the balancer since ${clock(heardAt)}. These figures are old. Trying again…`,
    );
    lost.hidden = false;
    document.documentElement.className = 'lost';
    document.title = `${isRefused ? 'no figures' : 'LOST'} · ${begun?.name ?? ''} · Spliceway`;
  },
  found() {
    lost.hidden = true;
    document.documentElement.className = '';
  },
});
