/** Who watches the stream of events: some at a time, by one timer, and nobody is waited for. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { SplicewayError } from '../../errors/catalogue.js';
import { clearInterval, setInterval } from '../../timers.js';

/** Of the connections that the address has. */
const MOST = 8;

/** Bytes that may wait for one of them, beside those in the kernel. Whoever reads more slowly is disconnected, and comes again. */
const MOST_WAITING = 1024 * 1024;

const TICK_MS = 1000;

/** What one message is made of. */
export interface Message {
  readonly event: string;
  readonly data: unknown;
}

interface WatchersHost {
  /** Somebody comes and nobody was there. */
  begin(): void;
  /** For somebody new. */
  welcome(): readonly Message[];
  /** Once a second, for all. */
  tick(): readonly Message[];
}

interface Watcher {
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly leave: () => void;
}

export class Watchers {
  readonly #host: WatchersHost;
  readonly #watchers = new Set<Watcher>();
  #ticking: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;

  constructor(host: WatchersHost) {
    this.#host = host;
  }

  /** How many there are. */
  get count(): number {
    return this.#watchers.size;
  }

  /**
   * Server-sent events, until whoever reads them is gone, or `close()`.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_TOO_MANY_REQUESTS` where all places are taken, or one by the same connection, which asks in advance
   */
  watch(response: ServerResponse): ReadableStream<Uint8Array> {
    const { socket } = response.req;
    const isHere = [...this.#watchers].some((watcher) => watcher.socket === socket);
    if (this.#watchers.size >= MOST || isHere) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_TOO_MANY_REQUESTS',
        `${MOST} watch already, the most at a time, or one on this connection; ask again when one has left`,
      );
    }
    let watcher: Watcher | undefined;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          // Where nobody is there any more, nobody would say so again.
          if (this.#isClosed || socket.closed) return controller.close();
          const entered: Watcher = {
            controller,
            response,
            socket,
            leave: () => this.#leave(entered),
          };
          watcher = entered;
          this.#enter(entered);
        },
        cancel: () => watcher?.leave(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MOST_WAITING }),
    );
  }

  /** Ends all streams; none begins any more. */
  close(): void {
    this.#isClosed = true;
    for (const watcher of [...this.#watchers]) {
      watcher.leave();
      watcher.controller.close();
    }
  }

  #enter(watcher: Watcher): void {
    if (this.#ticking === undefined) {
      this.#host.begin();
      this.#ticking = setInterval(() => this.#tick(), TICK_MS);
      this.#ticking.unref();
    }
    this.#watchers.add(watcher);
    // It may leave before anything is read of the stream.
    watcher.response.once('close', watcher.leave);
    // An answer behind others that are not read is never closed.
    watcher.socket.once('close', watcher.leave);
    this.#send(watcher, encoded(this.#host.welcome()));
  }

  #leave(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher)) return;
    watcher.socket.off('close', watcher.leave);
    if (this.#watchers.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
  }

  #tick(): void {
    const bytes = encoded(this.#host.tick());
    for (const watcher of [...this.#watchers]) this.#send(watcher, bytes);
  }

  #send(watcher: Watcher, bytes: Uint8Array): void {
    if ((watcher.controller.desiredSize ?? 0) > 0) {
      watcher.controller.enqueue(bytes);
      return;
    }
    watcher.leave();
    watcher.response.destroy();
  }
}

const encoder = new TextEncoder();

function encoded(messages: readonly Message[]): Uint8Array {
  const texts = messages.map(
    ({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
  );
  return encoder.encode(texts.join(''));
}
