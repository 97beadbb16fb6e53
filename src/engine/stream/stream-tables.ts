import { isIP } from 'node:net';
import type { ResolvedAddress } from '../../model/address.js';
import { alternateFamilies } from '../alternate-families.js';
import { HistogramWriter, type PoolHistograms } from '../histogram.js';
import type {
  BackendState,
  EngineTables,
  PoolLimits,
  QueueFigures,
  SessionsOf,
} from '../tables.js';
import { PoolQueue } from './pool-queue.js';
import type { StreamCounters } from './stream-counters.js';

/** What is known of a backend. */
interface Backend {
  addresses: readonly ResolvedAddress[];
  inTurn: boolean;
  /** Of its addresses. */
  turn: number;
  /** Sessions at once; 0 is any number. */
  most: number;
  state: BackendState;
  /** Sessions that it has, or that are on their way to it. */
  taken: number;
  /** Sessions that it has ended early, one after the other. */
  earlyResets: number;
  /** Addresses of this machine that connections come from. */
  sources: readonly string[];
  /** Of the source addresses. */
  sourceTurn: number;
  /** `undefined` as long as nothing was said of it. */
  pool: Pool | undefined;
}

/** What is known of a pool. */
interface Pool {
  readonly queue: PoolQueue;
  readonly backends: Set<Backend>;
  readonly histograms: HistogramWriter;
}

export interface StreamTablesHost {
  readonly counters: StreamCounters;
  endSessions(sessions: SessionsOf): void;
  endIdle(row: number, idleMs: number, most: number): void;
}

/** What sessions go by, and how many each backend has. One thread, so what is said holds at once. */
export class StreamTables implements EngineTables {
  readonly #host: StreamTablesHost;
  /** By row. */
  readonly #backends = new Map<number, Backend>();
  /** By number. */
  readonly #pools = new Map<number, Pool>();

  constructor(host: StreamTablesHost) {
    this.#host = host;
  }

  hold(): void {}

