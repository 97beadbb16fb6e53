/** A running proxy: services, an engine, and what a program does with them. */

import type { Socket } from 'node:net';
import { checkOptions } from '../config/check-options.js';
import { parseDuration } from '../config/duration.js';
import type { ProxyOptions } from '../config/options.js';
import { optionsOf } from '../config/options-of.js';
import { parseOptions } from '../config/schema.js';
import { DEFAULT_NAME, unusedPools } from '../config/services.js';
import type { ProxyConfig } from '../config/types.js';
import type { ChosenEngine } from '../engine/choose.js';
import type { Engine } from '../engine/engine.js';
import { type Entrance, nodeAcceptsFor } from '../entrance/entrance.js';
import type { ListenerAddress } from '../entrance/listener.js';
import { SplicewayError } from '../errors/catalogue.js';
import { lacksHardLinks } from '../errors/listen-error.js';
import { poolUnused, tooManyAsked } from '../errors/messages.js';
import type { Address } from '../model/address.js';
import type { Overlay } from '../model/overlay.js';
import type { Changes, UpdateResult } from '../model/update-result.js';
import { openSessions, type ProxyStats, readStats } from '../observe/stats.js';
import { SAMPLE, type TransportStats, transportOf } from '../observe/transport.js';
import { Warnings } from '../observe/warnings.js';
import type { HealthWatch } from '../pool/health/health-watch.js';
import type { Names } from '../pool/names.js';
import { emitSafely } from '../session/emit.js';
import type { Session } from '../session/session.js';
import { SessionEmitter } from '../session/session-emitter.js';
import type { SessionFilter, SessionInfo, SessionsOptions } from '../session/session-info.js';
import type { Sessions } from '../session/sessions.js';
import { clearTimeout, setImmediate, setTimeout } from '../timers.js';
import { assemble, type ProxyInternals } from './assembly.js';
import { changesOf, checkFixed, isSameConfig } from './difference.js';
import type { ListenerHandle, PoolHandle } from './handles.js';
import { Handles } from './handles-of.js';
import { handOff } from './handoff.js';
import { LiveSessions } from './live-sessions.js';
import type { CloseOptions, HandoffOptions, RunningEngine } from './options.js';
import { droppedOf, overlayOf } from './overlay.js';
import type { Readiness } from './readiness.js';
import type { ChangeOptions, Services } from './services.js';

