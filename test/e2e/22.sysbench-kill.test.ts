/** One of three MariaDB servers is killed under sysbench: only clients that were on it notice, and once. */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import type { PoolSettings } from '../../src/config/options.js';
import { stopAfterwards } from './helpers/cleanup.js';
import type { Daemon } from './helpers/daemon.js';
import { makeMariadbTemplate, mariadbNeeds, startMariadb } from './helpers/mariadb.js';
import { startPool } from './helpers/pool.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';
import { prepareSysbench, startOneClient, sysbenchNeeds } from './helpers/sysbench.js';
import { waitUntil } from './helpers/wait.js';

const names = ['db-0', 'db-1', 'db-2'];
/** Errors 2006 and 2013: the server has gone away, and the connection was lost. */
const gone = /error 20(06|13)\b/;

const health = { type: 'mysql', user: 'tester', password: 'secret', interval: '500ms' } as const;
/** Who finds out that it is gone, and what it is then. */
const finders: readonly [who: string, becomes: 'down' | 'ejected', settings: PoolSettings][] = [
  ['checks', 'down', { health, ejectFor: '0' }],
  ['the first client that meets it', 'ejected', { ejectAfter: 1, ejectFor: '5m' }],
];

describeWith({ ...mariadbNeeds, ...sysbenchNeeds }, 'three MariaDB servers under sysbench', () => {
  const keep = stopAfterwards();
  const servers: Server[] = [];
  let template: string;
  const start = async () => {
    const server = keep(await startMariadb(template));
    await prepareSysbench(server.port);
    return server;
  };
  beforeAll(async () => {
    template = keep(await makeMariadbTemplate()).folder;
    servers.push(await start(), await start(), await start());
  });

  test.each(
    engines.flatMap((engine) =>
      finders.map(([who, becomes, settings]) => ({ engine, who, becomes, settings })),
    ),
  )('one is killed, which $who find out, with $engine', async ({ engine, becomes, settings }) => {
    const { port, figures, told, is, changes } = await startPool(engine, {
      backends: servers.map(({ address }, place) => ({ address, name: `db-${place}` })),
      ...settings,
    });
    const clients: Daemon[] = [];
    onTestFinished(async () => {
      await Promise.all(clients.map((client) => client.stop()));
    });
    const dead = () => clients.filter((client) => client.hasExited);
    /** Resolves when so many more clients than there were have got a connection. */
    const more = async (count: number) => {
      for (let client = 0; client < count; client++) clients.push(startOneClient(port));
      const open = () => names.reduce((sum, name) => sum + figures(name).open, 0);
      await waitUntil(() => open() === clients.length - dead().length, {
        what: `${clients.length} clients to be connected`,
      });
    };
    await more(6);
    await waitUntil(() => names.every((name) => figures(name).bytesDownstream > 20_000), {
      what: 'the clients to work',
    });
    expect(names.map((name) => figures(name).open)).toEqual([2, 2, 2]);

    const killed = performance.now();
    onTestFinished(async () => {
      servers[1] = await start();
    });
    await servers[1]?.kill();
    await waitUntil(() => dead().length === 2, { what: 'its clients to notice' });
    for (const client of dead()) {
      await client.exited();
      expect(client.output).toMatch(gone);
    }

    // As many come as there are servers, so one of them is to go there.
    await more(3);
    await is('db-1', becomes);
    const { failed } = figures('db-1');
    await more(3);
    expect(figures('db-1').failed).toBe(failed);
    expect(dead().length).toBe(2);
    const [change] = changes.filter(({ backend, to }) => backend === 'db-1' && to === becomes);
    const ms = Math.round((change?.at ?? 0) - killed);
    console.log(
      `sysbench, ${engine}: ${told().at(-1)}, ${ms} ms after the kill; ${failed} clients met it at connecting`,
    );
  });
});
