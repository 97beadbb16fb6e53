/** What has happened of late, for whoever opens the page: states, drains, configurations. Of words, only Spliceway's own. */
import { formatOverride } from '../../model/overlay.js';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import type { ProxyEvents, ResumeEvent } from '../../session/events.js';
import { inOwnWords } from './told.js';

/** The last ones are kept. A crowd of them, as where a thousand backends go down, is shown by its last. */
const KEPT = 100;

/** What has happened, and when: milliseconds since 1970. */
export type Happening = {
  /** Counts up from 1. */
  readonly id: number;
  readonly at: number;
} & (
  | {
      readonly event: 'backend';
      readonly pool: string;
      readonly backend: string;
      readonly from: string;
      readonly to: string;
      readonly reason: string;
    }
  | {
      /** What is set by hand of a backend is something else. */
      readonly event: 'override';
      readonly pool: string;
      readonly backend: string;
      /** `state drain, weight 3`; empty where all was taken back. */
      readonly set: string;
      readonly isGone: boolean;
    }
  | {
      readonly event: 'update';
      readonly generation: number;
      readonly added: number;
      readonly removed: number;
      readonly changed: number;
    }
  | {
      readonly event: 'rebalance';
      readonly pool: string;
      readonly state: 'begun' | 'over';
      readonly ended: number;
    }
  | Turn
);

/** That a listener has paused or resumed. One near its limit does both all the time: what comes so soon after the last is the same happening. */
interface Turn {
  /** What it has done last. */
  readonly event: 'listenerPaused' | 'listenerResumed';
  /** Its name; absent where all of them pause at once. */
  readonly listener?: string;
  readonly openSessions: number;
  /** How often it has paused or resumed, since `at`. */
  readonly times: number;
  /** The last time: milliseconds since 1970. */
  readonly lastAt: number;
}

/** Between a pause or resume of a listener and the next that is the same happening. */
const TOGETHER_MS = 60_000;

type Told = Happening extends infer One
  ? One extends Happening
    ? Omit<One, 'at' | 'id'>
    : never
  : never;

function isTurnOf(happening: Happening, name: string | undefined): happening is Happening & Turn {
  return 'lastAt' in happening && happening.listener === name;
}

export class Happened {
  readonly #proxy: RunningProxy;
  readonly #kept: Happening[] = [];
  #ids = 0;
  #count = 0;
  /** By id: `count` when it was told of, or was another one at last. */
  readonly #changes = new Map<number, number>();
  /** Neither of sessions nor of warnings: whoever listens for these changes what the proxy does. */
  readonly #listeners: {
    readonly [Name in keyof ProxyEvents]?: (...args: ProxyEvents[Name]) => void;
  } = {
    backend: ({ pool, backend, from, to, reason }) => {
      // As was believed: at a start there are as many of these as backends.
      if (from === 'checking' && to === 'up') return;
      this.#keep({
        event: 'backend',
        pool,
        backend,
        from,
        to,
        reason: inOwnWords(reason, to === 'up'),
      });
    },
    override: ({ pool, backend, to, isGone }) =>
      this.#keep({ event: 'override', pool, backend, set: formatOverride(to), isGone }),
    update: ({ generation, added, removed, changed }) =>
      this.#keep({
        event: 'update',
        generation,
        added: added.length,
        removed: removed.length,
        changed: changed.length,
      }),
    rebalance: ({ pool, state, ended }) => this.#keep({ event: 'rebalance', pool, state, ended }),
    listenerPaused: (event) => this.#turn('listenerPaused', event),
    listenerResumed: (event) => this.#turn('listenerResumed', event),
  };

  constructor(proxy: RunningProxy) {
    this.#proxy = proxy;
    this.#listen('on');
  }

  /** How often there was something to tell. */
  get count(): number {
    return this.#count;
  }

  /** What came since `count` was this, or has changed since, as far as it is kept; the oldest first. */
  after(count: number): readonly Happening[] {
    return this.#kept.filter(({ id }) => (this.#changes.get(id) ?? 0) > count);
  }

  close(): void {
    this.#listen('off');
  }

  #keep(told: Told): void {
    this.#ids += 1;
    this.#kept.push({ id: this.#ids, at: Date.now(), ...told } as Happening);
    this.#note(this.#ids);
    if (this.#kept.length <= KEPT) return;
    const oldest = this.#kept.shift();
    if (oldest !== undefined) this.#changes.delete(oldest.id);
  }

  #note(id: number): void {
    this.#count += 1;
    this.#changes.set(id, this.#count);
  }

  #turn(event: Turn['event'], { listenerName, openSessions }: ResumeEvent): void {
    const lastAt = Date.now();
    const before = this.#kept.findLast((kept): kept is Happening & Turn =>
      isTurnOf(kept, listenerName),
    );
    if (before !== undefined && lastAt - before.lastAt < TOGETHER_MS) {
      const turned = { ...before, event, openSessions, times: before.times + 1, lastAt };
      this.#kept[this.#kept.indexOf(before)] = turned;
      this.#note(before.id);
      return;
    }
    this.#keep({
      event,
      ...(listenerName === undefined ? {} : { listener: listenerName }),
      openSessions,
      times: 1,
      lastAt,
    });
  }

  #listen(method: 'on' | 'off'): void {
    for (const [name, listener] of Object.entries(this.#listeners)) {
      this.#proxy[method](name as keyof ProxyEvents, listener as () => void);
    }
  }
}
