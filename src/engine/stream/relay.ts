/** One direction of a session. */
import type { Socket } from 'node:net';
import type { Reader } from './reader.js';
import { readOn } from './sockets.js';

const NOTHING = Buffer.alloc(0);

/**
 * Moves bytes from source to sink, and says when the source has ended. `passEnd()` then tells the sink.
 *
 * *Invariant:* reading stops when the sink's queue is at its high-water mark and as much as the source's has come since, and
 * begins again when the queue is empty. So an end or a reset behind a little is met though the sink takes nothing.
 */
export class Relay {
  readonly source: Socket;
  readonly sink: Socket;
  readonly #reader: Reader;
  readonly #onBytes: (bytes: number) => void;
  readonly #onEnd: () => void;
  #taken = 0;
  #settled: number | undefined;
  #ended = false;
  /** The source is not read, for what the sink has in its queue. */
  #isHeldUp = false;
  /** Bytes that came since the sink's queue was full. */
  #ahead = 0;
  #isStopped = false;

  /**
   * @param onBytes bytes taken from the source; negative once, in `settle()`, for those never sent
   * @param onEnd the source ended, and every byte of it was taken
   */
  constructor(reader: Reader, sink: Socket, onBytes: (bytes: number) => void, onEnd: () => void) {
    this.#reader = reader;
    this.source = reader.socket;
    this.sink = sink;
    this.#onBytes = onBytes;
    this.#onEnd = onEnd;
  }

  /** @param head bytes of the source that were read before, by others */
  start(head?: Uint8Array): void {
    if (head !== undefined) this.#pass(head);
    if (this.source.readableEnded) {
      this.#sourceEnded();
      return;
    }
    this.source.once('end', () => this.#sourceEnded());
    this.#reader.start((chunk) => {
      this.#pass(chunk);
      if (this.#isHeldUp) return 'full';
      return this.sink.writableLength > 0 ? 'kept' : 'done';
    });
  }

  /** Ends the sink's stream after the last byte. */
  passEnd(): void {
    this.sink.end();
  }

  /** Bytes passed on so far. Those still in the sink's write queue do not count. */
  get bytes(): number {
    return this.#settled ?? this.#taken - this.#unsent;
  }

  /** True when the source ended its stream. */
  get ended(): boolean {
    return this.#ended;
  }

  /** True while Node holds bytes of this direction. */
  get pending(): boolean {
    return this.source.readableLength > 0 || this.sink.writableLength > 0;
  }

  /** Fixes the figure, before the sink is destroyed and forgets what it still held. */
  settle(): void {
    if (this.#settled !== undefined) return;
    const unsent = this.#unsent;
    this.#settled = this.#taken - unsent;
    if (unsent > 0) this.#onBytes(-unsent);
  }

  /** Stops reading. What was taken stays in the sink's write queue. */
  stop(): void {
    this.#isStopped = true;
    this.source.pause();
  }

  /**
   * For a source that is gone: queues what it left in its read buffer, and calls back when the sink has written
   * everything (or is gone too).
   */
  flush(done: () => void): void {
    const { source, sink } = this;
    const rest = this.#ended ? null : (source.read() as Buffer | null);
    if (rest !== null) this.#pass(rest);
    this.stop();
    if (sink.destroyed || sink.writableLength === 0) done();
    else if (sink.writableEnded) sink.once('finish', done);
    else sink.write(NOTHING, () => done());
  }

  #pass(chunk: Uint8Array): void {
    const { source, sink } = this;
    // A sink that has failed is about to say so, and everything stops.
    this.#isHeldUp = !sink.writable;
    if (this.#isHeldUp) return;
    this.#taken += chunk.length;
    this.#onBytes(chunk.length);
    const wasFull = sink.writableLength >= sink.writableHighWaterMark;
    this.#ahead = wasFull ? this.#ahead + chunk.length : 0;
    sink.write(chunk, this.#onWritten);
    this.#isHeldUp = wasFull && this.#ahead >= source.readableHighWaterMark;
  }

  /** Comes for every write: a function that is always the same costs Node next to nothing. */
  readonly #onWritten = (error?: Error | null): void => {
    if (error || this.sink.writableLength > 0) return;
    this.#reader.release();
    if (!this.#isHeldUp) return;
    this.#isHeldUp = false;
    if (!this.#isStopped && !this.source.destroyed) this.source.resume();
  };

  /** An end, or something that looks like one. */
  #sourceEnded(): void {
    const { rest, error } = readOn(this.source);
    if (rest.length > 0) this.#pass(rest);
    if (error !== undefined) {
      this.source.destroy(error);
      return;
    }
    this.#ended = true;
    this.#onEnd();
  }

  /** What was queued by others before us is written first, so it is never ours that is missing below it. */
  get #unsent(): number {
    return Math.min(this.#taken, this.sink.writableLength);
  }
}
