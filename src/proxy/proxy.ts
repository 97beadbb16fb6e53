/** Listeners, a pool and an engine, put together. */

import type { Socket } from 'node:net';
import { parseAddress } from '../config/address.js';
import { checkOptions } from '../config/check-options.js';
import { connectBudgetOf } from '../config/connect-budget.js';
import { NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE } from '../config/cross-checks.js';
import { type Duration, parseDuration } from '../config/duration.js';
import type { ProxyOptions } from '../config/options.js';
import { parseOptions } from '../config/schema.js';
import { type SingleService, singleService } from '../config/single-service.js';
import type { ProxyConfig } from '../config/types.js';
import { checkSocket } from '../engine/check-socket.js';
import { type ChosenEngine, createEngine } from '../engine/choose.js';
import type { Engine } from '../engine/engine.js';
import { clientLimits } from '../entrance/client-limit.js';
import { type Entrance, nodeAcceptsFor, whoAccepts } from '../entrance/entrance.js';
import type { Listener, ListenerAddress } from '../entrance/listener.js';
import { NativeEntrance } from '../entrance/native-entrance.js';
import { NodeEntrance } from '../entrance/node-entrance.js';
import { SplicewayError } from '../errors/catalogue.js';
import { lacksHardLinks } from '../errors/listen-error.js';
import {
  attemptError,
  filterFailed,
  keptAddresses,
  noPort,
  outrun,
  resolveError,
  slowLookup,
  tooManyAsked,
} from '../errors/messages.js';
import type { ResolvedAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import type { OwnAddresses } from '../model/own-addresses.js';
import { type ProxyStats, readStats } from '../observe/stats.js';
import { Warnings } from '../observe/warnings.js';
import { type ClientPick, createPolicy, type Policy } from '../policy/policy.js';
import { Pool, type PoolBackend, type PoolInternals } from '../pool/pool.js';
import { checkHead } from '../session/check-head.js';
import { emitSafely } from '../session/emit.js';
import { FilteredRoute, type Gate } from '../session/filtered-route.js';
import { type ClientRoute, PoolRoute } from '../session/route.js';
import type { Session } from '../session/session.js';
import { SessionEmitter } from '../session/session-emitter.js';
import { Sessions } from '../session/sessions.js';
import { clearTimeout, setImmediate, setTimeout } from '../timers.js';
import { LoopGuard } from './loop-guard.js';

/** Options of `handoff()`. Unknown keys are errors. */
export interface HandoffOptions {
  /** Address of the one backend to use, as in the options. Default: the policy picks, and retries. */
  backend?: string | undefined;
  /**
   * What you have read from the socket, all of it: it travels first. Checked against the figures of the socket, but where
   * an HTTP parser has read as well: with a socket of 'upgrade' or 'connect', pass the head of the event. Default: nothing.
   */
  head?: Uint8Array | undefined;
  /**
   * What becomes of the client when no backend answers: `close` disconnects it, `return` gives its socket back, as `socket`
   * of the session's summary. It takes one descriptor more until a backend has answered. Default `close`.
   */
  onFailure?: 'close' | 'return' | undefined;
}

/** Options of `close()`. Unknown keys are errors. */
export interface CloseOptions {
  /** How long live sessions may go on. Default 0: they are cut at once. */
  drain?: Duration | undefined;
}

/** What came of the choice of an engine. */
export interface RunningEngine {
  /** What moves the bytes: splice in the kernel, or Node streams. */
  readonly name: 'native' | 'stream';
  /** Why it is this one, in words for a person. */
  readonly reason: string;
}

/** For tests: a resolver, a clock and interfaces in place of the system's. */
export interface ProxyInternals extends PoolInternals {
  /** Addresses of this machine. Default: those of its interfaces. */
  readonly ownAddresses?: OwnAddresses | undefined;
}

/** A running load balancer, made by `createProxy()`. See `ProxyEvents` for what it emits. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: it is what users call it, and nobody here needs the other one
export class Proxy extends SessionEmitter {
  readonly #config: SingleService;
  readonly #pool: Pool;
  readonly #engine: Engine;
  readonly #engineReason: string;
  readonly #policy: Policy;
  readonly #gate: Gate | undefined;
  readonly #sessions: Sessions;
  readonly #makeNodeEntrance: () => Entrance;
  readonly #guard: LoopGuard;
  #entrance: Entrance;
  #accept: 'native' | 'node';
  readonly #warnings = new Warnings((message) => this.#warn(message));
  #closing: Promise<void> | undefined;
  #endDrain: (() => void) | undefined;
  #finalStats: ProxyStats | undefined;

  /** @internal Use `createProxy()`. */
  constructor(config: SingleService, chosen: ChosenEngine, internals: ProxyInternals) {
    super();
    const { engine, native } = chosen;
    this.#config = config;
    this.#engine = engine;
    this.#engineReason = chosen.reason;
    this.#pool = new Pool(
      config.backends,
      {
        onAddressesChanged: (backend) => {
          this.#pool.failures.forget(backend.row);
          this.#guard.publish(backend);
        },
        onResolved: (backend) => this.#guard.publish(backend),
        onResolveFailed: (...failure) => this.#resolveFailed(...failure),
      },
      internals,
    );
    this.#guard = new LoopGuard(this.#pool.backends, {
      warn: (message) => this.#warnings.say(message),
      warnRarely: (message) => this.#warnings.sayRarely(message),
      publish: ({ row, inTurn }, addresses) => engine.setBackend(row, addresses, inTurn),
      ownAddresses: internals.ownAddresses,
    });
    for (const [row, { maxSessions }] of config.backends.entries()) {
      if (maxSessions !== undefined) engine.limitBackend(row, maxSessions);
    }
    this.#policy = createPolicy(config.policy, this.#pool.shown());
    this.#gate = this.#makeGate(config);
    const timeouts = {
      connectMs: config.connectTimeoutMs,
      search: {
        budgetMs: connectBudgetOf(config),
        attempts: config.connectAttempts,
        abortOnClose: config.abortOnClose,
      },
      idleMs: config.idleTimeoutMs,
      halfCloseMs: config.halfCloseTimeoutMs,
      handshakeMs: config.handshakeTimeoutMs,
    };
    const onOutrun = (row: number, address: ResolvedAddress) => {
      const backend = this.#pool.backend(row);
      backend.demote(address);
      this.#warnings.sayRarely(outrun(backend.name, address));
    };
    const onNoPort = (row: number, address: ResolvedAddress, count: number) => {
      const { name } = this.#pool.backend(row);
      this.#warnings.count(`no port ${name}`, count, (times) => noPort(times, name, address));
    };
    this.#sessions = new Sessions({
      emitter: this,
      engine,
      pool: this.#pool,
      timeouts,
      onAttemptFailed: (backend, address, code) => this.#attemptFailed(backend, address, code, 1),
      onOutrun,
      onNoPort,
      onEnded: () => this.#entrance.sessionEnded(),
    });
    const host = {
      emitter: this,
      sessions: this.#sessions,
      warnings: this.#warnings,
      clientLimits: clientLimits(config, engine.limit.most),
      keepAliveMs: config.keepAliveMs,
      checkListener: (listener: Listener) => this.#guard.add(listener),
      openSessions: () => this.stats().sessions.open,
      route: (client: ClientAddress, listener: string) => this.#policyRoute(client, listener),
      filtered: (route: ClientRoute, client: ClientAddress, listener: string, isKnown: boolean) => {
        if (this.#gate === undefined) return route;
        const gate = isKnown ? this.#gate : { ...this.#gate, filter: () => false };
        return new FilteredRoute(gate, { client, listener }, route);
      },
    };
    this.#makeNodeEntrance = () => new NodeEntrance(config.listen, chosen, host);
    this.#accept = whoAccepts(config, chosen);
    if (this.#accept === 'native' && native !== undefined) {
      this.#entrance = new NativeEntrance(config.listen, native, this.#policy.cycle(), {
        ...host,
        pool: this.#pool,
        timeouts,
        onAttemptFailed: (...failure) => this.#attemptFailed(...failure),
        onOutrun,
        onNoPort,
      });
      this.watchListeners((isHeard) => this.#observe(isHeard));
    } else {
      this.#entrance = this.#makeNodeEntrance();
    }
    if (chosen.warning !== undefined) this.#warnings.say(chosen.warning);
    const { maxSessions = 0 } = config;
    if (maxSessions > engine.limit.most) {
      this.#warnings.say(tooManyAsked(maxSessions, engine.limit.most));
    }
  }

  /** @internal Resolves the names of the pool and opens the listeners; closes everything when that fails. */
  async start(): Promise<void> {
    const { connectTimeoutMs } = this.#config;
    try {
      // A name server that does not answer holds up the clients of its names alone.
      for (const { name } of await this.#pool.resolveAll(connectTimeoutMs)) {
        this.#warnings.say(slowLookup(name, connectTimeoutMs));
      }
      await this.#openEntrance();
      this.#pool.refreshEvery(this.#config.resolveEveryMs);
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

  /** A filter has to hear of every client; a listener may end one, as far as it keeps up. */
  #observe(isHeard: boolean): void {
    this.#entrance.attend(this.#gate !== undefined ? 'hold' : isHeard ? 'watch' : 'none');
  }

  /** Leaves accepting to Node where the loops were to do it by default, and cannot have a unix listener. */
  async #openEntrance(): Promise<void> {
    // Whoever awaits `createProxy()` may listen right afterwards.
    this.#observe(true);
    try {
      await this.#entrance.open();
    } catch (error) {
      const { cause } = error as Error;
      if (this.#config.accept !== 'auto' || !lacksHardLinks(cause)) throw error;
      this.#entrance.close();
      this.#warnings.say(nodeAcceptsFor(cause.path));
      this.#accept = 'node';
      this.#entrance = this.#makeNodeEntrance();
      await this.#entrance.open();
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

  /** Where it listens, in the order of the options, with real ports; also after `close()`. */
  addresses(): ListenerAddress[] {
    return [...this.#entrance.addresses];
  }

  /** The figures now; after `close()` the last ones. */
  stats(): ProxyStats {
    return this.#finalStats ?? readStats(this.#engine, this.#entrance.names, this.#pool.backends);
  }

  /**
   * Gives an open socket to a backend. The proxy owns the socket from here on: do not touch it again. Bytes
   * that were read and not consumed (or put back with `unshift()`) travel first, and before them `head`. Create the
   * server with `allowHalfOpen: true` if clients may end first and wait for the answer.
   *
   * @param socket a connected TCP or unix socket, not a TLS one
   * @throws SplicewayError `ERR_SPLICEWAY_CLOSED`, `…_INVALID_OPTION`, `…_UNKNOWN_BACKEND`, `…_INVALID_ADDRESS`,
   *   `…_TLS_SOCKET`, `…_SOCKET_UNUSABLE`, `…_HEAD_MISMATCH`, `…_RESOURCE_LIMIT`; the socket is then still yours
   */
  handoff(socket: Socket, options: HandoffOptions = {}): Session {
    checkOptions('handoff()', options, [
      'backend',
      'head',
      'onFailure',
    ] satisfies (keyof HandoffOptions)[]);
    if (this.#closing !== undefined) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_CLOSED',
        'the proxy is closed and takes no more sockets; create a new one with createProxy()',
      );
    }
    const named = options.backend === undefined ? undefined : this.#pickNamed(options.backend);
    checkSocket(socket);
    if (!['close', 'return', undefined].includes(options.onFailure)) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_INVALID_OPTION',
        `${JSON.stringify(options.onFailure)} is not something that onFailure may be; choose close or return`,
      );
    }
    const head = checkHead('head', socket, options.head);
    const origin = { row: this.#config.listen.length, listener: 'handoff', isAccepted: false };
    const makeRoute = (client: ClientAddress) =>
      named === undefined ? this.#policyRoute(client, origin.listener) : this.#route(named);
    const returnsClient = options.onFailure === 'return';
    return this.#sessions.start(socket, origin, makeRoute, undefined, { head, returnsClient });
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
    this.#pool.close();
    const drained = this.#engine.drain();
    if (drainMs > 0) await this.#drain(drained, drainMs);
    await this.#engine.close();
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

  #makeGate({ filter, connectTimeoutMs: limitMs }: SingleService): Gate | undefined {
    if (filter === undefined) return undefined;
    const onFailed = (error: Error) =>
      this.#warnings.count('filter', 1, (clients) => filterFailed(clients, error));
    return { filter, limitMs, onFailed };
  }

  #policyRoute(client: ClientAddress, listener: string): ClientRoute {
    const pick: ClientPick = (tried) => this.#policy.pick(tried, { client, listener });
    // A policy of the user's knows best.
    const isOurs = typeof this.#config.policy === 'string';
    return this.#route(isOurs ? this.#pool.failures.last(pick) : pick);
  }

  #route(pick: ClientPick): ClientRoute {
    return new PoolRoute(this.#pool, pick, this.#config.connectTimeoutMs);
  }

  /** With a named backend only that one is tried. */
  #pickNamed(backend: string): ClientPick {
    const name = formatAddress(parseAddress(String(backend), 'backend'));
    const index = this.#pool.indexOf(name);
    if (index === -1) {
      const known = this.#pool.backends.map((pooled) => pooled.name).join(', ');
      throw new SplicewayError(
        'ERR_SPLICEWAY_UNKNOWN_BACKEND',
        `the proxy has no backend ${name}; it has ${known}`,
        { backend: name },
      );
    }
    return (tried) => (tried.has(index) ? undefined : index);
  }

  #resolveFailed({ name, generation }: PoolBackend, cause: Error, isRoutine: boolean): void {
    // A lookup may outlive the proxy, and nobody is interested any more.
    if (this.#closing !== undefined) return;
    if (generation === 0) this.#warnings.say(resolveError(name, cause).message);
    else if (isRoutine) this.#warnings.say(keptAddresses(name, cause));
    else this.#backendFailed(name, () => resolveError(name, cause));
  }

  #attemptFailed(row: number, address: ResolvedAddress, code: string, count: number): void {
    const backend = this.#pool.backend(row);
    backend.demote(address);
    // Only the counters tell whether that was the last address of the backend for somebody.
    if (backend.isName && this.#accept === 'native') {
      backend.noteFailedClients(this.#engine.counters.backend(row).failed);
    }
    this.#backendFailed(backend.name, () => attemptError(backend.name, address, code), count);
  }

  /** A stack trace for each of a thousand clients is worth avoiding when nobody wants it. */
  #backendFailed(backend: string, makeError: () => SplicewayError, count = 1): void {
    if (this.listenerCount('backendError') === 0) return;
    emitSafely(this, 'backendError', { backend, error: makeError(), count });
  }

  #warn(message: string): void {
    if (this.listenerCount('warning') > 0) emitSafely(this, 'warning', message);
    else process.emitWarning(message, 'SplicewayWarning');
  }
}

