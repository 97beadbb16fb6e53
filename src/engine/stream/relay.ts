/** One direction of a session. */
import type { Socket } from 'node:net';
import { readOn } from './sockets.js';

const NOTHING = Buffer.alloc(0);

/**
 * Moves bytes from source to sink with `pipe()`, which stops reading while the sink is full, and passes the end
 * of the stream on after the last byte.
 */
export class Relay {
  readonly source: Socket;
  readonly sink: Socket;
  readonly #onBytes: (bytes: number) => void;
  readonly #onEnd: () => void;
  #taken = 0;
  #settled: number | undefined;
  #ended = false;

  /**
   * @param onBytes bytes taken from the source; negative once, in `settle()`, for those never sent
   * @param onEnd the source ended and the sink was told
   */
  constructor(source: Socket, sink: Socket, onBytes: (bytes: number) => void, onEnd: () => void) {
    this.source = source;
    this.sink = sink;
    this.#onBytes = onBytes;
    this.#onEnd = onEnd;
  }

  /** @param head bytes of the source that were read before, by others */
  start(head?: Uint8Array): void {
    const { source, sink } = this;
    if (head !== undefined) this.#pass(head);
    source.on('data', (chunk: Buffer) => {
      this.#taken += chunk.length;
      this.#onBytes(chunk.length);
    });
    // The end is ours: pipe() would do the same, but not for a source that ended before we came.
    source.pipe(sink, { end: false });
    if (source.readableEnded) this.#sourceEnded();
    else source.once('end', () => this.#sourceEnded());
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
    this.source.unpipe(this.sink);
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

  /** What did not come through `pipe()`. */
  #pass(rest: Uint8Array): void {
    if (!this.sink.writable) return;
    this.#taken += rest.length;
    this.#onBytes(rest.length);
    this.sink.write(rest);
  }

  /** An end, or something that looks like one. */
  #sourceEnded(): void {
    const { rest, error } = readOn(this.source);
    if (rest.length > 0) this.#pass(rest);
    if (error !== undefined) {
      this.source.destroy(error);
      return;
    }
    this.#ended = true;
    this.sink.end();
    this.#onEnd();
  }

  /** What was queued by others before us is written first, so it is never ours that is missing below it. */
  get #unsent(): number {
    return Math.min(this.#taken, this.sink.writableLength);
  }
}
