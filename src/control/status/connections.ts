/** Who is connected to a status address: some at a time, each for as long as its answers are read. */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { clearTimeout, setTimeout } from '../../timers.js';

/** At once. The engine leaves 64 descriptors to JavaScript, half of them to a control socket. */
const MOST = 24;

/** For an answer to be read: a scrape that takes longer is of no use. */
const ANSWER_MS = 30_000;

/** Answers of one connection that are under way, each with what cuts it. */
type Answers = Map<ServerResponse, NodeJS.Timeout>;

/**
 * When all places are taken, whoever comes has that of the one who has asked for nothing for longest: probes get through a crowd that is
 * silent. Only where all are being answered, whoever comes is disconnected.
 */
export class Connections {
  /** Those who have had their answers, or have not asked: the longest first. */
  readonly #idle = new Set<Socket>();
  readonly #answered = new Map<Socket, Answers>();

  readonly #isEndless: (response: ServerResponse) => boolean;

  /** @param isEndless whether an answer goes on for as long as somebody reads it */
  constructor(server: Server, isEndless: (response: ServerResponse) => boolean = () => false) {
    this.#isEndless = isEndless;
    server.on('connection', (socket) => this.#enter(socket));
    server.on('request', ({ socket }, response) => this.#answer(socket, response));
  }

  #enter(socket: Socket): void {
    if (this.#idle.size + this.#answered.size >= MOST) {
      const [oldest] = this.#idle;
      if (oldest === undefined) {
        socket.destroy();
        return;
      }
      this.#idle.delete(oldest);
      oldest.destroy();
    }
    this.#idle.add(socket);
    // Not by their answers: one behind others that are not read is never closed.
    socket.once('close', () => {
      this.#idle.delete(socket);
      for (const cut of this.#answered.get(socket)?.values() ?? []) clearTimeout(cut);
      this.#answered.delete(socket);
    });
  }

  #answer(socket: Socket, response: ServerResponse): void {
    // Of many requests that came at once, the last ones may be read when it is gone.
    if (socket.destroyed) return;
    this.#idle.delete(socket);
    const answers: Answers = this.#answered.get(socket) ?? new Map();
    this.#answered.set(socket, answers);
    const cut = () => {
      if (!this.#isEndless(response)) socket.destroy();
    };
    answers.set(response, setTimeout(cut, ANSWER_MS).unref());
    response.once('close', () => {
      clearTimeout(answers.get(response));
      answers.delete(response);
      if (answers.size > 0 || !this.#answered.delete(socket) || socket.destroyed) return;
      this.#idle.add(socket);
    });
  }
}
