/** Listeners, a pool and an engine, put together. */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { formatAddress, parseAddress } from '../config/address.js';
import { type Duration, parseDuration } from '../config/duration.js';
import { type ProxyOptions, parseOptions } from '../config/schema.js';
import type { ProxyConfig } from '../config/types.js';
import { checkSocket } from '../engine/check-socket.js';
import { type ChosenEngine, createEngine } from '../engine/choose.js';
import type { CloseReason, Engine } from '../engine/engine.js';
import { SplicewayError } from '../errors.js';
import { createPolicy } from '../policy/policy.js';
import { Admission } from './admission.js';
import { checkOptions } from './check-options.js';
import { emitSafely } from './emit.js';
import type { ProxyEvents } from './events.js';
import { Listener, type ListenerAddress } from './listener.js';
import { attemptError, clientOf, droppedClients, resolveError, slowLookup } from './observe.js';
import { Pool, type PoolBackend, type PoolInternals } from './pool.js';
import { type Pick, PoolRoute } from './route.js';
import { Session } from './session.js';
import { type ProxyStats, readStats } from './stats.js';
import { Warnings } from './warnings.js';

export interface HandoffOptions {
  /** Address of the one backend to use, as in the options. Default: the policy picks, and retries. */
  backend?: string | undefined;
}

export interface CloseOptions {
  /** How long live sessions may go on. Default 0: they are cut at once. */
  drain?: Duration | undefined;
}

/** For tests: a resolver and a clock in place of the system's. */
export type ProxyInternals = PoolInternals;

/** A running load balancer, made by `createProxy()`. See `ProxyEvents` for what it emits. */
// biome-ignore lint/suspicious/noShadowRestrictedNames: it is what users call it, and nobody here needs the other one
export class Proxy extends EventEmitter<ProxyEvents> {
  readonly #config: ProxyConfig;
  readonly #pool: Pool;
  readonly #engine: Engine;
  readonly #engineReason: string;
  readonly #policyPick: Pick;
  readonly #listeners: readonly Listener[];
  readonly #admission: Admission;
  readonly #sessions = new Set<Session>();
  /** Names of the listeners; the row after them counts the handoffs. */
  #names: readonly string[] = [];
  readonly #warnings = new Warnings((message) => this.#warn(message));
  #lastId = 0;
  #closing: Promise<void> | undefined;
  #endDrain: (() => void) | undefined;
  #finalStats: ProxyStats | undefined;

  /** @internal Use `createProxy()`. */
  constructor(config: ProxyConfig, chosen: ChosenEngine, internals: ProxyInternals) {
    super();
    this.#config = config;
    this.#engine = chosen.engine;
    this.#engineReason = chosen.reason;
    this.#pool = new Pool(
      config.backends,
      { onResolveFailed: (backend, error) => this.#resolveFailed(backend, error) },
      internals,
    );
    const weights = config.backends.map(({ weight }) => weight);
    const policy = createPolicy(config.policy, weights);
    this.#policyPick = (tried) => policy.pick(tried);
    this.#listeners = config.listen.map(
      (address, row) =>
        new Listener(
          address,
          {
            onConnection: (socket) => this.#admission.take(socket, row),
            onAcceptError: (error) => this.#acceptFailed(row, error),
          },
          chosen.descriptors,
        ),
    );
    this.#admission = new Admission(this.#listeners, chosen.engine.maxSessions, {
      openSessions: () => this.#sessions.size,
      start: (socket, row) => {
        this.#startSession(socket, row, this.#names[row] ?? '', this.#policyPick);
      },
      onPaused: (reason) =>
        emitSafely(this, 'listenerPaused', { reason, openSessions: this.#sessions.size }),
      onResumed: () => emitSafely(this, 'listenerResumed', { openSessions: this.#sessions.size }),
      onDropped: (clients) => this.#warnings.count('dropped', clients, droppedClients),
    });
    if (chosen.warning !== undefined) this.#warnings.say(chosen.warning);
  }

  /** @internal Resolves the names of the pool and opens the listeners; closes everything when that fails. */
  async start(): Promise<void> {
    const { connectTimeoutMs } = this.#config;
    try {
      // A name server that does not answer holds up the clients of its names alone.
      for (const { name } of await this.#pool.resolveAll(connectTimeoutMs)) {
        this.#warnings.say(slowLookup(name, connectTimeoutMs));
      }
      for (const listener of this.#listeners) {
        await listener.open();
        this.#names = [...this.#names, listener.name];
      }
    } catch (error) {
      await this.close();
      throw error;
    }
    // Later, so that whoever awaits `createProxy()` has had the time to listen.
    setImmediate(() => this.#warnings.release());
  }

  /** Which engine runs, and why. */
  get engine(): { readonly name: 'native' | 'stream'; readonly reason: string } {
    return { name: this.#engine.name, reason: this.#engineReason };
  }

  /** Where it listens, in the order of the options, with real ports; also after `close()`. */
  addresses(): ListenerAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  /** The figures now; after `close()` the last ones. */
  stats(): ProxyStats {
    return this.#finalStats ?? readStats(this.#engine, this.#names, this.#pool.backends);
  }

  /**
   * Gives an open socket to a backend. The proxy owns the socket from here on: do not touch it again. Bytes
   * that were read and not consumed (or put back with `unshift()`) travel first. Create the server with
   * `allowHalfOpen: true` if clients may end first and wait for the answer.
   *
   * @param socket a connected TCP or unix socket, not a TLS one
   * @throws SplicewayError `ERR_SPLICEWAY_CLOSED`, `…_INVALID_OPTION`, `…_UNKNOWN_BACKEND`, `…_INVALID_ADDRESS`,
   *   `…_TLS_SOCKET`, `…_SOCKET_UNUSABLE`, `…_RESOURCE_LIMIT`; the socket is then still yours
   */
  handoff(socket: Socket, options: HandoffOptions = {}): Session {
    checkOptions('handoff()', options, ['backend'] satisfies (keyof HandoffOptions)[]);
    if (this.#closing !== undefined) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_CLOSED',
        'the proxy is closed and takes no more sockets; create a new one with createProxy()',
      );
    }
    const pick =
      options.backend === undefined ? this.#policyPick : this.#pickNamed(options.backend);
    checkSocket(socket);
    return this.#startSession(socket, this.#listeners.length, 'handoff', pick);
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

  /** As `close()`, without drain. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(drainMs: number): Promise<void> {
    for (const listener of this.#listeners) listener.close();
    this.#admission.close();
    if (drainMs > 0 && this.#sessions.size > 0) await this.#drain(drainMs);
    for (const session of this.#sessions) session.destroy();
    await this.#engine.close();
    this.#warnings.flush();
    this.#finalStats = this.stats();
  }

  /** Resolves when the last session has ended, the time is over, or `#endDrain` is called. */
  async #drain(drainMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#endDrain = resolve;
      timer = setTimeout(resolve, drainMs);
    });
    clearTimeout(timer);
  }

