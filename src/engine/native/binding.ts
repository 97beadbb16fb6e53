/** What the addon exports. The C++ side only asserts its arguments; the checks are the callers'. */

/** One engine: loops on their own threads. A slot is the number of a live session, below `maxSessions()`. */
export interface NativeEngineBinding {
  /** Rows of `CounterRow`, one block a loop; see src/stats/counters.ts. Readable after `close()`. */
  counters(): ArrayBuffer;
  /** Two unsigned 64-bit words a slot: bytes upstream, bytes downstream. Readable after `close()`. */
  sessionCounters(): ArrayBuffer;
  maxSessions(): number;
  /** Makes a session of a connected socket, which waits for a backend. Owns `fd` from here on. */
  start(
    slot: number,
    fd: number,
    prefix: Uint8Array | undefined,
    listener: number,
    timeouts: Uint32Array,
  ): void;
  /** Gives a session that waits for a backend one that is connected already. Owns `fd` from here on. */
  join(slot: number, fd: number, prefix: Uint8Array | undefined): void;
  /**
   * Lets a session that waits for a backend try one address.
   * @param isLast counts a failure as one of this backend: no other address of it is left
   */
  connectTcp(slot: number, backend: number, isLast: boolean, ip: string, port: number): void;
  connectUnix(slot: number, backend: number, isLast: boolean, path: string): void;
  end(slot: number, ending: number): void;
  /** Fills `into` with events of `EVENT_WORDS` numbers and returns how many; call until fewer than fit come. */
  takeEvents(into: Int32Array): number;
  /** Whether the engine keeps the process alive. It does not at first. */
  ref(): void;
  unref(): void;
  /** Resets what is left and joins the threads. No other method but the counters may be called afterwards. */
  close(): void;
}

export interface NativeBinding {
  /**
   * @param doorbell called on this thread when there are events to take
   * @throws Error with `errno` when the system has no descriptor or thread left
   */
  readonly Engine: new (
    threads: number,
    listeners: number,
    backends: number,
    doorbell: () => void,
  ) => NativeEngineBinding;
  /** F_DUPFD_CLOEXEC: a new descriptor of the caller's, non-blocking, or errno's number negated. */
  duplicateDescriptor(fd: number): number;
  /** Closes a descriptor that `duplicateDescriptor` gave. */
  closeDescriptor(fd: number): void;
  /** Has a descriptor closed when this thread's environment goes, as it does when a worker is terminated. */
  guardDescriptor(fd: number): void;
  /** Takes that back; must come before the descriptor is closed or given away. */
  unguardDescriptor(fd: number): void;
  /** What pipes may cost on this machine. */
  pipeBudget(): { bytes: number; pipes: number; maxSessions: number };
  /** 0 when splice works here, else errno's number. */
  trySplice(): number;
}

/** Numbers an event: kind, slot, reason, errno. `SessionEvent` in native/core/engine/event_queue.h. */
export const EVENT_WORDS = 4;
export const EventKind = { attemptFailed: 0, opened: 1, closed: 2 } as const;

/** A listener row that counts nothing. */
export const NO_LISTENER = -1;

/** `Ending` in native/core/relay/session.h. */
export const Ending = { reset: 0, noBackend: 1 } as const;

/** `CloseReason` in native/core/relay/session.h, by number; 'ended' means that `end` was called. */
export const closeReasons = [
  'finished',
  'reset',
  'idle-timeout',
  'half-close-timeout',
  'ended',
] as const;