/** A running load balancer, made by `createProxy()`. See `ProxyEvents` for what it emits. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: it is what users call it, and nobody here needs the other one
export class Proxy extends SessionEmitter {
  #config: ProxyConfig;
  #generation = 0;
  readonly #engine: Engine;
  readonly #engineReason: string;
  readonly #services: Services;
  readonly #handles: Handles;
  readonly #sessions: Sessions;
  readonly #live: LiveSessions;
  readonly #names: Names;
  readonly #health: HealthWatch;
  readonly #makeNodeEntrance: () => Entrance;
  #entrance: Entrance;
  #accept: 'native' | 'node';
  readonly #warnings = new Warnings((message) => this.#warn(message));
  /** Updates, one after the other; the last one. */
  #updating: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #endDrain: (() => void) | undefined;
  #finalStats: ProxyStats | undefined;

  /** @internal Use `createProxy()`. */
  constructor(config: ProxyConfig, chosen: ChosenEngine, internals: ProxyInternals) {
    super();
    const { engine } = chosen;
    this.#config = config;
    this.#engine = engine;
    this.#engineReason = chosen.reason;
    const parts = assemble(config, chosen, internals, {
      emitter: this,
      warnings: this.#warnings,
      entrance: () => this.#entrance,
      openSessions: () => openSessions(this.#counted()),
      isClosing: () => this.#closing !== undefined,
      checkOpen: () => this.#checkOpen(),
    });
    this.#services = parts.services;
    this.#sessions = parts.sessions;
    this.#live = new LiveSessions(engine, parts.services);
    this.#names = parts.names;
    this.#health = parts.health;
    this.#accept = parts.accept;
    this.#entrance = parts.entrance;
    this.#makeNodeEntrance = parts.makeNodeEntrance;
    if (parts.accept === 'native') this.watchListeners((isHeard) => this.#observe(isHeard));
    this.#handles = new Handles({
      services: parts.services,
      tables: engine.tables,
      counters: engine.counters,
      entrance: () => this.#entrance,
      config: () => this.#config,
      update: (change, options) => this.#update(change, options),
      changed: () => {
        this.#generation += 1;
      },
      checkOpen: () => this.#checkOpen(),
    });
    if (chosen.warning !== undefined) this.#warnings.say(chosen.warning);
    const { maxSessions = 0 } = config;
    if (maxSessions > engine.limit.most) {
      this.#warnings.say(tooManyAsked(maxSessions, engine.limit.most));
    }
  }

  /** @internal Resolves the names of the pools and opens the listeners; closes everything when that fails. */
  async start(overlay: Overlay): Promise<void> {
    try {
      await this.#openEntrance(overlay);
      const dropped = droppedOf(overlay, this.#services.pools);
      if (dropped !== undefined) this.#warnings.say(dropped);
      this.#generation = 1;
      this.#warnOfUnused([]);
    } catch (error) {
      await this.close();
      throw error;
    }
    // Later, so that whoever awaits `createProxy()` has had the time to listen.
    setImmediate(() => {
      this.#warnings.release();
      this.#observe(this.listenerCount('session') > 0);
    });
  }

  /** A listener of `session` may end a client, as far as it keeps up. */
  #observe(isHeard: boolean): void {
    this.#entrance.attend(isHeard ? 'watch' : 'none');
  }

  /** Leaves accepting to Node where the loops were to do it by default, and cannot have a unix listener. */
  async #openEntrance(overlay: Overlay): Promise<void> {
    // Whoever awaits `createProxy()` may listen right afterwards.
    this.#observe(true);
    try {
      await this.#services.apply(undefined, this.#config, this.#entrance, { overlay });
    } catch (error) {
      const { cause } = error as Error;
      if (this.#config.accept !== 'auto' || !lacksHardLinks(cause)) throw error;
      this.#warnings.say(nodeAcceptsFor(cause.path));
      this.#accept = 'node';
      this.#entrance = this.#makeNodeEntrance();
      await this.#services.apply(undefined, this.#config, this.#entrance, { overlay });
    }
  }

  /** Which engine runs, and why. */
  get engine(): RunningEngine {
    return { name: this.#engine.name, reason: this.#engineReason };
  }

  /** Who accepts clients: the engine by itself, or Node. */
  get accept(): 'native' | 'node' {
    return this.#accept;
  }

  /** Counts up with each change that took effect, from 1 on. */
  get generation(): number {
    return this.#generation;
  }

  /** The options that are in effect, with every default filled in, in the form in which they were given. A copy. */
  get options(): ProxyOptions {
    return optionsOf(this.#config);
  }

  /** Whether `close()` was called. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Where it listens, in the order of the options, with real ports; also after `close()`. */
  addresses(): ListenerAddress[] {
    return Array.from(this.#services.binds(), ({ address }) => address);
  }

  /** @internal Whether it takes clients, by its pools. */
  readiness(): Readiness {
    const pools = Array.from(this.#services.pools.values(), ({ name, isServing }) => ({
      pool: name,
      ready: isServing,
    }));
    return { isClosing: this.#closing !== undefined, pools };
  }

  /** @internal How many sessions it may hold at once; `Infinity` where nothing limits them that is known. */
  get sessionLimit(): number {
    return this.#engine.limit.most;
  }

  /** The figures now; after `close()` the last ones. */
  stats(): ProxyStats {
    return this.#finalStats ?? readStats(this.#counted());
  }

  #counted() {
    const { leavingBinds, leavingBackends, ledger, handoffRow } = this.#services;
    return {
      engine: this.#engine,
      generation: this.#generation,
      listeners: Array.from(this.#services.binds(), ({ row, service, name: address }) => ({
        row,
        name: service.name,
        address,
        maxSessions: service.limits.maxSessions || undefined,
      })),
      leaving: Array.from(leavingBinds, ({ row }) => row),
      handoff: handoffRow,
      pools: this.#services.pools.values(),
      backends: [...this.#services.pooled(), ...leavingBackends],
      ledger,
    };
  }

  /**
   * Has another configuration take the place of the one that runs, whole or not at all. Sessions go on, but those of backends and
   * listeners that are gone, of which `onRemove` tells. Updates take their turns.
   *
   * @param options the whole of it, in either form; or a function that makes it of the one that is in effect then
   * @returns when it is in effect
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` also for what cannot change while it runs, `…_INVALID_ADDRESS`,
   *   `…_INVALID_DURATION`, `…_LISTEN`, `…_RESOURCE_LIMIT`, `…_CLOSED`; nothing has changed then
   */
  async update(
    options: ProxyOptions | ((present: ProxyOptions) => ProxyOptions),
  ): Promise<UpdateResult> {
    if (typeof options !== 'function') return this.updateConfig(parseOptions(options));
    return this.#update((present) => {
      const made: unknown = options(optionsOf(present));
      if (made instanceof Promise) {
        throw new SplicewayError(
          'ERR_SPLICEWAY_INVALID_OPTION',
          'the function that update() was given returned a promise; have it return the options, and await before',
        );
      }
      return parseOptions(made);
    });
  }

  /** @internal As `update()`, for a configuration that was validated before. */
  updateConfig(config: ProxyConfig): Promise<UpdateResult> {
    return this.#update(() => config);
  }

  /**
   * @internal What `updateConfig()` would change, if it came now.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` for what cannot change while it runs
   */
  changesTo(config: ProxyConfig): Changes {
    checkFixed(this.#config, config);
    return changesOf(this.#config, config);
  }

  /** @internal When every update that was asked for has taken effect, or failed. */
  async updated(): Promise<void> {
    let last: Promise<unknown>;
    do {
      last = this.#updating;
      await last;
    } while (last !== this.#updating);
  }

  /**
   * @internal No backend may be at this address, which is this process's own: it is for operators alone. What a name resolves
   * to later, and is there, is left out.
   *
   * @returns what allows it again
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` where one has no other address
   */
  reserve(address: Address): () => void {
    return this.#services.reserve(address);
  }

  /**
   * One of its pools, to change it by itself.
   *
   * @param name default: `default`, the pool of the short form
   * @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_POOL`
   */
  pool(name: string = DEFAULT_NAME): PoolHandle {
    return this.#handles.pool(name);
  }

  /**
   * What was set by the handles of its backends, and not taken back: plain data, to give to `createProxy()` when it starts anew;
   * also after `close()`. A copy.
   */
  overlay(): Overlay {
    return overlayOf(this.#services.pools.values());
  }

  /** Takes back all that was set: as `reset()` of each backend. */
  reset(): void {
    this.#handles.reset();
  }

  /**
   * One of its listeners.
   *
   * @param name default: `default`, the listener of the short form
   * @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_LISTENER`
   */
  listener(name: string = DEFAULT_NAME): ListenerHandle {
    return this.#handles.listener(name);
  }

  #update(
    change: (present: ProxyConfig) => ProxyConfig,
    options: ChangeOptions = {},
  ): Promise<UpdateResult> {
    const update = async () => {
      this.#checkOpen();
      const from = this.#config;
      const to = change(from);
      checkFixed(from, to);
      const changes = changesOf(from, to);
      if (!isSameConfig(from, to)) {
        await this.#services.apply(from, to, this.#entrance, options);
        this.#config = to;
        this.#generation += 1;
        this.#warnOfUnused(unusedPools(from));
      }
      const result = { generation: this.#generation, ...changes };
      await this.#engine.tables.inEffect();
      if (!isSameConfig(from, to)) emitSafely(this, 'update', result);
      return result;
    };
    const updated = this.#updating.then(update);
    this.#updating = updated.catch(() => {});
    return updated;
  }

  /** @param known those of which it was said before */
  #warnOfUnused(known: readonly string[]): void {
    for (const name of unusedPools(this.#config)) {
      if (!known.includes(name)) this.#warnings.say(poolUnused(name));
    }
  }

  /**
   * Gives an open socket to a backend. The proxy owns the socket from here on: do not touch it again. Bytes
   * that were read and not consumed (or put back with `unshift()`) travel first, and before them `head`. Create the
   * server with `allowHalfOpen: true` if clients may end first and wait for the answer.
   *
   * @param socket a connected TCP or unix socket, not a TLS one
   * @throws SplicewayError `ERR_SPLICEWAY_CLOSED`, `…_INVALID_OPTION`, `…_UNKNOWN_POOL`, `…_UNKNOWN_BACKEND`,
   *   `…_INVALID_ADDRESS`, `…_TLS_SOCKET`, `…_SOCKET_UNUSABLE`, `…_HEAD_MISMATCH`, `…_RESOURCE_LIMIT`; the socket is then
   *   still yours
   */
  handoff(socket: Socket, options: HandoffOptions = {}): Session {
    this.#checkOpen();
    const config = this.#config;
    return handOff(socket, options, {
      services: this.#services,
      sessions: this.#sessions,
      config,
    });
  }

  /**
   * The sessions that live now, in no order: also those that no listener of `session` has heard of. One that begins or ends
   * meanwhile may be among them. Traffic goes on meanwhile. After `close()` there are none.
   *
   * @param filter which of them; default: all
   * @param options what is told of them
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_LOOP_STALLED`
   */
  sessions(filter: SessionFilter = {}, options: SessionsOptions = {}): Promise<SessionInfo[]> {
    return this.#live.list(filter, options);
  }

  /**
   * How connections fare now, by backend: round trips and segments that were sent again, as the kernel has measured them. It asks
   * about 64 sessions of each loop at most, drawn by chance, so it costs the loops as much however many there are. A backend of which none
   * was drawn is not there; nor is any with the stream engine, as Node does not tell.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_LOOP_STALLED`
   */
  async transport(): Promise<readonly TransportStats[]> {
    return transportOf(await this.#live.list({}, { transport: true, sample: SAMPLE }));
  }

  /** @internal As `sessions()`, without a list of them all, of which there may be a million. */
  visitSessions(visit: (session: SessionInfo) => void): Promise<void> {
    return this.#live.visit(visit);
  }

  /**
   * Ends sessions at once, with a reset of both sides: their reason is `destroyed`. Those that begin meanwhile go on.
   *
   * @param which what `sessions()` gives as their `id`, or a filter, which must say something
   * @returns when they have ended, how many there were
   * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_LOOP_STALLED`
   */
  endSessions(which: SessionFilter | readonly string[]): Promise<number> {
    return this.#live.end(which);
  }

  /**
   * Stops accepting at once, lets live sessions finish for as long as `drain` says, cuts the rest, and
   * resolves when nothing is held any more. Every call returns the same promise; one without `drain`
   * ends a drain that is under way. Rejects with `ERR_SPLICEWAY_INVALID_OPTION` or `…_INVALID_DURATION`, and
   * closes nothing, when the options are wrong.
   */
  close(options: CloseOptions = {}): Promise<void> {
    let drainMs: number;
    try {
      checkOptions('close()', options, ['drain'] satisfies (keyof CloseOptions)[]);
      drainMs = parseDuration(options.drain ?? 0);
    } catch (error) {
      return Promise.reject(error);
    }
    if (this.#closing === undefined) this.#closing = this.#close(drainMs);
    else if (drainMs === 0) this.#endDrain?.();
    return this.#closing;
  }

  /** As `close()`, without drain; for `await using`, which takes Node 24, or TypeScript 5.2 that compiles it away. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainMs: number): Promise<void> {
    this.#entrance.close();
    this.#names.close();
    this.#health.close();
    const drained = this.#engine.drain();
    if (drainMs > 0) await this.#drain(drained, drainMs);
    const closed = this.#engine.close();
    this.#handles.close();
    this.#services.close();
    await closed;
    await this.#sessions.allTold();
    this.#warnings.flush();
    this.#finalStats = this.stats();
  }

  /** Resolves when the last session has ended, the time is over, or `#endDrain` is called. */
  async #drain(drained: Promise<void>, drainMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const cut = new Promise<void>((resolve) => {
      this.#endDrain = resolve;
      timer = setTimeout(resolve, drainMs);
    });
    await Promise.race([drained, cut]);
    clearTimeout(timer);
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_CLOSED` */
  #checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new SplicewayError(
      'ERR_SPLICEWAY_CLOSED',
      'the proxy is closed: it takes no more sockets, and nothing of it changes; create a new one with createProxy()',
    );
  }

  #warn(message: string): void {
    if (this.listenerCount('warning') > 0) emitSafely(this, 'warning', message);
    else process.emitWarning(message, 'SplicewayWarning');
  }
}
