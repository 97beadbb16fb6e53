/** Two ways to read a socket of Node. */
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net';
import { wrapAnew } from './sockets.js';

/** A buffer of 64 KiB costs a third more processor time a byte. */
const LARGE_BYTES = 256 * 1024;
/** What is read at a time while the sink has a queue. What is no larger is copied into memory of its own size. */
const SMALL_BYTES = 16 * 1024;

/**
 * What every socket reads into. So a session that waits has no buffer, however much it has read before.
 *
 * *Invariant:* what was read is copied before the callback of the read returns. So no sink writes from here, though Node alone
 * decides when it reads.
 */
const inbox = Buffer.allocUnsafeSlow(LARGE_BYTES);
const smallInbox = inbox.subarray(0, SMALL_BYTES);

/** Large buffers that no sink writes from. Fresh ones would be paged in again and again. */
const outboxes: Buffer[] = [];
const OUTBOXES_KEPT = 16;

/**
 * Takes what was read, and says what became of it: `done` with, `kept` for a while, or `full`: kept, and nothing more is to be
 * read before `resume()` of the socket, which comes when nothing is kept any more.
 */
export type Take = (chunk: Buffer) => 'done' | 'kept' | 'full';

export interface Reader {
  readonly socket: Socket;
  /** To be called once, when the socket is connected. */
  start(take: Take): void;
  /** Nothing is kept any more: what was taken may be overwritten. */
  release(): void;
}

/**
 * Reads into one buffer that all share. Node would take a fresh one of 64 KiB for each read, and the allocator would
 * give its pages back and fault them in again.
 */
export class DirectReader implements Reader {
  readonly socket: Socket;
  #take: Take = () => 'full';
  readonly #rest: Buffer | null;
  /** The last chunk is kept. */
  #isKept = false;
  /** What it is in, where it is large. There is one at most, for the next read is a small one while it is kept. */
  #outbox: Buffer | undefined;

  private constructor(
    makeSocket: (options: SocketConstructorOpts) => Socket,
    rest: Buffer | null = null,
  ) {
    const reading: ConnectOpts = {
      onread: {
        buffer: () => (this.#isKept ? smallInbox : inbox),
        callback: (count, buffer) => this.#onRead(buffer.subarray(0, count) as Buffer),
      },
    };
    this.socket = makeSocket({ ...reading, allowHalfOpen: true });
    this.#rest = rest;
  }

  /** A new socket, to be connected. */
  static create(): DirectReader {
    return new DirectReader((options) => new Socket(options));
  }

  /**
   * For the connection of an open socket; see `wrapAnew`. What was in its read buffer comes first.
   *
   * @param socket paused, with nothing queued for writing, and nobody else's
   */
  static around(socket: Socket): DirectReader {
    const rest = socket.readableLength > 0 ? (socket.read() as Buffer | null) : null;
    return new DirectReader((options) => wrapAnew(socket, options), rest);
  }

  start(take: Take): void {
    this.#take = take;
    if (this.#rest === null || take(this.#rest) !== 'full') this.socket.resume();
  }

  release(): void {
    this.#isKept = false;
    if (this.#outbox === undefined) return;
    if (outboxes.length < OUTBOXES_KEPT) outboxes.push(this.#outbox);
    this.#outbox = undefined;
  }

  /** False to stop reading. */
  #onRead(chunk: Buffer): boolean {
    const fate = this.#take(this.#copy(chunk));
    if (fate === 'done') this.release();
    else this.#isKept = true;
    return fate !== 'full';
  }

  #copy(chunk: Buffer): Buffer {
    if (chunk.length <= SMALL_BYTES) return Buffer.from(chunk);
    this.#outbox = outboxes.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
    chunk.copy(this.#outbox);
    return this.#outbox.subarray(0, chunk.length);
  }
}

/** For a socket that a program had: it has listeners of the program's, and stays what it is. */
export class EventReader implements Reader {
  readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  start(take: Take): void {
    const { socket } = this;
    socket.on('data', (chunk: Buffer) => {
      if (take(chunk) === 'full') socket.pause();
    });
    socket.resume();
  }

  release(): void {}
}
