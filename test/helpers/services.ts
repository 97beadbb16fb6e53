/** Proxies of several services, and their clients. */

import type { Socket } from 'node:net';
import { expect, onTestFinished } from 'vitest';
import type { LongOptions } from '../../src/config/options.js';
import type { BackendStats } from '../../src/observe/stats.js';
import { until } from './deadline.js';
import { optionsOf, type Way } from './engines.js';
import type { RunningProxy, TestServices } from './proxies.js';
import { startNamed } from './servers.js';
import { ask, connect, readExactly } from './sockets.js';

/** Any free port, another one each time. */
export const ANY_PORT = '127.0.0.1:0';

/** As `update()` takes it. */
export function wholeOf(way: Way, options: TestServices): LongOptions {
  return { threads: 2, ...options, ...optionsOf(way) };
}

/** Backends that say their name, as the options have them: `127.0.0.1:1234,name=a`. */
export function namedBackends(names: string): Promise<string[]> {
  return Promise.all(
    [...names].map(async (name) => `${(await startNamed(name)).address},name=${name}`),
  );
}

/** What clients are told, one after the other. */
export async function answersAt(port: number, clients: number): Promise<string> {
  let answers = '';
  for (let client = 0; client < clients; client++) answers += await ask(port, '');
  return answers;
}

/** Letters in their order: who has answered how often, whoever began. */
export function sorted(answers: string): string {
  return [...answers].sort().join('');
}

/** Sends a text to a backend that echoes; what came back. */
export async function echoed(client: Socket, text: string): Promise<string> {
  client.write(text);
  return String(await readExactly(client, text.length));
}

/** A client of a backend that echoes: bytes have gone there and back. */
export async function openClient(port: number): Promise<Socket> {
  const client = await connect(port);
  expect(await echoed(client, 'hello')).toBe('hello');
  return client;
}

export interface Asking {
  /** How many were answered so far. */
  readonly answered: number;
  /** Resolves when all have been answered who ask now, and one more in each lane. */
  turn(): Promise<void>;
  /** Resolves with what each client was told; rejects where one was refused or cut off. */
  stop(): Promise<string[]>;
}

/** Clients in several lanes, in each one after the other, until told to stop. */
export function keepAsking(port: () => number, lanes = 4): Asking {
  const answers: string[] = [];
  const counts = Array.from({ length: lanes }, () => 0);
  let isOver = false;
  const lane = async (_: number, index: number) => {
    while (!isOver) {
      answers.push(await ask(port(), ''));
      counts[index] = (counts[index] ?? 0) + 1;
    }
  };
  const all = Promise.all(counts.map(lane));
  all.catch(() => {});
  onTestFinished(() => {
    isOver = true;
  });
  return {
    get answered() {
      return answers.length;
    },
    turn: async () => {
      const before = [...counts];
      const isEach = () => counts.every((count, index) => count > (before[index] ?? 0) + 1);
      // Where one fails, nobody waits for it.
      await Promise.race([until('an answer in each lane', isEach), all]);
    },
    stop: async () => {
      isOver = true;
      await all;
      return answers;
    },
  };
}

/** The figures of one backend. */
export function figuresOf(proxy: RunningProxy, pool: string, name: string): BackendStats {
  const figures = proxy.stats().backends.find((row) => row.pool === pool && row.name === name);
  if (figures === undefined) throw new Error(`no figures of ${pool}/${name}`);
  return figures;
}
