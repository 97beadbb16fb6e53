/** A connection of its own to a server, on which the server is asked once. */
import { connect, type Socket } from 'node:net';
import { isConnectedToItself } from '../../../engine/stream/sockets.js';
import type { ResolvedAddress } from '../../../model/address.js';
import { type Attempt, attempt } from './attempt.js';
import type { CheckTarget } from './check.js';
import { quoted, reasonOf } from './reason.js';

/** More no answer to a check has, and no more is kept. */
export const MOST_BYTES = 65_536;

/** What was found at the beginning of the bytes that have come, and how many of them it takes. */
export interface Found<Value> {
  readonly value: Value;
  readonly bytes: number;
}

/**
 * Connects, and lets `talk` ask. The connection is gone when the promise is settled.
 *
 * @param signal when it aborts, the error says what was waited for
 * @returns what `talk` resolves with
 */
export function converse(
  { address, from }: CheckTarget,
  signal: AbortSignal,
  talk: (conversation: Conversation) => Promise<string>,
): Promise<string> {
  return attempt(signal, (own) => {
    const conversation = new Conversation(address, from, own);
    return Promise.race([conversation.failed, talk(conversation)]);
  });
}

/** What a server says is read in order, each part as it is expected. */
export class Conversation {
  /** Rejects when the connection breaks. */
  readonly failed: Promise<never>;
  readonly #attempt: Attempt;
  readonly #socket: Socket;
  readonly #connected: Promise<void>;
  /** Of what has come, what nobody has taken yet. */
  #left = Buffer.alloc(0);
  /** How many bytes may still come. */
  #room = MOST_BYTES;
  #isEnded = false;
  #wake = () => {};

  constructor(address: ResolvedAddress, from: string | undefined, own: Attempt) {
    const where =
      address.kind === 'unix'
        ? { path: address.path }
        : { host: address.ip, port: address.port, ...(from && { localAddress: from }) };
    const socket = connect({ ...where, allowHalfOpen: true, noDelay: true });
    this.#attempt = own;
    this.#socket = socket;
    own.release = () => socket.destroy();
    this.failed = new Promise((_, reject) => {
      socket.on('error', (error) => reject(new Error(reasonOf(error))));
    });
    this.#connected = new Promise((resolve) => {
      socket.once('connect', () => {
        if (!isConnectedToItself(socket)) resolve();
        else socket.destroy(Object.assign(new Error(), { code: 'ECONNREFUSED' }));
      });
    });
    // A talk that has ended by itself does not wait for it.
    this.failed.catch(() => {});
    socket.on('data', (bytes: Buffer) => this.#keep(bytes));
    socket.on('end', () => {
      this.#isEnded = true;
      this.#wake();
    });
  }

  /**
   * The next part of what the server says.
   *
   * @param what for messages, as in `timed out waiting for its greeting`
   * @param find gives it as soon as the bytes that have come begin with the whole of it; an error that it throws ends the talk
   */
  async receive<Value>(
    what: string,
    find: (received: Buffer) => Found<Value> | undefined,
  ): Promise<Value> {
    await this.#connected;
    this.#attempt.state = `waiting for ${what}`;
    for (;;) {
      const found = find(this.#left);
      if (found !== undefined) {
        this.#left = this.#left.subarray(found.bytes);
        return found.value;
      }
      if (this.#room === 0) throw new Error(`expected ${what}, got ${MOST_BYTES} other bytes`);
      if (this.#isEnded) throw new Error(`expected ${what}, got ${this.#whatEnded()}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends it as soon as the connection is there. */
  send(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Sends the last bytes, or none, and ends this side. Resolves when the kernel has them. */
  async end(bytes: string | Uint8Array = ''): Promise<void> {
    await this.#connected;
    this.#attempt.state = 'saying goodbye';
    await new Promise<void>((resolve) => this.#socket.end(bytes, resolve));
  }

  #keep(bytes: Buffer): void {
    const kept = bytes.subarray(0, this.#room);
    this.#room -= kept.length;
    this.#left = Buffer.concat([this.#left, kept]);
    if (this.#room === 0) this.#socket.pause();
    this.#wake();
  }

  #whatEnded(): string {
    const text = this.#left.toString('latin1');
    return text === '' ? 'the end of the connection' : `${quoted(text)} and the end`;
  }
}
