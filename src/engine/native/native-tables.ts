import { isDeepStrictEqual } from 'node:util';
import type { ResolvedAddress } from '../../model/address.js';
import type { PickPlan } from '../../policy/plan.js';
import type { Counters } from '../counters.js';
import type { SessionTimeouts } from '../engine.js';
import { noHistograms, type PoolHistograms, readHistograms } from '../histogram.js';
import type {
  AcceptingTables,
  ListenerPlan,
  PoolLimits,
  QueueFigures,
  ServiceLimits,
  SessionsOf,
} from '../tables.js';
import {
  BackendState,
  Ending,
  Entry,
  type NativeBinding,
  type NativeEngineBinding,
  NONE,
  Picks,
} from './binding.js';
import { lookUntil } from './look-until.js';

export interface NativeTablesHost {
  readonly binding: NativeEngineBinding;
  readonly module: Pick<NativeBinding, 'closeDescriptor'>;
  readonly counters: Counters;
  /** The engine is closed: its binding must not be called any more. */
  isClosed(): boolean;
  /** Has all events taken that there are now. The result tells whether that is done. */
  takeEvents(): () => boolean;
  /** Sessions are listed: what they are told by is to be read with the rows as they are. */
  isListing(): boolean;
  /** Whether the loops accept, or have sessions of whoever they accepted from. */
  onListening(isListening: boolean): void;
}

/** What the loops go by, as they are told. */
export class NativeTables implements AcceptingTables {
  readonly #host: NativeTablesHost;
  /** By row, as they were said last. */
  readonly #backends = new Map<number, readonly ResolvedAddress[]>();
  /** Of those rows that have any. */
  readonly #sources = new Map<number, readonly string[]>();
  /** Generations of the tables in which they were taken out, by row. */
  readonly #removed = new Map<number, number>();
  /** Numbers of pools that there are. */
  readonly #limited = new Set<number>();
  /** Rows of histograms, by number of their pool: those in which the loops have counted. */
  readonly #histograms = new Map<number, BigUint64Array>();
  /** Once the binding is closed. */
  readonly #lastFigures = new Map<number, QueueFigures>();
  /** Rows of listeners that the loops accept on, or have sessions of. */
  readonly #listening = new Set<number>();
  /** Rows that the loops have left: whether what they said of them before has been taken. */
  readonly #left = new Map<string, () => boolean>();

  constructor(host: NativeTablesHost) {
    this.#host = host;
  }

