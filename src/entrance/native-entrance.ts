import type { ChosenEngine } from '../engine/choose.js';
import type {
  AcceptHost,
  Attention,
  EngineSession,
  SessionPlan,
  SessionTimeouts,
} from '../engine/engine.js';
import { unreported, WENT_ON } from '../errors/messages.js';
import type { ListenAddress, ResolvedAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import type { Pool } from '../pool/pool.js';
import { CycleRoute } from '../session/cycle-route.js';
import { emitSafely } from '../session/emit.js';
import {
  cannotAccept,
  type Entrance,
  type EntranceHost,
  inOpeningOrder,
  warnOfCameBack,
  warnOfRefused,
} from './entrance.js';
import { Listener, type ListenerAddress } from './listener.js';

export interface NativeEntranceHost extends EntranceHost {
  readonly pool: Pool;
  readonly timeouts: SessionTimeouts;
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string, count: number): void;
  onOutrun(backend: number, address: ResolvedAddress): void;
  onNoPort(backend: number, address: ResolvedAddress, count: number): void;
}

/** The engine accepts and, where the policy is a cycle, picks; JavaScript hears of a client when it has to. */
export class NativeEntrance implements Entrance, AcceptHost {
  readonly names: string[] = [];
  readonly #host: NativeEntranceHost;
  readonly #engine: NonNullable<ChosenEngine['native']>['engine'];
  readonly #cycle: Uint16Array | undefined;
  readonly #listeners: readonly Listener[];
  /** On the clock of the pool. */
  #openedAt = 0;
  #isClosed = false;

  /** @param cycle as `Policy.cycle` */
  constructor(
    listen: readonly ListenAddress[],
    { engine, descriptors }: NonNullable<ChosenEngine['native']>,
    cycle: Uint16Array | undefined,
    host: NativeEntranceHost,
  ) {
    this.#host = host;
    this.#engine = engine;
    this.#cycle = cycle;
    const events = { onConnection: () => {}, onAcceptError: () => {} };
    this.#listeners = listen.map((address) => new Listener(address, events, descriptors));
  }

  get addresses(): ListenerAddress[] {
    return this.#listeners.map((listener) => listener.address);
  }

  async open(): Promise<void> {
    for (const [row, listener] of inOpeningOrder(this.#listeners)) {
      await listener.openPaused();
      this.#host.checkListener(listener);
      this.names[row] = listener.name;
    }
    const { pool, timeouts, clientLimits } = this.#host;
    this.#openedAt = pool.now();
    this.#engine.accept({
      listeners: this.#listeners.map((listener, row) => ({ row, descriptor: listener.take() })),
      cycle: this.#cycle,
      timeouts,
      clientLimits,
      host: this,
    });
    if (this.#cycle !== undefined) pool.searchMissing();
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.close();
  }

  /** The engine counts its sessions itself. */
  sessionEnded(): void {}

  attend(attention: Attention): void {
    this.#engine.attend(attention);
  }

  onAccepted(
    session: EngineSession,
    row: number,
    client: ClientAddress,
    isAwaited: boolean,
  ): SessionPlan {
    const listener = this.names[row] ?? '';
    const { sessions, pool, timeouts } = this.#host;
    const route =
      this.#cycle === undefined
        ? this.#host.route(client, listener)
        : new CycleRoute(pool, {
            openedAt: this.#openedAt,
            connectTimeoutMs: timeouts.connectMs,
            isNew: isAwaited,
          });
    return sessions.adopt(
      session,
      listener,
      client,
      this.#host.filtered(route, client, listener, true),
    );
  }

  onAttemptFailed(backend: number, address: ResolvedAddress, code: string, count: number): void {
    this.#host.onAttemptFailed(backend, address, code, count);
  }

  onOutrun(backend: number, address: ResolvedAddress): void {
    this.#host.onOutrun(backend, address);
  }

  onNoPort(backend: number, address: ResolvedAddress, count: number): void {
    this.#host.onNoPort(backend, address, count);
  }

  /** A listener that is being closed cannot accept either, which is no news. */
  onPaused(row: number, code: string | undefined): void {
    if (this.#isClosed) return;
    const reason =
      code === undefined ? this.#engine.limit.reached : cannotAccept(this.names[row] ?? '', code);
    const openSessions = this.#host.openSessions();
    emitSafely(this.#host.emitter, 'listenerPaused', { reason, openSessions });
  }

  onResumed(): void {
    if (this.#isClosed) return;
    const openSessions = this.#host.openSessions();
    emitSafely(this.#host.emitter, 'listenerResumed', { openSessions });
  }

  onRefused(_row: number, address: string, count: number): void {
    warnOfRefused(this.#host, address, count);
  }

  onUnreported(count: number): void {
    this.#host.warnings.count('unreported', count, unreported);
  }

  onLate(): void {
    this.#host.warnings.sayRarely(WENT_ON);
  }

  onCameBack(_row: number, address: ResolvedAddress, count: number): void {
    warnOfCameBack(this.#host, address, count);
  }
}
