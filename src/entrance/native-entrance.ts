import type { ChosenEngine } from '../engine/choose.js';
import type { AcceptHost, Attention, EngineSession, SessionPlan } from '../engine/engine.js';
import { unreported, WENT_ON } from '../errors/messages.js';
import type { ListenAddress, ResolvedAddress } from '../model/address.js';
import type { ClientAddress } from '../model/client-address.js';
import { emitSafely } from '../session/emit.js';
import { now } from '../timers.js';
import { Bind } from './bind.js';
import {
  cannotAccept,
  type Entrance,
  type EntranceHost,
  warnOfCameBack,
  warnOfRefused,
} from './entrance.js';
import { Listener } from './listener.js';
import type { Service } from './service.js';

export interface NativeEntranceHost extends EntranceHost {
  onAttemptFailed(backend: number, address: ResolvedAddress, code: string, count: number): void;
  onOutrun(backend: number, address: ResolvedAddress): void;
  onNoPort(backend: number, address: ResolvedAddress, count: number): void;
  onNoSource(backend: number, source: string, count: number): void;
  onEarlyReset(backend: number): void;
}

/** The engine accepts and, where the policy is a cycle, picks; JavaScript hears of a client when it has to. */
export class NativeEntrance implements Entrance, AcceptHost {
  readonly #host: NativeEntranceHost;
  readonly #native: NonNullable<ChosenEngine['native']>;
  /** By row, those that were stopped included while sessions of theirs live. */
  readonly #binds = new Map<number, Bind>();
  /** Rows on which nobody accepts any more. */
  readonly #stopped = new Set<number>();
  #isClosed = false;

  constructor(native: NonNullable<ChosenEngine['native']>, host: NativeEntranceHost) {
    this.#host = host;
    this.#native = native;
    native.engine.serve(this);
  }

  async open(row: number, address: ListenAddress, service: Service): Promise<Bind> {
    const events = { onConnection: () => {}, onAcceptError: () => {} };
    const listener = new Listener(address, events, this.#native.descriptors);
    await listener.openPaused();
    return new Bind(row, listener, service);
  }

  start(bind: Bind): void {
    if (this.#isClosed) {
      bind.listener.close();
      return;
    }
    this.#binds.set(bind.row, bind);
    bind.startedAt = now();
    this.update(bind);
    const { tables } = this.#native.engine;
    tables.listen(bind.row, bind.listener.take(), bind.service.isPaused);
  }

  update({ row, service }: Bind): void {
    this.#native.engine.tables.setListener(row, service.plan(this.#host.clientLimits));
  }

  pause({ row }: Bind): boolean {
    this.#native.engine.tables.pauseListener(row);
    return true;
  }

  resume({ row }: Bind): void {
    this.#native.engine.tables.resumeListener(row);
  }

  stop({ row, listener }: Bind): void {
    if (this.#binds.has(row)) {
      this.#stopped.add(row);
      this.#native.engine.tables.closeListener(row);
    }
    listener.close();
  }

  isVacant(): boolean {
    return true;
  }

  drop(): void {}

  forget({ row }: Bind): void {
    this.#binds.delete(row);
    this.#stopped.delete(row);
  }

  close(): void {
    this.#isClosed = true;
    for (const { listener } of this.#binds.values()) listener.close();
  }

  /** The engine counts its sessions itself. */
  sessionEnded(): void {}

  attend(attention: Attention): void {
    this.#native.engine.attend(attention);
  }

  onAccepted(
    session: EngineSession,
    row: number,
    client: ClientAddress,
    isAwaited: boolean,
  ): SessionPlan {
    const bind = this.#at(row);
    const { service } = bind;
    const route = service.routeOfAccepted(client, bind, isAwaited);
    return this.#host.sessions.adopt(session, service.originOf(bind), client, route);
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

  onNoSource(backend: number, source: string, count: number): void {
    this.#host.onNoSource(backend, source, count);
  }

  onEarlyReset(backend: number): void {
    this.#host.onEarlyReset(backend);
  }

  /** A listener that is being closed cannot accept either, which is no news. */
  onPaused(row: number, code: string | undefined, isOwnLimit: boolean): void {
    if (this.#isClosed || this.#stopped.has(row)) return;
    const { name: listener, service } = this.#at(row);
    const full = isOwnLimit ? service.reached : this.#native.engine.limit.reached;
    const reason = code === undefined ? full : cannotAccept(listener, code);
    const openSessions = this.#host.openSessions();
    const event = { listener, listenerName: service.name, reason, openSessions };
    emitSafely(this.#host.emitter, 'listenerPaused', event);
  }

  onResumed(row: number): void {
    if (this.#isClosed) return;
    const { name: listener, service } = this.#at(row);
    const openSessions = this.#host.openSessions();
    const event = { listener, listenerName: service.name, openSessions };
    emitSafely(this.#host.emitter, 'listenerResumed', event);
  }

  onRefused(row: number, address: string, count: number, isOwnLimit: boolean): void {
    warnOfRefused(this.#host, address, count, isOwnLimit ? this.#at(row).service : undefined);
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

  /** A row is another's only after all that was said of it. */
  #at(row: number): Bind {
    const bind = this.#binds.get(row);
    if (bind === undefined) throw new RangeError(`nobody listens in row ${row}`);
    return bind;
  }
}
