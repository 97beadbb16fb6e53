/** Two open sockets joined to each other: both relays, and what happens when one of them ends. */

import type { Socket } from 'node:net';
import type { CloseReason } from '../../model/close-reason.js';
import type { EndSide, SessionEnd } from '../../model/session-end.js';
import { now } from '../../timers.js';
import type { SessionTimeouts } from '../engine.js';
import { PatientTimer } from '../patient-timer.js';
import { resetSocket } from '../reset-socket.js';
import type { Reader } from './reader.js';
import { Relay } from './relay.js';
import { SessionAge } from './session-age.js';

/** How long the survivor of a reset may take to read what is left, where no timeout says otherwise. */
const SURVIVOR_LIMIT_MS = 60_000;
/** How long the end of a client's stream may be held back. */
const HELD_LIMIT_MS = 1000;

export interface RelayPairEvents {
  /** May be negative, once for each direction, for bytes that were taken but could not be sent. */
  onBytes(direction: 'bytesUpstream' | 'bytesDownstream', bytes: number): void;
  /** The backend's first byte. @param waitedMs since the client spoke last, or else since they were joined */
  onFirstByte(waitedMs: number): void;
  /**
   * The client ended its stream, and neither side has said a word. True to hold that end back from the backend. Then it is
   * passed on by `passEndOn()`, or at once when the backend says a word or ends.
   */
  onSilentEnd(): boolean;
  /** A side has ended its stream, or is lost; told once of each. */
  onSideOver(side: 'client' | 'backend'): void;
  /** It was held back for a second. True to have both sides reset; else it is passed on. */
  onHeldForLong(): boolean;
  /** Both sockets are closed. */
  onClose(end: SessionEnd, cause?: Error): void;
}

/** For how long no byte may move, and what the end is called then. */
interface Patience {
  readonly ms: number;
  readonly reason: CloseReason;
  /** Of the client's end that is held back; what follows is the owner's to say. */
  readonly isForHeld: boolean;
}

/**
 * How it ends:
 *
 * | what happens                    | what follows                                                      |
 * |---------------------------------|-------------------------------------------------------------------|
 * | a source ends                   | its sink is ended after the last byte; the other way goes on      |
 * | … of the client, held back      | the same, once it is passed on                                    |
 * | … for a second                  | both are reset, or it is passed on; `half-close-timeout`          |
 * | both sources ended              | Node closes both sockets; `finished`                              |
 * | a socket fails (reset, EPIPE …) | the other writes what it was given, then is reset; `reset`        |
 * | … and the other does not read   | it is reset after the half-close timeout, or a minute; `reset`    |
 * | timeout, nothing pending        | both are closed                                                   |
 * | timeout, bytes pending          | both are reset: a clean end would claim that all was passed on    |
 * | it is too old, and rests        | both are closed                                                   |
 * | … and its grace is over         | the same, or both are reset where bytes move or are pending       |
 * | it is to come back elsewhere    | both are closed, if it rests                                      |
 * | destroy()                       | both are reset                                                    |
 */
export class RelayPair {
  readonly #upstream: Relay;
  readonly #downstream: Relay;
  readonly #timeouts: SessionTimeouts;
  readonly #events: RelayPairEvents;
  readonly #timer = new PatientTimer();
  #age: SessionAge | undefined;
  #ending:
    | { readonly reason: CloseReason; readonly side: EndSide; readonly cause?: Error }
    | undefined;
  /** Which side has ended its stream before the other. */
  #firstEnd: 'client' | 'backend' | undefined;
  #socketsOpen = 2;
  /** No byte has come from either side. */
  #isSilent = true;
  /** The backend has said something. */
  #isAnswered = false;
  #movedAt = now();
  #clientSpokeLast = false;
  /** The client has ended its stream, and the backend does not know. */
  #holdsEnd = false;

  constructor(client: Reader, backend: Reader, timeouts: SessionTimeouts, events: RelayPairEvents) {
    this.#timeouts = timeouts;
    this.#events = events;
    const relay = (
      source: Reader,
      sink: Reader,
      direction: 'bytesUpstream' | 'bytesDownstream',
    ): Relay =>
      new Relay(
        source,
        sink.socket,
        (bytes) => {
          if (bytes > 0) this.#moved(direction);
          events.onBytes(direction, bytes);
        },
        () => this.#sourceEnded(direction),
      );
    this.#upstream = relay(client, backend, 'bytesUpstream');
    this.#downstream = relay(backend, client, 'bytesDownstream');
  }

  /** @param head what was read from the client before, and `backHead` from the backend */
  start(head?: Uint8Array, backHead?: Uint8Array): void {
    this.#watch(this.#upstream);
    this.#watch(this.#downstream);
    this.#armTimer();
    this.#startAge();
    this.#upstream.start(head);
    this.#downstream.start(backHead);
  }

  /** One side has ended its stream, or is lost. */
  get isHalfClosed(): boolean {
    return this.#upstream.ended || this.#downstream.ended || this.#ending !== undefined;
  }

  /** Since a byte moved, or else since they were joined. */
  get idleMs(): number {
    return now() - this.#movedAt;
  }

  get bytesUpstream(): number {
    return this.#upstream.bytes;
  }

  get bytesDownstream(): number {
    return this.#downstream.bytes;
  }

