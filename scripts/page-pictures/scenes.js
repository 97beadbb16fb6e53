/** What the pictures show: proxies with traffic that has some life. */

import { once } from 'node:events';
import { createServer, connect as dial } from 'node:net';
import { inRoot } from '../lib/root.js';

/** Between two points of the history, and what stands for it. */
const [STEP_MS, SHORT_MS] = [15_000, 500];

/** @type {(run: () => void, ms: number) => NodeJS.Timeout} */
const every = globalThis.setInterval;
Object.assign(globalThis, {
  setInterval: (/** @type {() => void} */ run, /** @type {number} */ ms) =>
    every(run, ms === STEP_MS ? SHORT_MS : ms),
});
/** @type {typeof import('../../src/index.js')} */
const { createProxy, createStatus } = await import(inRoot('dist', 'index.js'));
Object.assign(globalThis, { setInterval: every });

/** Answers as many bytes as it was asked for. @param {string} [host] */
async function startBackend(host = '127.0.0.1') {
  /** @type {Set<import('node:net').Socket>} */
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (asked) => {
      const wanted = Number.parseInt(asked.toString('latin1'), 10);
      socket.write(Buffer.alloc(Number.isFinite(wanted) ? Math.min(wanted, 1e6) : 100));
    });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return {
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * One client after another, each asking several times.
 *
 * @param {number} port @param {(second: number) => { sessions: number, bytes: number, lifeMs: number }} load
 */
function startClients(port, load) {
  const begin = performance.now();
  let isOver = false;
  let owed = 0;
  const timer = every(() => {
    const { sessions, bytes, lifeMs } = load((performance.now() - begin) / 1000);
    for (owed += sessions / 10; owed >= 1; owed--) open(bytes * (0.5 + Math.random()), lifeMs);
  }, 100);
  /** @param {number} bytes @param {number} lifeMs */
  function open(bytes, lifeMs) {
    const socket = dial({
      port,
      host: '127.0.0.1',
      localAddress: `127.0.0.${2 + Math.floor(Math.random() ** 2 * 7)}`,
    });
    socket.on('error', () => {});
    socket.resume();
    const asking = every(() => socket.write(`${Math.round(bytes)}\n`.padEnd(60)), 200);
    socket.on('close', () => clearInterval(asking));
    const life = lifeMs * (0.3 + 1.4 * Math.random());
    setTimeout(
      () => (isOver || Math.random() < 0.03 ? socket.resetAndDestroy() : socket.end()),
      life,
    );
  }
  return () => {
    isOver = true;
    clearInterval(timer);
  };
}

/** @param {Parameters<typeof createProxy>[0]} options @param {string} name */
async function startWatched(options, name) {
  const proxy = await createProxy(options);
  const status = await createStatus(proxy, { address: '127.0.0.1:0', name });
  return { proxy, status, url: status.url };
}

/** Three services; `fail()` takes a backend of two of them away. */
export async function demonstration() {
  const backends = await Promise.all(Array.from({ length: 7 }, () => startBackend()));
  const [a, b, c, d, e, f, g] = backends.map(({ port }) => `127.0.0.1:${port}`);
  const health = /** @type {const} */ ({ type: 'tcp', interval: '1s', timeout: '1s' });
  const { proxy, url, status } = await startWatched(
    {
      threads: 2,
      listeners: {
        sql: { address: '127.0.0.1:0', pool: 'db' },
        web: { address: '127.0.0.1:0', pool: 'site' },
        cache: { address: '127.0.0.1:0', pool: 'cache' },
      },
      pools: {
        db: {
          policy: 'least-connections',
          backends: [`${a},name=db-1,weight=2`, `${b},name=db-2`, `${c},name=db-3`],
          health,
        },
        site: { backends: [`${d},name=web-1`, `${e},name=web-2`], health },
        cache: { backends: [`${f},name=redis-1`, `${g},name=redis-2`], health },
      },
    },
    'edge-1',
  );
  const [sql, web, cache] = ['sql', 'web', 'cache'].map(
    (name) => proxy.listener(name).addresses[0]?.port ?? 0,
  );
  const wave = (/** @type {number} */ second, /** @type {number} */ length) =>
    1 + 0.6 * Math.sin((second / length) * 2 * Math.PI) + 0.3 * Math.random();
  const stops = [
    startClients(sql ?? 0, (second) => ({
      sessions: 6 * wave(second, 90),
      bytes: 40_000,
      lifeMs: 6000,
    })),
    startClients(web ?? 0, (second) => ({
      sessions: 25 * wave(second, 60),
      bytes: 6000,
      lifeMs: 1500,
    })),
    startClients(cache ?? 0, (second) => ({
      sessions: 3 * wave(second, 120),
      bytes: 800,
      lifeMs: 9000,
    })),
  ];
  const drain = setTimeout(() => void proxy.pool('db').backend('db-3').drain(), 30_000);
  const ready = setTimeout(() => proxy.pool('db').backend('db-3').ready(), 45_000);
  return {
    url,
    async fail() {
      backends[1]?.stop();
      void proxy.pool('site').backend('web-2').drain();
    },
    async close() {
      clearTimeout(drain);
      clearTimeout(ready);
      for (const stop of stops) stop();
      await status.close();
      await proxy.close();
      for (const backend of backends) backend.stop();
    },
  };
}

/** One pool of many, a few of them not well, beside a small one. @param {number} many */
export async function crowd(many) {
  // Each backend has an address of its own, all of which are this machine.
  const server = await startBackend('0.0.0.0');
  const dead = await startBackend();
  dead.stop();
  const place = (/** @type {number} */ index) => (index % 61 === 7 ? dead.port : server.port);
  const here = Array.from({ length: many }, (_, index) => ({
    name: `node-${String(index + 1).padStart(3, '0')}`,
    address: `127.0.1.${index + 1}:${place(index)}`,
  }));
  const health = /** @type {const} */ ({ type: 'tcp', interval: '2s', timeout: '2s' });
  const { proxy, url, status } = await startWatched(
    {
      threads: 2,
      listeners: {
        jobs: { address: '127.0.0.1:0', pool: 'workers' },
        api: { address: '127.0.0.1:0', pool: 'api' },
      },
      pools: {
        workers: { policy: 'least-connections', backends: here, health },
        api: {
          backends: here
            .slice(0, 3)
            .map(({ address }, index) => ({ name: `api-${index + 1}`, address })),
          health,
        },
      },
    },
    'edge-2',
  );
  void proxy.pool('workers').backend('node-042').drain();
  proxy.pool('workers').backend('node-120').maintenance();
  const ports = ['jobs', 'api'].map((name) => proxy.listener(name).addresses[0]?.port ?? 0);
  const stops = ports.map((port, index) =>
    startClients(port, () => ({ sessions: index === 0 ? 40 : 5, bytes: 4000, lifeMs: 5000 })),
  );
  return {
    url,
    async close() {
      for (const stop of stops) stop();
      await status.close();
      await proxy.close();
      server.stop();
    },
  };
}
