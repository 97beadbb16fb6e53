/** All that is beside the pools. */
import { arrange, byId, element, setText } from './elements.js';
import { byteRate, bytes, clock, count, rate, seconds, some, span } from './format.js';
import { Spark } from './spark.js';
import { Table } from './table.js';

/**
 * @import { History } from './history.js'
 * @import { LiveFigures } from '../live.js'
 * @import { Happening } from '../happened.js'
 * @import { TopSessionsAnswer } from '../top-sessions.js'
 * @import { Column } from './table.js'
 */

/** Four figures that can be read from across the room. */
export class Tiles {
  #history;
  #shownVersion = -1;
  #open = tile('open sessions');
  #opened = tile('new sessions', new Spark('new sessions in the last hour', rate));
  #upstream = tile('from clients', new Spark('bytes from clients in the last hour', byteRate));
  #downstream = tile('from backends', new Spark('bytes from backends in the last hour', byteRate));

  /** @param {History} history */
  constructor(history) {
    this.#history = history;
    const tiles = [this.#open, this.#opened, this.#upstream, this.#downstream];
    byId('tiles').append(...tiles.map(({ element: made }) => made));
  }

  /** @param {LiveFigures} figures */
  show({ all }) {
    setText(this.#open.figure, count(all.open));
    setText(this.#open.note, `${count(all.sessions)} since the start`);
    setText(this.#opened.figure, rate(all.opened));
    setText(this.#opened.note, all.failed > 0 ? `${rate(all.failed)} found no backend` : '');
    setText(this.#upstream.figure, byteRate(all.upstream));
    setText(this.#downstream.figure, byteRate(all.downstream));
    if (this.#shownVersion === this.#history.version) return;
    this.#shownVersion = this.#history.version;
    this.#opened.spark?.show(this.#history.opened('all'));
    this.#upstream.spark?.show(this.#history.upstream('all'));
    this.#downstream.spark?.show(this.#history.downstream('all'));
  }
}

/** @param {string} what @param {Spark} [spark] */
function tile(what, spark) {
  const figure = element('p', { class: 'figure' }, '–');
  const note = element('p', { class: 'note' });
  const made = element(
    'div',
    { class: 'tile' },
    element('p', { class: 'what' }, what),
    figure,
    note,
  );
  if (spark !== undefined) made.append(spark.element);
  return { element: made, figure, note, spark };
}

/** @typedef {LiveFigures['listeners'][0]} Listener */

export class Listeners {
  /** @type {Table<Listener>} */
  #table = new Table('Listeners', [
    { title: 'Name', isHeader: true, class: 'name', show: ({ name }) => name },
    { title: 'Address', class: 'where', show: ({ address }) => address },
    {
      title: 'State',
      show: ({ isPaused }, cell) => {
        const word = isPaused ? 'paused' : 'accepting';
        if (cell.textContent !== word)
          cell.replaceChildren(
            element('span', { class: `state ${isPaused ? 'drain' : 'up'}` }, word),
          );
        return undefined;
      },
    },
    { title: 'Sessions', class: 'number', show: ({ open }) => count(open) },
    { title: 'New', class: 'number far', show: ({ opened }) => rate(opened) },
    { title: 'In', class: 'number far', show: ({ upstream }) => byteRate(upstream) },
    { title: 'Out', class: 'number', show: ({ downstream }) => byteRate(downstream) },
    { title: 'No backend', class: 'number extra', show: ({ failures }) => count(failures) },
    { title: 'Refused', class: 'number extra', show: ({ rejected }) => count(rejected) },
  ]);

  constructor() {
    byId('listeners').append(this.#table.element);
  }

  /** @param {LiveFigures} figures */
  show({ listeners }) {
    this.#table.show(listeners, ({ name, address }) => `${name} ${address}`);
  }
}

/** @typedef {LiveFigures['pools'][0]} Pool */

export class Times {
  /** @type {Table<Pool>} */
  #table = new Table('How long things take, last minute or two', [
    { title: 'Pool', isHeader: true, class: 'name', show: ({ name }) => name },
    ...timesOf('connect', 'Connect'),
    ...timesOf('firstByte', 'First byte'),
    ...timesOf('duration', 'Session'),
  ]);

  constructor() {
    byId('times').append(this.#table.element);
  }

  /** @param {LiveFigures} figures */
  show({ pools }) {
    const measured = pools.filter(({ times }) => Object.keys(times).length > 0);
    byId('times').hidden = measured.length === 0;
    this.#table.show(measured, ({ name }) => name);
  }
}

/** @param {keyof Pool['times']} which @param {string} title @returns {Column<Pool>[]} */
function timesOf(which, title) {
  return /** @type {const} */ (['p50', 'p90', 'p99']).map((percent) => ({
    title: `${title} ${percent}`,
    class: percent === 'p90' ? 'number extra' : 'number',
    show: ({ times }) => seconds(times[which]?.[percent]),
  }));
}

/** @typedef {LiveFigures['ends'][0]} End */

export class Ends {
  #all = 0;
  /** @type {Table<End>} */
  #table = new Table('How sessions end', [
    { title: 'Reason', isHeader: true, class: 'name', show: ({ reason }) => reason },
    { title: 'By', show: ({ side }) => side },
    { title: 'In phase', show: ({ phase }) => phase },
    { title: 'Count', class: 'number', show: (end) => count(end.count) },
    { title: 'Share', class: 'number', show: (end) => share(end.count, this.#all) },
  ]);

  constructor() {
    byId('ends').append(this.#table.element);
  }

  /** @param {LiveFigures} figures */
  show({ ends }) {
    byId('ends').hidden = ends.length === 0;
    this.#all = ends.reduce((sum, end) => sum + end.count, 0);
    const sorted = [...ends].sort((one, other) => other.count - one.count).slice(0, 10);
    this.#table.show(sorted, ({ reason, side, phase }) => `${reason} ${side} ${phase}`);
  }
}

/** @param {number} part @param {number} all */
function share(part, all) {
  const percent = (part / all) * 100;
  return percent > 0 && percent < 1 ? '< 1 %' : `${percent.toFixed(0)} %`;
}

const LOOK_EVERY_MS = 5000;

/** @typedef {TopSessionsAnswer['sessions'][0]} Session @typedef {TopSessionsAnswer['clients'][0]} Client */

/** Asked for while somebody looks. */
export class Top {
  /** @type {TopSessionsAnswer | undefined} */
  #before;
  /** @type {Map<string, number>} */
  #bytes = new Map();
  #seconds = 0;
  /** @type {Table<Session>} */
  #sessions = new Table('Top sessions', [
    {
      title: 'Client',
      isHeader: true,
      class: 'name',
      show: ({ client: { address, port } }) =>
        address === ''
          ? 'unix socket'
          : address.includes(':')
            ? `[${address}]:${port}`
            : `${address}:${port}`,
    },
    {
      title: 'Backend',
      show: ({ pool, backend }) => (backend === undefined ? '–' : `${pool ?? '–'}/${backend}`),
    },
    { title: 'Phase', class: 'extra', show: ({ phase }) => phase },
    { title: 'Age', class: 'number far', show: ({ ageMs }) => span(ageMs) },
    {
      title: 'Idle',
      class: 'number extra',
      show: ({ idleMs }) => (idleMs === undefined ? '–' : span(idleMs)),
    },
    { title: 'Now', class: 'number', show: (session) => this.#rateOf(session) },
    { title: 'In', class: 'number far', show: ({ bytesUpstream }) => bytes(bytesUpstream) },
    { title: 'Out', class: 'number', show: ({ bytesDownstream }) => bytes(bytesDownstream) },
  ]);
  /** @type {Table<Client>} */
  #clients = new Table('Top clients', [
    {
      title: 'Client',
      isHeader: true,
      class: 'name',
      show: ({ address }) => address || 'unix socket',
    },
    { title: 'Sessions', class: 'number', show: ({ sessions }) => count(sessions) },
    { title: 'In', class: 'number', show: ({ bytesUpstream }) => bytes(bytesUpstream) },
    { title: 'Out', class: 'number', show: ({ bytesDownstream }) => bytes(bytesDownstream) },
  ]);

  constructor() {
    byId('sessions').append(this.#sessions.element);
    byId('clients').append(this.#clients.element);
    byId('sessions').hidden = true;
    byId('clients').hidden = true;
    void this.#look();
    setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  async #look() {
    if (document.hidden) return;
    try {
      const answer = await fetch('/api/v1/sessions?top=20');
      if (answer.ok) this.#show(await answer.json());
    } catch {
      // The stream of events says that there is nobody.
    }
  }

  /** @param {TopSessionsAnswer} answer */
  #show(answer) {
    const { at, count: all, sessions, clients } = answer;
    if (this.#before !== undefined && this.#before.at !== at) {
      this.#seconds = (at - this.#before.at) / 1000;
      this.#bytes = new Map(this.#before.sessions.map((session) => [session.id, bytesOf(session)]));
    }
    this.#before = answer;
    byId('sessions').hidden = sessions.length === 0;
    byId('clients').hidden = clients.length === 0;
    this.#sessions.caption = all > 20 ? `Top sessions, 20 of ${count(all)}` : 'Top sessions';
    this.#sessions.show(sessions.slice(0, 20), ({ id }) => id);
    this.#clients.show(clients.slice(0, 12), ({ address }) => address);
  }

  /** @param {Session} session */
  #rateOf(session) {
    const before = this.#bytes.get(session.id);
    if (before === undefined || this.#seconds <= 0) return '–';
    return byteRate((bytesOf(session) - before) / this.#seconds);
  }
}

/** @param {Session} session */
const bytesOf = ({ bytesUpstream, bytesDownstream }) => bytesUpstream + bytesDownstream;

const MOST_EVENTS = 100;

export class Events {
  #list = byId('event-list');
  /** @type {Map<number, HTMLElement>} */
  #shown = new Map();

  /** Of another run of the program, or from the start. @param {readonly Happening[]} happened */
  begin(happened) {
    this.#shown = new Map();
    this.add(happened);
  }

  /** Those that are shown already are known by their number; some go on. @param {readonly Happening[]} happened */
  add(happened) {
    for (const happening of happened) {
      if ('times' in happening || !this.#shown.has(happening.id))
        this.#shown.set(happening.id, itemOf(happening));
    }
    const ids = [...this.#shown.keys()].sort((one, other) => other - one);
    for (const id of ids.splice(MOST_EVENTS)) this.#shown.delete(id);
    const items = ids.map((id) => /** @type {HTMLElement} */ (this.#shown.get(id)));
    const none = element('li', { class: 'note' }, 'Nothing has changed since the start.');
    arrange(this.#list, items.length > 0 ? items : [none]);
  }
}

/** @param {Happening} happening */
function itemOf(happening) {
  const { at } = happening;
  const time = element('time', { datetime: new Date(at).toISOString() }, clock(at));
  return element('li', {}, time, ' ', ...wordsOf(happening));
}

/** @param {Happening} happening @returns {(string | Node)[]} */
function wordsOf(happening) {
  switch (happening.event) {
    case 'backend': {
      const state = element('span', { class: `state ${happening.to}` }, happening.to);
      const isGood = happening.to === 'up' || happening.reason === '';
      const why = isGood ? '' : `: ${happening.reason}`;
      return [`${happening.pool}/${happening.backend} `, state, why];
    }
    case 'override': {
      const { pool, backend, set, isGone } = happening;
      if (isGone) return [`${pool}/${backend} was removed, and what was set of it by hand`];
      return [`${pool}/${backend} by hand: ${set === '' ? 'nothing is set any more' : set}`];
    }
    case 'update': {
      const { generation, added, removed, changed } = happening;
      return [`generation ${generation}: ${added} added, ${removed} removed, ${changed} changed`];
    }
    case 'rebalance': {
      const { pool, state, ended } = happening;
      return [
        state === 'begun'
          ? `rebalancing ${pool}`
          : `rebalancing ${pool} is over: ${some(ended, 'session')} ended`,
      ];
    }
    case 'listenerPaused':
      return [
        `${who(happening)} paused at ${some(happening.openSessions, 'session')}`,
        often(happening),
      ];
    case 'listenerResumed':
      return [
        `${who(happening)} accepted again, at ${some(happening.openSessions, 'session')}`,
        often(happening),
      ];
  }
}

/** @param {{ listener?: string }} turn */
const who = ({ listener }) => (listener === undefined ? 'all listeners' : `listener ${listener}`);

/** @param {{ times: number, lastAt: number }} turn */
const often = ({ times, lastAt }) =>
  times === 1 ? '' : `; ${count(times)} pauses and resumes until ${clock(lastAt)}`;
