/** Backends that go away and come back, under load: only sessions that lived on them notice. */
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { PoolSettings } from '../../src/config/options.js';
import { createProxy } from '../../src/index.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
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

  async function startBalancer(engine: (typeof engines)[number], settings: PoolSettings) {
    const proxy = await createProxy({
      engine,
      threads: 2,
      listen: '127.0.0.1:0',
      backends: servers.map(({ address }, place) => ({ address, name: `web-${place}` })),
      ...settings,
    });
    onTestFinished(() => proxy.close());
    const port = (proxy.addresses()[0] as { port: number }).port;
    const figures = (place: number) => proxy.stats().backends[place];
    /** Resolves when each of the others has had a hundred more sessions. */
    const goOn = async (without: number) => {
      const before = servers.map((_, place) => figures(place)?.opened ?? 0);
      const isFar = (opened: number, place: number) =>
        place === without || (figures(place)?.opened ?? 0) > opened + 100;
      await waitUntil(() => before.every(isFar), { what: 'sessions at the others' });
    };
    return { proxy, url: `http://127.0.0.1:${port}/`, figures, goOn };
  }

  test.each(
    engines.flatMap((engine) => finders.map(([who, settings]) => ({ engine, who, settings }))),
  )('one that is killed is found out by $who, with $engine', async ({ engine, settings }) => {
    const { proxy, url, figures, goOn } = await startBalancer(engine, settings);
    const statuses: string[] = [];
    proxy.on('backend', ({ backend, to }) => {
      if (backend === 'web-1') statuses.push(to);
    });
    const wrk = new Wrk(url, [...oneEach]);
    onTestFinished(() => wrk.end().then(() => {}));
    await goOn(-1);
    statuses.length = 0;
    await servers[1]?.kill();
    await waitUntil(
      () => figures(1)?.health.status === 'down' || figures(1)?.health.status === 'ejected',
      {
        what: 'its health',
      },
    );
    const met = figures(1)?.failed;
    await goOn(1);
    // Nobody meets it any more.
    expect(figures(1)?.failed).toBe(met);
    await startAgain(1);
    await waitUntil(() => figures(1)?.health.status === 'up', { what: 'its return' });
    await goOn(-1);
    const { answered, failed } = await wrk.end();
    expect(answered).toBeGreaterThan(500);
    // Those whose connection lived there.
    expect(failed).toBeLessThanOrEqual(connections);
    expect(statuses.at(-1)).toBe('up');
  });

  test.each(engines)(
    'each restarts, drained before, and no client notices, with %s',
    async (engine) => {
      const { proxy, url, figures, goOn } = await startBalancer(engine, { health: checks });
      const wrk = new Wrk(url, oneEach);
      onTestFinished(() => wrk.end().then(() => {}));
      for (const place of servers.keys()) {
        const backend = proxy.pool().backend(`web-${place}`);
        await goOn(-1);
        await backend.maintenance();
        await startAgain(place);
        backend.ready();
        await waitUntil(() => figures(place)?.health.status === 'up', { what: 'its return' });
      }
      await goOn(-1);
      expect(await wrk.stop()).toBeGreaterThan(1000);
    },
  );
});