/**
 * Starts a load balancer.
 *
 * @param options see `ProxyOptions`; checked, and every wrong value named in the error
 * @returns when every listener accepts
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, `…_INVALID_ADDRESS`, `…_INVALID_DURATION`,
 *   `…_LISTEN`, `…_ENGINE_UNAVAILABLE`, `…_RESOURCE_LIMIT`
 */
export async function createProxy(options: ProxyOptions): Promise<Proxy> {
  return createProxyFromConfig(parseOptions(options));
}

/** @internal As `createProxy()`, for a configuration that was validated before. */
export async function createProxyFromConfig(
  config: ProxyConfig,
  internals: ProxyInternals = {},
): Promise<Proxy> {
  const service = singleService(config);
  const { engine, accept, listen, backends, threads, transfer } = service;
  const { busyPollUs, keepAliveMs, maxSessions } = service;
  if (engine === 'stream' && accept === 'native') {
    throw new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', NATIVE_ACCEPT_NEEDS_NATIVE_ENGINE);
  }
  const chosen = createEngine(accept === 'native' ? 'native' : engine, {
    // One row more, for the handoffs.
    listeners: listen.length + 1,
    backends: backends.length,
    threads,
    transfer,
    busyPollUs,
    keepAliveMs,
    maxSessions,
  });
  const proxy = new Proxy(service, chosen, internals);
  await proxy.start();
  return proxy;
}
