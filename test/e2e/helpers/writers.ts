/** Clients that write one thing after the other, each over a connection that it keeps for as long as it can. */
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { waitUntil } from './wait.js';

/** A server does not take a write, and says so. */
export class Refused extends Error {}

/** A client with one connection. */
export interface WritingClient {
  /**
   * @returns the port of the server that has taken it
   * @throws Refused where the connection goes on, and another error where it is lost
   */
  write(id: number): Promise<string>;
  stop(): void;
}

export interface Written {
  readonly id: number;
  /** The port of the server. */
  readonly by: string;
  readonly writer: number;
  /** When the client knew, by `performance.now()`. */
  readonly at: number;
}

/** So that they are a load, and do not starve what they are to show. */
const paceMs = 5;
const retryMs = 50;

export class Writers {
  readonly written: Written[] = [];
  /** What servers said of writes that they did not take. */
  readonly refused: string[] = [];
  /** Connections. */
  lost = 0;
  readonly #open: () => WritingClient;
  readonly #runs: readonly Promise<void>[];
  #id = 0;
  #isOver = false;

  /** @param open called for each connection */
  constructor(open: () => WritingClient, count = 4) {
    this.#open = open;
    this.#runs = Array.from({ length: count }, (_, writer) => this.#run(writer));
  }

  /**
   * Resolves when each of them writes at a server.
   *
   * @param by its port
   * @returns how long the last one has taken since `from`, a time of `performance.now()`, in milliseconds
   */
  async allWriteAt(by: number, from = performance.now()): Promise<number> {
    const firsts = this.#runs.map((_, writer) =>
      waitUntil(
        () =>
          this.written.find(
            (write) => write.writer === writer && write.by === `${by}` && write.at >= from,
          )?.at,
        { what: `writer ${writer} to write at ${by}; refused: ${this.refused.at(-1)}` },
      ),
    );
    return Math.max(...(await Promise.all(firsts))) - from;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#runs);
  }

  async #run(writer: number): Promise<void> {
    let client: WritingClient | undefined;
    while (!this.#isOver) {
      client ??= this.#open();
      this.#id += 1;
      const id = this.#id;
      try {
        const by = await client.write(id);
        this.written.push({ id, by, writer, at: performance.now() });
        await delay(paceMs);
      } catch (error) {
        if (error instanceof Refused) this.refused.push(error.message);
        else {
          this.lost += 1;
          client.stop();
          client = undefined;
        }
        await delay(retryMs);
      }
    }
    client?.stop();
  }
}

/** What a line says of the write at hand, where it says something. */
export type Reading = { readonly by: string } | { readonly error: Error } | undefined;

/** A connection on which one side writes statements, and the other answers with lines. */
export interface Lines {
  readonly input: Writable;
  readonly outputs: readonly Readable[];
  /** Resolves when nothing comes any more. */
  readonly ended: Promise<unknown>;
  stop(): void;
}

/** A client that writes by statements. */
export class LineWriter implements WritingClient {
  readonly #lines: Lines;
  readonly #statement: (id: number) => string;
  readonly #read: (line: string) => Reading;
  #onLine: (line: string) => void = () => {};

  /** @param read called with each line that comes, in order */
  constructor(lines: Lines, statement: (id: number) => string, read: (line: string) => Reading) {
    this.#lines = lines;
    this.#statement = statement;
    this.#read = read;
    // That the connection breaks is told by its end.
    lines.input.on('error', () => {});
    for (const input of lines.outputs) {
      createInterface({ input })
        .on('line', (line) => this.#onLine(line))
        .on('error', () => {});
    }
  }

  write(id: number): Promise<string> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#onLine = (line) => {
        const reading = this.#read(line);
        if (reading === undefined) return;
        if ('by' in reading) resolve(reading.by);
        else reject(reading.error);
      };
      void this.#lines.ended.then(() => reject(new Error('the connection is lost')));
    });
    this.#lines.input.write(this.#statement(id));
    return answer;
  }

  stop(): void {
    this.#lines.stop();
  }
}