  /** Who may be picked may be another. */
  publish(): void {
    for (const { queue } of this.#pools.values()) queue.change();
  }

  async inEffect(): Promise<void> {}
  async settled(): Promise<void> {}

  setBackend(
    row: number,
    addresses: readonly ResolvedAddress[],
    inTurn: boolean,
    pool: number,
  ): void {
    const backend = Object.assign(this.#at(row), { addresses, inTurn, pool: this.#poolAt(pool) });
    backend.pool.backends.add(backend);
    backend.pool.queue.change();
  }

  setSources(row: number, addresses: readonly string[]): void {
    this.#at(row).sources = addresses;
  }

  limitBackend(row: number, maxSessions: number): void {
    this.#change(row, { most: maxSessions });
  }

  setBackendState(row: number, state: BackendState): void {
    this.#change(row, { state });
  }

  earlyResets(row: number): number {
    return this.#at(row).earlyResets;
  }

  forgetEarlyResets(row: number): void {
    this.#at(row).earlyResets = 0;
  }

  noteEarlyReset(row: number): void {
    this.#at(row).earlyResets += 1;
  }

  /** Of a backend at a unix socket, which has no other address. */
  unixAddressOf(row: number): ResolvedAddress | undefined {
    return this.#at(row).addresses.find(({ kind }) => kind === 'unix');
  }

  removeBackend(row: number): void {
    this.#change(row, { addresses: [], state: 'drain' });
  }

  isBackendVacant(row: number): boolean {
    return this.#at(row).taken === 0;
  }

  clearBackend(row: number): void {
    const backend = this.#at(row);
    backend.pool?.backends.delete(backend);
    this.#backends.delete(row);
    this.#host.counters.clearBackend(row);
  }

  limitPool(pool: number, limits: PoolLimits): void {
    this.queueOf(pool).limit(limits);
  }

  queued(pool: number): number {
    return this.queueOf(pool).length;
  }

  queueFigures(pool: number): QueueFigures {
    return this.queueOf(pool).figures;
  }

  histograms(pool: number): PoolHistograms {
    return this.#poolAt(pool).histograms.figures;
  }

  /** Of the pool of a backend that has sessions. */
  histogramsOf(row: number): HistogramWriter | undefined {
    return this.#at(row).pool?.histograms;
  }

  clearPool(pool: number): void {
    this.#pools.delete(pool);
  }

  closeListener(): void {}

  isListenerVacant(row: number): boolean {
    return this.#host.counters.listener(row).open === 0;
  }

  clearListener(row: number): void {
    this.#host.counters.clearListener(row);
  }

  endSessions(sessions: SessionsOf): void {
    this.#host.endSessions(sessions);
  }

  endIdle(row: number, idleMs: number, most: number): void {
    this.#host.endIdle(row, idleMs, most);
  }

  isSwept(): boolean {
    return false;
  }

  /** In the order in which the next session tries them: whichever is the first, the next is of the other family. */
  nextAddresses(row: number): readonly ResolvedAddress[] {
    const backend = this.#at(row);
    const { addresses, inTurn } = backend;
    if (!inTurn || addresses.length < 2) return addresses;
    const first = backend.turn++ % addresses.length;
    return alternateFamilies([...addresses.slice(first), ...addresses.slice(0, first)]);
  }

  /** Where the next connection to an address of a backend may come from, best first; none: from anywhere. */
  nextSources(row: number, to: ResolvedAddress): readonly string[] {
    const backend = this.#at(row);
    if (backend.sources.length === 0 || to.kind === 'unix') return [];
    const sources = backend.sources.filter((source) => isIP(source) === to.family);
    const first = backend.sourceTurn++ % Math.max(sources.length, 1);
    return [...sources.slice(first), ...sources.slice(0, first)];
  }

  queueOf(pool: number): PoolQueue {
    return this.#poolAt(pool).queue;
  }

  /** Takes a place at a backend, to be given back; or says why there is none. */
  takePlace(row: number): 'taken' | 'full' | 'closed' {
    const backend = this.#at(row);
    // Whoever picked it knew that it is down, where it is.
    if (backend.state === 'drain') return 'closed';
    if (isFull(backend) || backend.pool?.queue.placesOfPool === 0) return 'full';
    backend.taken += 1;
    backend.pool?.queue.takePlace();
    return 'taken';
  }

  giveBackPlace(row: number): void {
    const backend = this.#at(row);
    backend.taken -= 1;
    backend.pool?.queue.giveBackPlace();
  }

  #change(row: number, change: Partial<Backend>): void {
    Object.assign(this.#at(row), change).pool?.queue.change();
  }

  #at(row: number): Backend {
    const known = this.#backends.get(row);
    if (known !== undefined) return known;
    const unknown: Backend = {
      addresses: [],
      inTurn: false,
      turn: 0,
      most: 0,
      state: 'up',
      taken: 0,
      earlyResets: 0,
      sources: [],
      sourceTurn: 0,
      pool: undefined,
    };
    this.#backends.set(row, unknown);
    return unknown;
  }

  #poolAt(number: number): Pool {
    const known = this.#pools.get(number);
    if (known !== undefined) return known;
    const backends = new Set<Backend>();
    const histograms = new HistogramWriter();
    const queue: PoolQueue = new PoolQueue(
      (upTo) => placesOf(backends, Math.min(upTo, queue.placesOfPool)),
      (waitedMs) => histograms.note('queue', waitedMs * 1000),
    );
    const unknown = { queue, backends, histograms };
    this.#pools.set(number, unknown);
    return unknown;
  }
}

const isFull = ({ most, taken }: Backend) => most > 0 && taken >= most;

/**
 * How many places are free, if that is less than `most`. Where no backend is up, nobody has one to wait for, and all who are asked
 * find out.
 */
function placesOf(backends: Iterable<Backend>, most: number): number {
  let isAnyUp = false;
  let places = 0;
  for (const backend of backends) {
    if (backend.state !== 'up') continue;
    isAnyUp = true;
    places += backend.most > 0 ? Math.max(backend.most - backend.taken, 0) : most;
    if (places >= most) return most;
  }
  return isAnyUp ? places : Number.POSITIVE_INFINITY;
}