  #startSession(socket: Socket, row: number, listener: string, pick: Pick): Session {
    const { connectTimeoutMs, idleTimeoutMs, halfCloseTimeoutMs } = this.#config;
    const session = new Session({ id: this.#lastId + 1, client: clientOf(socket), listener });
    const engineSession = this.#engine.connect({
      client: socket,
      listener: row,
      route: new PoolRoute(this.#pool, pick, connectTimeoutMs),
      timeouts: {
        connectMs: connectTimeoutMs,
        idleMs: idleTimeoutMs,
        halfCloseMs: halfCloseTimeoutMs,
      },
      observer: {
        onAttemptFailed: (backend, address, code) => {
          const pooled = this.#pool.backend(backend);
          pooled.demote(address);
          this.#backendFailed(pooled.name, () => attemptError(pooled.name, address, code));
        },
        onOpen: (backend) => session.markOpen(this.#pool.backend(backend).name),
        onClose: (reason, error) => this.#sessionClosed(session, reason, error),
      },
    });
    this.#lastId += 1;
    session.attach(engineSession);
    this.#sessions.add(session);
    emitSafely(this, 'session', session);
    return session;
  }

  #sessionClosed(session: Session, reason: CloseReason, error: SplicewayError | undefined): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#endDrain?.();
    this.#admission.sessionEnded();
    if (reason === 'no-backend' && error !== undefined) {
      emitSafely(this, 'noBackend', { session, error });
    }
    session.markClosed(reason, error);
  }

  /** With a named backend only that one is tried. */
  #pickNamed(backend: string): Pick {
    const name = formatAddress(parseAddress(String(backend), 'backend'));
    const index = this.#pool.indexOf(name);
    if (index === -1) {
      const known = this.#pool.backends.map((pooled) => pooled.name).join(', ');
      throw new SplicewayError(
        'ERR_SPLICEWAY_UNKNOWN_BACKEND',
        `the proxy has no backend ${name}; it has ${known}`,
      );
    }
    return (tried) => (tried.has(index) ? undefined : index);
  }

  #resolveFailed({ name, generation }: PoolBackend, cause: Error): void {
    // A lookup may outlive the proxy, and nobody is interested any more.
    if (this.#closing !== undefined) return;
    if (generation === 0) this.#warnings.say(resolveError(name, cause).message);
    else this.#backendFailed(name, () => resolveError(name, cause));
  }

  /** A stack trace for each of a thousand clients is worth avoiding when nobody wants it. */
  #backendFailed(backend: string, makeError: () => SplicewayError): void {
    if (this.listenerCount('backendError') === 0) return;
    emitSafely(this, 'backendError', { backend, error: makeError() });
  }

  #acceptFailed(row: number, error: Error): void {
    const { code = error.message } = error as NodeJS.ErrnoException;
    const what = `${this.#names[row]} cannot accept (${code})`;
    if (this.#admission.pause(what)) return;
    this.#warnings.count(what, 1, (count) => (count === 1 ? what : `${what}, ${count} times`));
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
 *   `…_LISTEN`, `…_ENGINE_UNAVAILABLE`
 */
export async function createProxy(options: ProxyOptions): Promise<Proxy> {
  return createProxyFromConfig(parseOptions(options));
}

/** As `createProxy()`, for a configuration that was validated before. */
export async function createProxyFromConfig(
  config: ProxyConfig,
  internals: ProxyInternals = {},
): Promise<Proxy> {
  const chosen = createEngine(config.engine, {
    // One row more, for the handoffs.
    listeners: config.listen.length + 1,
    backends: config.backends.length,
    threads: config.threads,
  });
  const proxy = new Proxy(config, chosen, internals);
  await proxy.start();
  return proxy;
}
