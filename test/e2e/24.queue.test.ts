/** A crowd before a server that bears few: who is served, who is told, in what order and after what time. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { PoolSettings } from '../../src/config/options.js';
import { createProxy } from '../../src/index.js';
import { until, within } from '../helpers/deadline.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';

/** As many as the server is to have at once, of those who wait, and of those who come. */
const ROOM = 50;
const WAITING = 400;
const CLIENTS = 500;

/** Only what never comes takes so long. */
const DEADLINE_MS = 60_000;

/** One who says its number to the server as soon as that hears of it, waits there for a word, and leaves. */
class Client {
  readonly #socket: Socket;
  readonly #cameAt = performance.now();
  /** What became of it, and after how many milliseconds. */
  readonly ended: Promise<{ readonly isServed: boolean; readonly ms: number }>;

  private constructor(port: number, number: number) {
    this.#socket = connect(port, '127.0.0.1');
    onTestFinished(() => void this.#socket.destroy());
    let answers = '';
    this.#socket.write(`RPUSH order ${number}\r\nBLPOP word 0\r\n`);
    this.#socket.on('data', (chunk) => {
      answers += String(chunk);
      if (answers.endsWith('\r\n$2\r\ngo\r\n')) this.#socket.end();
    });
    // Who is told before anybody has read what it said meets a reset.
    this.#socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      this.#socket.once('close', () => {
        resolve({ isServed: answers !== '', ms: performance.now() - this.#cameAt });
      });
    });
  }

  static async come(port: number, number: number): Promise<Client> {
    const client = new Client(port, number);
    await within('connecting', once(client.#socket, 'connect'));
    return client;
  }

  leave(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Asks the server itself: a program for each of a thousand commands would take longer than all else. */
class Operator {
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1').setEncoding('latin1');
    onTestFinished(() => void this.#socket.destroy());
  }

  /** @param command that is answered with a number. One at a time */
  async ask(command: string): Promise<number> {
    const answer = within(command, once(this.#socket, 'data'));
    this.#socket.write(`${command}\r\n`);
    const [text] = (await answer) as [string];
    return Number(/^:(\d+)\r\n$/.exec(text)?.[1]);
  }
}

describeWith(redisNeeds, `${CLIENTS} clients of a Redis with room for ${ROOM}`, () => {
  const keep = stopAfterwards();

  async function start(engine: (typeof engines)[number], queue: PoolSettings['queue']) {
    const server = keep(await startRedis());
    const operator = new Operator(server.port);
    const backends = [{ address: server.address, maxSessions: ROOM }];
    const proxy = await createProxy({ engine, threads: 2, listen: '127.0.0.1:0', backends, queue });
    onTestFinished(() => proxy.close());
    const refusals = new Map<string, number>();
    proxy.on('noBackend', ({ error: { code } }) => {
      refusals.set(code, (refusals.get(code) ?? 0) + 1);
    });
    proxy.on('warning', () => {});
    const figures = () => {
      const [pool] = proxy.stats().pools;
      if (pool === undefined) throw new Error('there is no pool');
      return pool.queue;
    };
    const port = proxy.addresses()[0]?.port ?? 0;
    /** Resolves when the server has heard of so many: of one before the next, so that its order is theirs. */
    const untilHeard = async (count: number) => {
      const deadline = performance.now() + DEADLINE_MS;
      while ((await operator.ask('LLEN order')) !== count) {
        if (performance.now() > deadline) throw new Error(`not ${count} clients at the server`);
      }
    };
    /** One after the other, each when what became of the one before is known. */
    const comeAll = async (count: number): Promise<Client[]> => {
      const clients: Client[] = [];
      for (let number = 0; number < count; number++) {
        clients.push(await Client.come(port, number));
        const isKnown = () => {
          const { length, refused } = figures();
          return ROOM + length + refused === number + 1;
        };
        if (number < ROOM) await untilHeard(number + 1);
        else await until(`client ${number}`, isKnown);
      }
      return clients;
    };
    /** The numbers of those of whom the server has heard, in its order. */
    const heard = async () => {
      const order = await redis(server.port, 'LRANGE', 'order', '0', '-1');
      return order.split('\n').map(Number);
    };
    return { server, operator, port, proxy, figures, refusals, comeAll, untilHeard, heard };
  }

  test.each(engines)('are served in their order, or told at once, with %s', async (engine) => {
    const queue = { length: WAITING, timeout: '10m' };
    const started = await start(engine, queue);
    const { server, operator, proxy, figures, refusals, comeAll, untilHeard, heard } = started;
    const clients = await comeAll(CLIENTS);
    const told = clients.slice(ROOM + WAITING);
    for (const client of told) {
      expect((await within('its end', client.ended)).isServed).toBe(false);
    }
    await until('all are told', () => refusals.get('ERR_SPLICEWAY_QUEUE_FULL') === told.length);
    expect(figures()).toMatchObject({ length: WAITING, refused: told.length, served: 0 });

    // Some lose patience.
    const isGone = (number: number) => number >= ROOM && number % 10 === 0;
    const gone = clients.filter((_, number) => isGone(number) && number < ROOM + WAITING);
    for (const client of gone) client.leave();
    await until('they are gone', () => figures().length === WAITING - gone.length);

    // One leaves after the other.
    const served = clients.slice(0, ROOM + WAITING).filter((_, number) => !isGone(number));
    let most = 0;
    for (const [index, client] of served.entries()) {
      await operator.ask('RPUSH word go');
      expect((await within('its end', client.ended)).isServed).toBe(true);
      await untilHeard(Math.min(ROOM + index + 1, served.length));
      if (index % 10 > 0) continue;
      const info = await redis(server.port, 'INFO', 'clients');
      // But for the operator and the one who asks.
      most = Math.max(most, Number(/connected_clients:(\d+)/.exec(info)?.[1]) - 2);
    }
    const numbers = Array.from({ length: ROOM + WAITING }, (_, number) => number);
    expect(await heard()).toEqual(numbers.filter((number) => !isGone(number)));
    expect(most).toBeLessThanOrEqual(ROOM);
    await until('all ended', () => proxy.stats().sessions.open === 0);
    expect(figures()).toEqual({
      length: 0,
      served: WAITING - gone.length,
      timedOut: 0,
      refused: told.length,
      left: gone.length,
    });
    expect(proxy.stats().sessions).toMatchObject({ opened: CLIENTS, failed: told.length });
  });

  test.each(engines)('are told when their time is over, with %s', async (engine) => {
    const timeoutMs = 2000;
    const queue = { length: WAITING, timeout: timeoutMs };
    const { port, proxy, figures, refusals, heard } = await start(engine, queue);
    const coming = Array.from({ length: CLIENTS }, (_, number) => Client.come(port, number));
    const clients = await Promise.all(coming);
    await until('all are served or told', () => {
      const { opened, open } = proxy.stats().sessions;
      return opened === CLIENTS && open === ROOM;
    });
    const { timedOut, refused, ...others } = figures();
    expect(others).toEqual({ length: 0, served: 0, left: 0 });
    expect(timedOut + refused).toBe(CLIENTS - ROOM);
    // Where the crowd takes longer to come than one may wait, fewer find the queue full.
    expect(timedOut).toBeGreaterThanOrEqual(WAITING);
    const codes = ['ERR_SPLICEWAY_QUEUE_FULL', 'ERR_SPLICEWAY_QUEUE_TIMEOUT'];
    const heardOf = () => codes.map((code) => refusals.get(code) ?? 0);
    await until('all are heard of', () => `${heardOf()}` === `${[refused, timedOut]}`);
    const inside = new Set(await heard());
    expect(inside.size).toBe(ROOM);
    const told = clients.filter((_, number) => !inside.has(number));
    const endings = await Promise.all(told.map(({ ended }) => ended));
    // A client may hear late that it is connected: the proxy has had it for a while by then.
    expect(endings.filter(({ ms }) => ms >= timeoutMs - 100).length).toBeGreaterThanOrEqual(
      timedOut,
    );
  });
});
