/** A configuration that changes again and again, with two services under load: nobody notices. */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { Agent, get, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import type { LongOptions } from '../../src/config/options.js';
import { randomBytes, sha256 } from '../helpers/bytes.js';
import {
  type ChangingProgram,
  type ChangingProxy,
  startChangingProgram,
  startCommand,
  textOf,
} from './helpers/changing-proxy.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { makeMariadbTemplate, mariadbNeeds, startMariadb } from './helpers/mariadb.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
import { openFilesOf, residentBytes } from './helpers/process-usage.js';
import { describeWith } from './helpers/programs.js';
import { type EngineName, engines } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';
import { prepareSysbench, Sysbench, sysbenchNeeds } from './helpers/sysbench.js';
import { waitUntil } from './helpers/wait.js';
import { Wrk, wrkNeeds } from './helpers/wrk.js';

/** More of them for a record: 200 take a minute. */
const changes = Number(process.env.SPLICEWAY_RELOADS ?? 30);
/** From the beginning of one to that of the next, so that the load comes to each state of it. */
const changeEveryMs = 300;
/** Of the whole process. The garbage of JavaScript alone comes and goes by half of that. */
const growthMost = 64 * 1024 * 1024;

const page = randomBytes(300_000, 14);

/** Serves the page; its clients may say nothing for longer than any test takes. */
const patient = (port: number, folder: string) => `
  keepalive_timeout 1h;
  server {
    listen 127.0.0.1:${port};
    location / { root ${folder}/files; }
  }`;

interface Servers {
  readonly web: readonly [Server, Server];
  readonly db: readonly [Server, Server];
}

/** Both servers of a pool, the first one gone, the first one with more weight, and the second one gone. */
function backendsOf([first, second]: readonly [Server, Server], round: number, weight = 3) {
  const [one, other] = [
    { name: 'one', address: first.address },
    { name: 'other', address: second.address },
  ];
  const turns = [[one, other], [other], [{ ...one, weight }, other], [one]];
  return turns[round % turns.length] ?? [];
}

/** Backends come, go and have other weights; two listeners more open and close. */
function configurationOf(engine: EngineName, servers: Servers, round: number): LongOptions {
  const more =
    round % 3 === 0 ? {} : { [`more-${round % 3}`]: { address: '127.0.0.2:0', pool: 'web' } };
  return {
    engine,
    threads: 2,
    listeners: {
      web: { address: '127.0.0.1:0', pool: 'web' },
      db: { address: '127.0.0.1:0', pool: 'db' },
      ...more,
    },
    pools: {
      web: { backends: backendsOf(servers.web, round) },
      db: { backends: backendsOf(servers.db, round + 2), connectTimeout: `${5 + (round % 2)}s` },
    },
  };
}

/** The same with a weight that is none. */
function wrongConfigurationOf(engine: EngineName, servers: Servers): LongOptions {
  const right = configurationOf(engine, servers, 0);
  const web = { backends: backendsOf(servers.web, 2, 0) };
  return { ...right, pools: { ...right.pools, web } };
}

/** An HTTP client with one connection, which it keeps. */
class KeptClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(port: number) {
    this.#port = port;
  }

  /** Fetches the page. @throws when it is not, or came over another connection than the one before */
  async fetch(): Promise<void> {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const url = `http://127.0.0.1:${this.#port}/page.bin`;
      get(url, { agent: this.#agent }, resolve).on('error', reject);
    });
    // The response lets go of it at its end.
    const { socket } = response;
    this.#socket ??= socket;
    const hash = createHash('sha256');
    for await (const chunk of response) hash.update(chunk as Buffer);
    expect(hash.digest('hex')).toBe(sha256(page));
    expect(socket === this.#socket).toBe(true);
  }

  close(): void {
    this.#agent.destroy();
  }
}

describeWith(
  { ...nginxNeeds, ...mariadbNeeds, ...wrkNeeds, ...sysbenchNeeds },
  'two services under load',
  () => {
    const keep = stopAfterwards();
    let servers: Servers;
    beforeAll(async () => {
      const template = keep(await makeMariadbTemplate()).folder;
      servers = {
        web: [keep(await startNginx(patient)), keep(await startNginx(patient))],
        db: [keep(await startMariadb(template)), keep(await startMariadb(template))],
      };
      for (const { folder } of servers.web) {
        await writeFile(path.join(folder, 'files', 'page.bin'), page);
        await writeFile(path.join(folder, 'files', 'small.txt'), 'a small file\n');
      }
      for (const { port } of servers.db) await prepareSysbench(port);
    });

    /** Runs load, while `change` is called again and again, and checks that nothing is left of either. */
    async function runChanges(
      proxy: ChangingProxy,
      engine: EngineName,
      change: (round: number) => Promise<void>,
    ): Promise<void> {
      const { web = 0, db = 0 } = proxy.ports;
      const url = `http://127.0.0.1:${web}/small.txt`;
      const before = openFilesOf(proxy.pid);
      // For what a process makes once: its code, and the pipes of its engine.
      for (const warmUp of [new Wrk(url), new Sysbench(db)])
        await delay(500).then(() => warmUp.stop());
      const residentBefore = residentBytes(proxy.pid);
      const [idle, busy] = [new KeptClient(web), new KeptClient(web)];
      await idle.fetch();
      const load = [
        new Wrk(url),
        new Wrk(url, ['--header', 'Connection: close']),
        new Sysbench(db),
        new Sysbench(db),
      ];
      try {
        for (let round = 1; round <= changes; round++) {
          const turn = delay(changeEveryMs);
          await busy.fetch();
          await change(round);
          await turn;
        }
        await idle.fetch();
        for (const clients of load) expect(await clients.stop()).toBeGreaterThan(0);
      } finally {
        await Promise.allSettled(load.map((clients) => clients.stop()));
        for (const client of [idle, busy]) client.close();
      }
      await proxy.change(configurationOf(engine, servers, 0));
      await waitUntil(() => openFilesOf(proxy.pid).others <= before.others, {
        what: `no more than ${before.others} descriptors`,
      });
      expect(residentBytes(proxy.pid) - residentBefore).toBeLessThan(growthMost);
    }

    describe.each(engines)('%s engine', (engine) => {
      test(`notice nothing of ${changes} reloads of the command's file, some of it wrong`, async () => {
        const proxy = await startCommand(configurationOf(engine, servers, 0));
        let generation = 1;
        await runChanges(proxy, engine, async (round) => {
          if (round % 5 === 0) {
            const wrong = wrongConfigurationOf(engine, servers);
            const lines = textOf(wrong).split('\n');
            const line = lines.findIndex((text) => text.includes('"weight": 0')) + 1;
            expect(await proxy.changeWrongly(wrong)).toMatch(
              new RegExp(`^FILE:${line}:\\d+: pools\\.web\\.backends\\[0\\]\\.weight: 0 is not`),
            );
            return;
          }
          generation += 1;
          expect(await proxy.change(configurationOf(engine, servers, round))).toBe(generation);
        });
        await proxy.stop();
      });

      test(`notice nothing of ${changes} updates by a program, which drains and weighs as well`, async () => {
        const proxy = await startChangingProgram(configurationOf(engine, servers, 0));
        await runChanges(proxy, engine, (round) => changeByProgram(proxy, round));
        await waitUntil(async () => (await proxy.stats()).sessions.open === 0, {
          what: 'the last session to end',
        });
        expect((await proxy.stats()).sessions).toMatchObject({ failed: 0, rejected: 0 });
        await proxy.stop();
      });

      async function changeByProgram(proxy: ChangingProgram, round: number) {
        if (round % 5 === 0) {
          const before = (await proxy.stats()).generation;
          const wrong = wrongConfigurationOf(engine, servers);
          expect(await proxy.changeWrongly(wrong)).toMatch(
            /^pools\.web\.backends\[0\]\.weight: 0 is/,
          );
          expect((await proxy.stats()).generation).toBe(before);
          return;
        }
        await proxy.change(configurationOf(engine, servers, round));
        if (round % 2 !== 0) return;
        // Both servers are there. The one that goes next is drained; it may be the one that stayed the time before.
        const [web, db] =
          round % 4 === 0 ? (['one', 'other'] as const) : (['other', 'one'] as const);
        await proxy.act(
          ['web', db, 'ready'],
          ['web', db, 'setWeight', 2],
          ['web', web, 'drain'],
          ['db', web, 'ready'],
          ['db', db, 'drain'],
        );
      }
    });
  },
);
