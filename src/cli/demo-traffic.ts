/** Clients of the demonstration: enough of them, and different enough, that its page is worth looking at. */
import { connect, type Socket } from 'node:net';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { type EchoBackend, firstListener } from './demo-peers.js';

/** Seconds after which everything comes again. */
const PERIOD = 60;
/** In each period, from when to when the last backend fails. */
const FAILS = { from: 20, to: 35 } as const;

/** In a crowd and without one, by the second. */
const SMALL = [1, 2, 3, 5, 8, 5, 3, 2] as const;
/** For how many seconds each talks, and is followed by the next one. */
const TALKS = [7, 11, 13, 17, 23, 29, 37, 45];
const BULK_EVERY = 4;
const MIB = 1_048_576;

export class DemoTraffic {
  readonly #proxy: RunningProxy;
  readonly #failing: EchoBackend | undefined;
  readonly #sockets = new Set<Socket>();
  #second = 0;

  /** @param failing the one that fails for a while, again and again */
  constructor(proxy: RunningProxy, failing: EchoBackend | undefined) {
    this.#proxy = proxy;
    this.#failing = failing;
  }

  /** What happens in one second. */
  tick(): void {
    const second = this.#second++;
    if (this.#failing !== undefined) {
      if (second % PERIOD === FAILS.from) this.#failing.isFailing = true;
      if (second % PERIOD === FAILS.to) this.#failing.isFailing = false;
    }
    const few = SMALL[Math.floor(second / 5) % SMALL.length] ?? 1;
    for (let count = 0; count < few; count++) this.#open('still there?', 1);
    if (second % BULK_EVERY === 0) {
      this.#open(`send ${(1 + (second % 7)) * MIB} bytes`, 1);
    }
    for (const seconds of TALKS) {
      if (second % seconds === 0) this.#open('here I am', seconds);
    }
  }

  /** Its clients leave, so that nobody waits for them. */
  end(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** A client that says a line, and again each second, so many times; it leaves when all is answered. */
  #open(line: string, times: number): void {
    const socket = connect(firstListener(this.#proxy));
    this.#sockets.add(socket);
    let said = 0;
    let answered = 0;
    const say = () => {
      said += 1;
      socket.write(`${line}\n`);
    };
    const saying = setInterval(() => said < times && say(), 1000);
    // One that meets a backend which fails is cut off, as in life. The page tells.
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      for (const byte of data) if (byte === 0x0a) answered += 1;
      if (answered >= times) socket.end();
    });
    socket.once('close', () => {
      clearInterval(saying);
      this.#sockets.delete(socket);
    });
    say();
  }
}