  hold(): void {
    if (!this.#host.isClosed()) this.#host.binding.hold();
  }

  publish(): void {
    if (!this.#host.isClosed()) this.#host.binding.publish();
  }

  inEffect(): Promise<void> {
    const { binding, isClosed } = this.#host;
    if (isClosed()) return Promise.resolve();
    const barrier = binding.postBarrier();
    return this.#wait(() => binding.havePassed(barrier));
  }

  async settled(): Promise<void> {
    await this.inEffect();
    // Those whom one loop took as it closed begin on another one.
    await this.inEffect();
    if (this.#host.isClosed()) return;
    await this.#wait(this.#host.takeEvents());
    await this.inEffect();
  }

  #wait(isOver: () => boolean): Promise<void> {
    return lookUntil(() => this.#host.isClosed() || isOver());
  }

  setBackend(
    row: number,
    addresses: readonly ResolvedAddress[],
    inTurn: boolean,
    pool: number,
  ): void {
    if (this.#host.isClosed()) return;
    this.#backends.set(row, addresses);
    this.#host.binding.setBackend(
      row,
      addresses.map((address) =>
        address.kind === 'unix' ? [address.path, NONE] : [address.ip, address.port],
      ),
      inTurn,
      pool,
    );
  }

  /** The first address of a backend as it was said last. */
  firstAddressOf(row: number): ResolvedAddress | undefined {
    return this.#backends.get(row)?.[0];
  }

  setSources(row: number, addresses: readonly string[]): void {
    if (this.#host.isClosed() || isDeepStrictEqual(this.#sources.get(row) ?? [], addresses)) return;
    if (addresses.length > 0) this.#sources.set(row, addresses);
    else this.#sources.delete(row);
    this.#host.binding.setSources(row, addresses);
  }

  limitBackend(row: number, maxSessions: number): void {
    if (!this.#host.isClosed()) this.#host.binding.limitBackend(row, maxSessions);
  }

  setBackendState(row: number, state: keyof typeof BackendState): void {
    if (!this.#host.isClosed()) this.#host.binding.setBackendState(row, BackendState[state]);
  }

  earlyResets(row: number): number {
    return this.#host.isClosed() ? 0 : this.#host.binding.earlyResets(row);
  }

  forgetEarlyResets(row: number): void {
    if (!this.#host.isClosed()) this.#host.binding.forgetEarlyResets(row);
  }

  removeBackend(row: number): void {
    if (this.#host.isClosed()) return;
    this.#left.delete(`backend ${row}`);
    this.#removed.set(row, this.#host.binding.removeBackend(row));
  }

  isBackendVacant(row: number): boolean {
    if (this.#host.isClosed()) return true;
    const { binding } = this.#host;
    const removed = this.#removed.get(row) ?? 0;
    return this.#isLeft(`backend ${row}`, binding.isBackendVacant(row, removed));
  }

  clearBackend(row: number): void {
    if (this.#host.isClosed()) return;
    this.#backends.delete(row);
    this.#removed.delete(row);
    this.#left.delete(`backend ${row}`);
    this.setSources(row, []);
    this.#host.binding.resetBackendCounters(row);
  }

  isListenerVacant(row: number): boolean {
    if (this.#host.isClosed()) return true;
    const { binding, counters } = this.#host;
    // The figures have those that wait for Node to write, of whom the loops do not know yet.
    const isVacant = binding.isListenerVacant(row) && counters.listener(row).open === 0;
    return this.#isLeft(`listener ${row}`, isVacant);
  }

  clearListener(row: number): void {
    if (this.#host.isClosed()) return;
    this.#left.delete(`listener ${row}`);
    this.#host.binding.resetListenerCounters(row);
    if (this.#listening.delete(row) && this.#listening.size === 0) this.#host.onListening(false);
  }

  endSessions({ backend = NONE, listener = NONE }: SessionsOf): void {
    if (!this.#host.isClosed()) this.#host.binding.endSessions(backend, listener, Ending.reset);
  }

  endIdle(row: number, idleMs: number, most: number): void {
    if (!this.#host.isClosed()) this.#host.binding.endIdle(row, idleMs, most);
  }

  isSwept(row: number): boolean {
    return !this.#host.isClosed() && this.#host.binding.isSwept(row);
  }

  inUse(row: number): number {
    return this.#host.isClosed() ? 0 : this.#host.binding.inUse(row);
  }

  detachListener(row: number): void {
    const none = { connectMs: 0, search: { budgetMs: 0, attempts: 1, abortOnClose: false } };
    const others = { idleMs: 0, halfCloseMs: 0, handshakeMs: 0, earlyResetMs: 0, maxAgeMs: 0 };
    const timeouts = { ...none, ...others };
    const clientLimits = { remote: 0, loopback: 0 };
    this.setListener(row, { pool: NONE, picks: 'cycle', timeouts, clientLimits });
  }

  setPool(pool: number, plan: PickPlan | undefined): void {
    if (this.#host.isClosed()) return;
    if (plan === undefined) this.#host.binding.removePool(pool);
    else this.#host.binding.setPool(pool, planWords(plan), rowsOf(plan));
  }

  setListener(row: number, plan: ListenerPlan): void {
    if (this.#host.isClosed()) return;
    const { pool, picks, timeouts, clientLimits, serviceLimits } = plan;
    const limits = Uint32Array.of(clientLimits.remote, clientLimits.loopback);
    const ofService = serviceWords(serviceLimits);
    this.#host.binding.setListener(
      row,
      pool,
      Picks[picks],
      timeoutWords(timeouts),
      limits,
      ofService,
    );
  }

  listen(row: number, descriptor: number, isPaused: boolean): void {
    if (this.#host.isClosed()) {
      this.#host.module.closeDescriptor(descriptor);
      return;
    }
    this.#host.binding.listen(row, descriptor, isPaused);
    if (this.#listening.add(row).size === 1) this.#host.onListening(true);
  }

  limitPool(pool: number, { maxSessions, queueLength, queueMs }: PoolLimits): void {
    if (this.#host.isClosed()) return;
    this.#limited.add(pool);
    this.#host.binding.limitPool(pool, maxSessions, queueLength, queueMs);
  }

  queued(pool: number): number {
    return this.#host.isClosed() ? 0 : this.#host.binding.queued(pool);
  }

  queueFigures(pool: number): QueueFigures {
    return this.#lastFigures.get(pool) ?? this.#figuresNow(pool);
  }

  histograms(pool: number): PoolHistograms {
    const words = this.#histograms.get(pool) ?? this.#histogramWords(pool);
    return words === undefined ? noHistograms : readHistograms(words);
  }

  #histogramWords(pool: number): BigUint64Array | undefined {
    const rows = this.#host.binding.histograms(pool);
    if (rows === undefined) return undefined;
    const words = new BigUint64Array(rows);
    this.#histograms.set(pool, words);
    return words;
  }

  clearPool(pool: number): void {
    this.#limited.delete(pool);
    if (!this.#host.isClosed()) this.#host.binding.resetPool(pool);
  }

  /** To be called before the binding is closed: figures are asked for afterwards. */
  keepFigures(): void {
    for (const pool of this.#limited) this.#lastFigures.set(pool, this.#figuresNow(pool));
  }

  #figuresNow(pool: number): QueueFigures {
    const [served = 0, timedOut = 0, refused = 0, left = 0] = this.#host.binding.poolFigures(pool);
    return { served, timedOut, refused, left };
  }

  closeListener(row: number): void {
    if (this.#host.isClosed()) return;
    this.#left.delete(`listener ${row}`);
    this.#host.binding.closeListener(row);
  }

  pauseListener(row: number): void {
    if (!this.#host.isClosed()) this.#host.binding.pauseListener(row);
  }

  resumeListener(row: number): void {
    if (!this.#host.isClosed()) this.#host.binding.resumeListener(row);
  }

  /** The last events that name a row may still be to be taken, and must not be heard of its next owner. */
  #isLeft(row: string, isVacant: boolean): boolean {
    if (!isVacant || this.#host.isListing()) {
      this.#left.delete(row);
      return false;
    }
    const isTaken = this.#left.get(row);
    if (isTaken !== undefined) return isTaken();
    this.#left.set(row, this.#host.takeEvents());
    return false;
  }
}

const WHOLE_ADDRESS = { ipv4Prefix: 32, ipv6Prefix: 128, withPort: false };

function planWords({ entry, hashKey = WHOLE_ADDRESS, tiers, triesDown }: PickPlan): Uint32Array {
  const { ipv4Prefix, ipv6Prefix, withPort } = hashKey;
  const words = [Entry[entry], ipv4Prefix, ipv6Prefix, withPort ? 1 : 0, triesDown ? 1 : 0];
  return Uint32Array.of(...words, ...tiers.map(({ length }) => length));
}

/** Of all tiers, the one after the other. */
function rowsOf({ tiers }: PickPlan): Uint16Array {
  const [first = new Uint16Array(), ...others] = tiers;
  if (others.length === 0) return first;
  const rows = new Uint16Array(tiers.reduce((sum, { length }) => sum + length, 0));
  let from = 0;
  for (const tier of tiers) {
    rows.set(tier, from);
    from += tier.length;
  }
  return rows;
}

function serviceWords(limits: ServiceLimits | undefined): Uint32Array {
  if (limits === undefined) return new Uint32Array(4);
  const { service, maxSessions, clients } = limits;
  return Uint32Array.of(service, maxSessions, clients.remote, clients.loopback);
}

/** As the binding takes them. */
export function timeoutWords(timeouts: SessionTimeouts): Uint32Array {
  const { connectMs, search, idleMs, halfCloseMs, handshakeMs, earlyResetMs, maxAgeMs } = timeouts;
  const { budgetMs, attempts, abortOnClose } = search;
  const searching = [budgetMs, attempts, abortOnClose ? 1 : 0];
  const relaying = [idleMs, halfCloseMs, handshakeMs, earlyResetMs, maxAgeMs];
  return Uint32Array.of(connectMs, ...searching, ...relaying);
}
