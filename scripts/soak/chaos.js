/** What is done to servers, clients and the proxy, in an order that a seed decides. */
import { setTimeout as delay } from 'node:timers/promises';
import { gather } from './crowd.js';

/** @import { Load } from './loads.js' */
/** @import { Backend } from './services.js' */
/** @import { RunningProgram } from '../lib/program.js' */
/** @import { Random } from '../lib/random.js' */

/**
 * @typedef {object} Scene
 * @property {readonly Backend[]} backends
 * @property {readonly Load[]} loads
 * @property {RunningProgram} proxy
 * @property {Random} random
 * @property {() => boolean} isOver nothing is left to disturb
 * @property {(what: string) => void} told of each disturbance, in words, as it begins
 */

/** More than the proxy's limit of open files has room for. */
const flood = 1200;
const crowd = 200;

/** @template T @param {readonly T[]} all @param {Random} random @returns {T} */
function oneOf(all, random) {
  const [first, ...others] = all;
  if (first === undefined) throw new Error('nothing to choose from');
  return random.pick([first, ...others]);
}

/** @param {Random} random @param {number} least @param {number} most milliseconds */
const aWhile = (random, least, most) => delay(random.between(least, most));

/** @type {Readonly<Record<string, (scene: Scene) => Promise<string>>>} each prepares, says what it is, and does it */
export const disturbances = {
  async stop({ backends, random, told }) {
    const backend = oneOf(backends, random);
    told(`stop ${backend.name}`);
    backend.signal('SIGSTOP');
    await aWhile(random, 500, 4000);
    backend.signal('SIGCONT');
    return 'stopped and continued';
  },
  async restart({ backends, random, told }) {
    const backend = oneOf(backends, random);
    told(`kill and restart ${backend.name}`);
    await backend.kill();
    await aWhile(random, 100, 2000);
    await backend.start();
    return 'killed and restarted';
  },
  async reset({ backends, random, told }) {
    const backend = oneOf(
      backends.filter(({ service }) => service.name === 'checked'),
      random,
    );
    told(`${backend.name} resets all connections`);
    backend.tell('reset');
    return 'backend reset everybody';
  },
  async vanish({ loads, random, told }) {
    const load = oneOf(loads, random);
    told(`clients of ${load.service.name} vanish`);
    load.kill();
    return 'clients killed';
  },
  async crowd({ loads, random, told }) {
    const load = oneOf(loads, random);
    told(`${crowd} idle clients of ${load.service.name}`);
    const { leave } = await gather(load.port, crowd);
    await aWhile(random, 500, 3000);
    leave();
    return 'idle crowds';
  },
  async flood({ loads, random, told }) {
    const load = oneOf(loads, random);
    told(`${flood} clients of ${load.service.name}: no descriptors left`);
    const { leave } = await gather(load.port, flood);
    await aWhile(random, 500, 2000);
    leave();
    return 'floods beyond the descriptors';
  },
  async block({ proxy, random, told }) {
    const ms = random.between(500, 3000);
    told(`JavaScript blocked for ${ms} ms`);
    proxy.tell(`block ${ms}`);
    await delay(ms);
    return 'JavaScript blocked';
  },
};

/** Every kind in turn, in an order of its own each time. */
export class Deck {
  /** @type {((scene: Scene) => Promise<string>)[]} */
  #left = [];

  /** @param {Random} random */
  next(random) {
    if (this.#left.length === 0) this.#left = Object.values(disturbances);
    const kind = oneOf(this.#left, random);
    this.#left = this.#left.filter((other) => other !== kind);
    return kind;
  }
}

/**
 * Disturbs, one disturbance after the other, until it is time.
 *
 * @param {Scene} scene
 * @param {Deck} deck
 * @param {number} ms
 * @param {Record<string, number>} counts of each kind, added to
 */
export async function disturb(scene, deck, ms, counts) {
  const until = performance.now() + ms;
  while (performance.now() < until && !scene.isOver()) {
    const what = await deck.next(scene.random)(scene);
    counts[what] = (counts[what] ?? 0) + 1;
    await aWhile(scene.random, 200, 1500);
  }
}
