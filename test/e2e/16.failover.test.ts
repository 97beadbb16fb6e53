/** Backends that go away and come back, under load: only sessions that lived on them notice. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { PoolSettings } from '../../src/config/options.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
import { startPool } from './helpers/pool.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';
import { waitUntil } from './helpers/wait.js';
import { Wrk, wrkNeeds } from './helpers/wrk.js';

/** Each request has a connection of its own. */
const oneEach = ['--header', 'Connection: close'];
const connections = 10;

const page = (port: number) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200 "page"; }
  }`;

const checks = { type: 'http', path: '/', interval: '500ms', timeout: '1s' } as const;
/** Who finds out that a backend is gone. */
const finders: readonly [string, PoolSettings][] = [
  ['checks', { health: checks, ejectFor: '0' }],
  ['clients', { ejectAfter: 2 }],
  ['both', { health: checks }],
];

describeWith({ ...nginxNeeds, ...wrkNeeds }, 'three servers under load', () => {
  let servers: Server[] = [];
  beforeAll(async () => {
    servers = await Promise.all([0, 1, 2].map(() => startNginx(page)));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** The server that had this place is there again. */
  async function startAgain(place: number): Promise<void> {
    const port = servers[place]?.port;
    await servers[place]?.stop();
    servers[place] = await startNginx(page, port);
  }

  const names = ['web-0', 'web-1', 'web-2'];
  const others = ['web-0', 'web-2'];
  async function startBalancer(engine: (typeof engines)[number], settings: PoolSettings) {
    const backends = servers.map(({ address }, place) => ({ address, name: `web-${place}` }));
    const pool = await startPool(engine, { backends, ...settings });
    return { ...pool, url: `http://127.0.0.1:${pool.port}/` };
  }

  test.each(
    engines.flatMap((engine) => finders.map(([who, settings]) => ({ engine, who, settings }))),
  )('one that is killed is found out by $who, with $engine', async ({ engine, settings }) => {
    const { url, figures, is, moreAt, changes } = await startBalancer(engine, settings);
    const wrk = new Wrk(url, [...oneEach]);
    onTestFinished(() => wrk.end().then(() => {}));
    await moreAt(names);
    await servers[1]?.kill();
    await waitUntil(() => ['down', 'ejected'].includes(figures('web-1').health.status), {
      what: 'its health',
    });
    // Those that were on their way are through then.
    await moreAt(others);
    const met = figures('web-1').failed;
    await moreAt(others);
    // Nobody meets it any more.
    expect(figures('web-1').failed).toBe(met);
    await startAgain(1);
    await is('web-1', 'up');
    await moreAt(names);
    const { answered, failed } = await wrk.end();
    expect(answered).toBeGreaterThan(100);
    // Those whose connection lived there.
    expect(failed).toBeLessThanOrEqual(connections);
    expect(changes.filter(({ backend }) => backend === 'web-1').at(-1)?.to).toBe('up');
  });

  test.each(engines)(
    'each restarts, drained before, and no client notices, with %s',
    async (engine) => {
      const { proxy, url, is, moreAt } = await startBalancer(engine, { health: checks });
      const wrk = new Wrk(url, oneEach);
      onTestFinished(() => wrk.end().then(() => {}));
      for (const place of servers.keys()) {
        const backend = proxy.pool().backend(`web-${place}`);
        await moreAt(names);
        await backend.maintenance();
        await startAgain(place);
        backend.ready();
        await is(`web-${place}`, 'up');
      }
      await moreAt(names);
      expect(await wrk.stop()).toBeGreaterThan(300);
    },
  );
});