  /** Has the backend know that the client has ended its stream, if that was held back. The half-close timeout begins anew. */
  passEndOn(): void {
    if (!this.#holdsEnd) return;
    this.#holdsEnd = false;
    this.#upstream.passEnd();
    this.#armTimer();
  }

  /** Resets both sides at once. */
  destroy(): void {
    this.#end('destroyed');
    this.#cut(resetSocket);
  }

  /** Ends both sides in order. False where it has not been at rest for so long. */
  endAtRest(idleMs: number): boolean {
    if (!this.#rests || now() - this.#movedAt < idleMs) return false;
    this.#end('rebalanced');
    this.#cut((socket) => socket.destroy());
    return true;
  }

  #watch(relay: Relay): void {
    const { source } = relay;
    source.on('error', (error) => this.#failed(relay, error));
    source.once('close', () => {
      // Closed without an error and without both ends: whoever had the socket before destroyed it.
      if (!this.#finished) this.#failed(relay);
      this.#socketsOpen -= 1;
      if (this.#socketsOpen === 0) this.#closed();
    });
  }

  get #finished(): boolean {
    return this.#upstream.ended && this.#downstream.ended;
  }

  #sourceEnded(direction: 'bytesUpstream' | 'bytesDownstream'): void {
    const side = direction === 'bytesUpstream' ? 'client' : 'backend';
    if (this.#ending === undefined) this.#firstEnd ??= side;
    this.#events.onSideOver(side);
    if (direction === 'bytesDownstream') {
      this.#downstream.passEnd();
      this.passEndOn();
    } else {
      const isUnanswered = this.#isSilent && !this.#downstream.ended;
      this.#holdsEnd = isUnanswered && this.#events.onSilentEnd();
      if (!this.#holdsEnd) this.#upstream.passEnd();
    }
    this.#armTimer();
  }

  /** The source of this relay is gone. */
  #failed(relay: Relay, cause?: Error): void {
    if (this.#ending !== undefined) return;
    this.#holdsEnd = false;
    const side = relay === this.#upstream ? 'client' : 'backend';
    if (!relay.ended) this.#events.onSideOver(side);
    this.#ending = { reason: 'reset', side, ...(cause === undefined ? {} : { cause }) };
    const reverse = relay === this.#upstream ? this.#downstream : this.#upstream;
    reverse.stop();
    relay.flush(() => {
      this.#settle();
      resetSocket(relay.sink);
    });
    this.#armTimer();
  }

  #moved(direction: 'bytesUpstream' | 'bytesDownstream'): void {
    if (direction === 'bytesDownstream' && !this.#isAnswered) {
      this.#isAnswered = true;
      this.#events.onFirstByte(this.idleMs);
    }
    this.#movedAt = now();
    this.#clientSpokeLast = direction === 'bytesUpstream';
    if (!this.#isSilent) {
      this.#timer.refresh();
      return;
    }
    this.#isSilent = false;
    this.passEndOn();
    this.#armTimer();
  }

  #armTimer(): void {
    this.#timer.clear();
    const patience = this.#patience();
    if (patience.ms === Number.POSITIVE_INFINITY || this.#socketsOpen === 0) return;
    this.#timer.start(patience.ms, () => this.#timedOut(patience));
  }

  /** The shortest of those that apply now. */
  #patience(): Patience {
    const { idleMs, halfCloseMs, handshakeMs } = this.#timeouts;
    const isOneSideLost = this.#ending !== undefined;
    let shortest: Patience = {
      ms: Number.POSITIVE_INFINITY,
      reason: 'idle-timeout',
      isForHeld: false,
    };
    const apply = (ms: number, reason: CloseReason, isForHeld = false) => {
      if (ms > 0 && ms <= shortest.ms) shortest = { ms, reason, isForHeld };
    };
    apply(idleMs, 'idle-timeout');
    if (this.#isSilent) apply(handshakeMs, 'handshake-timeout');
    if (this.isHalfClosed) apply(halfCloseMs, 'half-close-timeout');
    if (this.#holdsEnd) apply(HELD_LIMIT_MS, 'half-close-timeout', true);
    if (isOneSideLost && shortest.ms === Number.POSITIVE_INFINITY) {
      apply(SURVIVOR_LIMIT_MS, 'half-close-timeout');
    }
    return shortest;
  }

  #timedOut({ reason, isForHeld }: Patience): void {
    if (isForHeld && !this.#events.onHeldForLong()) {
      this.passEndOn();
      return;
    }
    const isLost = this.#pending || isForHeld;
    this.#end(reason);
    this.#cut(isLost ? resetSocket : (socket) => socket.destroy());
  }

  #startAge(): void {
    const { maxAgeMs } = this.#timeouts;
    if (maxAgeMs === 0) return;
    this.#age = new SessionAge(maxAgeMs, {
      quietMs: () => now() - this.#movedAt,
      rests: () => this.#rests,
      onOver: (isCut) => {
        const cut = isCut || this.#pending;
        this.#end('max-age');
        this.#cut(cut ? resetSocket : (socket) => socket.destroy());
      },
    });
  }

  /**
   * Nobody seems to wait for anything: all has been passed on, neither side has ended, and the client was not the last to
   * speak. It may wait for an answer then, for as long as that takes.
   */
  get #rests(): boolean {
    return !this.#clientSpokeLast && !this.isHalfClosed && !this.#pending;
  }

  get #pending(): boolean {
    return this.#upstream.pending || this.#downstream.pending;
  }

  #end(reason: CloseReason): void {
    this.#ending ??= { reason, side: 'proxy' };
    this.#holdsEnd = false;
    this.#settle();
  }

  #cut(how: (socket: Socket) => void): void {
    how(this.#upstream.source);
    how(this.#downstream.source);
  }

  #settle(): void {
    this.#upstream.settle();
    this.#downstream.settle();
  }

  #closed(): void {
    this.#timer.clear();
    this.#age?.stop();
    this.#settle();
    const phase = this.#firstEnd === undefined ? 'data' : 'half-closed';
    const finished = { reason: 'finished', side: this.#firstEnd ?? 'client' } as const;
    const { cause, ...ending } = { cause: undefined, ...(this.#ending ?? finished) };
    this.#events.onClose({ ...ending, phase }, cause);
  }
}
