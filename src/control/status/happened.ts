/** What has happened of late, for whoever opens the page: states, drains, configurations. Of words, only Spliceway's own. */
import { formatOverride } from '../../model/overlay.js';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import type { ProxyEvents } from '../../session/events.js';
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
  | { readonly event: 'listenerPaused'; readonly openSessions: number }
  | { readonly event: 'listenerResumed'; readonly openSessions: number }
);

type Told = Happening extends infer One
  ? One extends Happening
    ? Omit<One, 'at' | 'id'>
    : never
  : never;

export class Happened {
  readonly #proxy: RunningProxy;
  readonly #kept: Happening[] = [];
  #count = 0;
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
    listenerPaused: ({ openSessions }) => this.#keep({ event: 'listenerPaused', openSessions }),
    listenerResumed: ({ openSessions }) => this.#keep({ event: 'listenerResumed', openSessions }),
  };

  constructor(proxy: RunningProxy) {
    this.#proxy = proxy;
    this.#listen('on');
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** Those that came after so many, as far as they are kept, the oldest first. */
  after(count: number): readonly Happening[] {
    return this.#kept.filter(({ id }) => id > count);
  }

  close(): void {
    this.#listen('off');
  }

  #keep(told: Told): void {
    this.#count += 1;
    this.#kept.push({ id: this.#count, at: Date.now(), ...told } as Happening);
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  #listen(method: 'on' | 'off'): void {
    for (const [name, listener] of Object.entries(this.#listeners)) {
      this.#proxy[method](name as keyof ProxyEvents, listener as () => void);
    }
  }
}
