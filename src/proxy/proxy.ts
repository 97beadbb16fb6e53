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
import type { ProxyEvents } from './events.js';
import { Listener, type ListenerAddress } from './listener.js';
import { attemptError, clientOf, resolveError } from './observe.js';
import { type Lookup, Pool } from './pool.js';
import { type Pick, PoolRoute } from './route.js';
import { Session } from './session.js';
import { type ProxyStats, readStats } from './stats.js';

export interface HandoffOptions {
  /** Address of the one backend to use, as in the options. Default: the policy picks, and retries. */
  backend?: string | undefined;
}

export interface CloseOptions {
  /** How long live sessions may go on. Default 0: they are cut at once. */
  drain?: Duration | undefined;
}

/** For tests: the resolver in place of the system's. */
export interface ProxyInternals {
  readonly lookup?: Lookup;
}

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
  #lastId = 0;
  #started = false;
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
      { onResolveFailed: ({ name }, error) => this.#resolveFailed(name, error) },
      internals.lookup,
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
          chosen.duplicateDescriptor,
        ),
    );
    this.#admission = new Admission(this.#listeners, chosen.engine.maxSessions, {
      openSessions: () => this.#sessions.size,
      start: (socket, row) => {
        this.#startSession(socket, row, this.#names[row] ?? '', this.#policyPick);
      },
      onPaused: (reason) =>
        this.emit('listenerPaused', { reason, openSessions: this.#sessions.size }),
      onResumed: () => this.emit('listenerResumed', { openSessions: this.#sessions.size }),
    });
    if (chosen.warning !== undefined) this.#warn(chosen.warning);
  }

  /** @internal Resolves the names of the pool and opens the listeners; closes everything when that fails. */
  async start(): Promise<void> {
    try {
      await this.#pool.resolveAll();
      for (const listener of this.#listeners) {
        await listener.open();
        this.#names = [...this.#names, listener.name];
      }
      this.#started = true;
    } catch (error) {
      await this.close();
      throw error;
    }
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
   * @throws SplicewayError `ERR_SPLICEWAY_CLOSED`, `…_UNKNOWN_BACKEND`, `…_INVALID_ADDRESS`, `…_TLS_SOCKET`,
   *   `…_SOCKET_UNUSABLE`, `…_RESOURCE_LIMIT`; the socket is then still yours
   */
  handoff(socket: Socket, options: HandoffOptions = {}): Session {
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
   * ends a drain that is under way.
   */
  close(options: CloseOptions = {}): Promise<void> {
    let drainMs: number;
    try {
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
          void pooled.resolve();
          this.#backendFailed(pooled.name, () => attemptError(pooled.name, address, code));
        },
        onOpen: (backend) => session.markOpen(this.#pool.backend(backend).name),
        onClose: (reason, error) => this.#sessionClosed(session, reason, error),
      },
    });
    this.#lastId += 1;
    session.attach(engineSession);
    this.#sessions.add(session);
    this.emit('session', session);
    return session;
  }

  #sessionClosed(session: Session, reason: CloseReason, error: SplicewayError | undefined): void {
    this.#sessions.delete(session);
    if (this.#sessions.size === 0) this.#endDrain?.();
    this.#admission.sessionEnded();
    if (reason === 'no-backend' && error !== undefined) this.emit('noBackend', { session, error });
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

  #resolveFailed(name: string, cause: Error): void {
    if (!this.#started) this.#warn(resolveError(name, cause).message);
    else this.#backendFailed(name, () => resolveError(name, cause));
  }

  /** A stack trace for each of a thousand clients is worth avoiding when nobody wants it. */
  #backendFailed(backend: string, makeError: () => SplicewayError): void {
    if (this.listenerCount('backendError') === 0) return;
    this.emit('backendError', { backend, error: makeError() });
  }

  #acceptFailed(row: number, error: Error): void {
    const { code = error.message } = error as NodeJS.ErrnoException;
    this.#admission.pause(`${this.#names[row]} cannot accept (${code})`);
  }

  /** Later, so that whoever awaits `createProxy()` has had the time to listen. */
  #warn(message: string): void {
    setImmediate(() => {
      if (this.listenerCount('warning') > 0) this.emit('warning', message);
      else process.emitWarning(message, 'SplicewayWarning');
    });
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
