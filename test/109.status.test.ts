/** The status address: what it tells of a proxy, and to whom. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseOptions } from '../src/config/schema.js';
import { createStatus, openStatus, parsePlace } from '../src/control/status/create.js';
import { isMeant } from '../src/control/status/hosts.js';
import { toldTo } from '../src/control/status/told.js';
import type { StatusAddress, StatusOptions } from '../src/control/status/types.js';
import { statusOf } from '../src/control/status.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import { createProxyFromConfig } from '../src/proxy/create.js';
import { until, within } from './helpers/deadline.js';
import { engines, ways } from './helpers/engines.js';
import { EventReader } from './helpers/events.js';
import { portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { ANY_PORT, openClient } from './helpers/services.js';
import { get, scrape, startStatus } from './helpers/status.js';

const SOMEWHERE = '127.0.0.1:9';

/** Two pools, none of whose backends is asked. */
const services = {
  listeners: { web: { address: ANY_PORT, pool: 'site' } },
  pools: {
    site: { backends: [`${SOMEWHERE},name=a`, '127.0.0.1:10,name=b'] },
    spare: { backends: [SOMEWHERE] },
  },
};

const errorOf = (promise: Promise<unknown>) =>
  within('an error', promise).then(
    () => undefined,
    (error: unknown) => (error instanceof SplicewayError ? error : undefined),
  );

describe.each(ways)('readiness with %s', (way) => {
  it('is that each pool has a backend to pick, or each of those that are named', async () => {
    const proxy = await startProxy(way, services);
    const status = await startStatus(proxy);
    const ready = await get(status, '/readyz');
    expect(ready).toMatchObject({
      status: 200,
      body: {
        ready: true,
        pools: [
          { pool: 'site', ready: true },
          { pool: 'spare', ready: true },
        ],
      },
    });
    proxy.pool('site').backend('a').setHealth('down');
    expect((await get(status, '/readyz')).status).toBe(200);
    void proxy.pool('site').backend('b').drain();
    const unready = await get(status, '/readyz');
    expect(unready.status).toBe(503);
    expect(unready.body).toEqual({
      ready: false,
      reason: 'pool site has no backend to pick',
      pools: [
        { pool: 'site', ready: false },
        { pool: 'spare', ready: true },
      ],
    });
    expect((await get(status, '/readyz?pool=spare')).status).toBe(200);
    expect((await get(status, '/readyz?pool=site')).status).toBe(503);
    expect((await get(status, '/readyz?pool=spare&pool=site')).status).toBe(503);
    const unknown = await get(status, '/readyz?pool=none');
    expect(unknown).toMatchObject({ status: 404, body: { code: 'ERR_SPLICEWAY_UNKNOWN_POOL' } });
    expect((await get(status, '/healthz')).status).toBe(200);
    proxy.pool('site').backend('b').ready();
    expect((await get(status, '/readyz')).status).toBe(200);
  });

  it('is over when the proxy stops, while the process is healthy', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const status = await startStatus(proxy);
    const client = await openClient(portOf(proxy));
    const closed = proxy.close({ drain: '1h' });
    const unready = await get(status, '/readyz');
    expect(unready).toMatchObject({ status: 503, body: { reason: 'it is stopping' } });
    expect((await get(status, '/healthz')).status).toBe(200);
    client.end();
    await closed;
    expect((await get(status, '/readyz')).status).toBe(503);
    expect((await get(status, '/api/v1/status')).body.sessions.opened).toBe(1);
    expect((await get(status, '/metrics')).status).toBe(200);
  });
});

describe('readiness before there is a proxy', () => {
  it('is none, while the process is healthy', async () => {
    const socket = await openStatus(parsePlace({ address: '127.0.0.1:0' }));
    onTestFinished(() => socket.close());
    const { address } = socket;
    const port = address.kind === 'tcp' ? address.port : 0;
    const place = { address: { address: '127.0.0.1', port, family: 'IPv4' as const } };
    expect((await get(place, '/healthz')).status).toBe(200);
    const unready = await get(place, '/readyz?pool=site');
    expect(unready).toMatchObject({ status: 503, body: { reason: 'it is starting' } });
    for (const path of ['/metrics', '/api/v1/status']) {
      const { status, body } = await get(place, path);
      expect(`${status} ${body.detail}`).toContain('503 it is starting');
    }
    socket.serve(await startProxy('stream', services), {});
    expect((await get(place, '/readyz?pool=site')).status).toBe(200);
    expect((await get(place, '/metrics')).status).toBe(200);
  });
});

/** What the page goes by. */
async function livePools(status: StatusAddress) {
  const events = await EventReader.open(status);
  const { pools } = await events.first('figures');
  events.close();
  return pools;
}

describe.each(engines)('a backend with %s', (engine) => {
  it('that a check has not answered for yet can be picked, unless it starts down', async () => {
    const silent = await startServer();
    const check = { type: 'http' as const, path: '/', interval: '1h', timeout: '1h' };
    const pools = {
      open: { backends: [silent.address], health: check },
      shut: { backends: [silent.address], health: { ...check, startDown: true } },
    };
    const proxy = await startProxy(engine, {
      listeners: { one: { address: ANY_PORT, pool: 'open' } },
      pools,
    });
    const status = await startStatus(proxy);
    expect((await get(status, '/readyz')).body.pools).toEqual([
      { pool: 'open', ready: true },
      { pool: 'shut', ready: false },
    ]);
    expect(await livePools(status)).toMatchObject([
      { name: 'open', isReady: true },
      { name: 'shut', isReady: false },
    ]);
  });

  it('whose only name has no address has nobody up, also where nobody checks', async () => {
    const lookup = () => Promise.reject(new Error('nobody knows'));
    const proxy = await startProxy(engine, { backends: ['db.test:1'] }, { lookup });
    const status = await startStatus(proxy);
    expect(await livePools(status)).toMatchObject([{ backends: 1, up: 0, isReady: false }]);
    const { backends } = await (await EventReader.open(status)).first('figures');
    expect(backends).toMatchObject([{ state: 'down', reason: 'its name has no address' }]);
    const series = await scrape(status, '?collect[]=backends');
    const state = (word: string) =>
      series.get(`spliceway_backend_state{pool="default",backend="db.test:1",state="${word}"}`);
    expect([state('up'), state('down')]).toEqual([0, 1]);
    expect((await get(status, '/api/v1/status')).body.backends).toMatchObject([
      { health: { status: 'up' }, isUnresolved: true },
    ]);
  });

  it('whose name has not resolved cannot be picked', async () => {
    const lookup = () => Promise.reject(new Error('nobody knows'));
    const options = { backends: ['db.test:1'], health: { type: 'tcp', fall: 1 } } as const;
    const proxy = await startProxy(engine, options, { lookup });
    const status = await startStatus(proxy);
    expect((await get(status, '/readyz')).status).toBe(503);
    expect(await livePools(status)).toMatchObject([{ backends: 1, isReady: false }]);
    const events = await EventReader.open(status);
    const isDown = ({ backends }: { backends: { state: string }[] }) =>
      backends[0]?.state === 'down';
    const { backends } = await events.first('figures', isDown);
    expect(backends).toMatchObject([{ reason: 'its name has no address' }]);
  });
});

describe.each(engines)('the status as JSON with %s', (engine) => {
  it('is that of the control socket, without what is secret', async () => {
    const silent = await startServer();
    // Nothing comes of the check, so that two looks see the same.
    const health = {
      type: 'postgres' as const,
      user: 'probe',
      password: 'S3cret',
      interval: '1h',
      timeout: '1h',
    };
    const proxy = await startProxy(engine, { backends: [silent.address], health });
    const status = await startStatus(proxy, { name: 'edge' });
    const { body, text } = await get(status, '/api/v1/status');
    const told = toldTo(statusOf(proxy, 'edge', body.since, undefined));
    const { loops, ...expected } = JSON.parse(JSON.stringify(told));
    // Loops work on meanwhile.
    expect(body).toMatchObject(expected);
    expect(body.loops).toHaveLength(loops.length);
    expect(text).not.toContain('S3cret');
  });
});

describe('an answer', () => {
  const start = async (options: Partial<StatusOptions> = {}) =>
    await startStatus(await startProxy('stream', services), options);

  it('is for GET and HEAD alone', async () => {
    const status = await start();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const refused = await get(status, '/healthz', { method });
      expect(refused.status, method).toBe(405);
      expect(refused.headers.allow).toBe('GET, HEAD');
    }
    for (const path of ['/healthz', '/readyz', '/metrics', '/api/v1/status']) {
      const head = await get(status, path, { method: 'HEAD' });
      expect([head.status, head.text], path).toEqual([200, '']);
    }
  });

  it('is for no page of anybody else, and not kept', async () => {
    const status = await start();
    const origin = { Origin: 'http://evil.example' };
    for (const path of ['/', '/healthz', '/readyz', '/metrics', '/api/v1/status', '/none']) {
      for (const site of [undefined, 'cross-site', 'same-site', 'same-origin', 'none']) {
        const more: Record<string, string> = site === undefined ? {} : { 'Sec-Fetch-Site': site };
        const { status: code, headers } = await get(status, path, {
          headers: { ...origin, ...more },
        });
        if (site?.endsWith('-site')) expect(code, path).toBe(403);
        else expect(code, path).toBe(path === '/none' ? 404 : 200);
        expect(headers, path).toMatchObject({
          'cache-control': 'no-store',
          'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
          'cross-origin-resource-policy': 'same-origin',
          'x-content-type-options': 'nosniff',
        });
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual(
          [],
        );
      }
    }
  });

  it('may be gone to by a link of anybody, but not be framed', async () => {
    const status = await start();
    const codeFor = async (dest: string, mode = 'navigate') => {
      const headers = {
        'Sec-Fetch-Site': 'cross-site',
        'Sec-Fetch-Mode': mode,
        'Sec-Fetch-Dest': dest,
      };
      return (await get(status, '/', { headers })).status;
    };
    expect(await codeFor('document')).toBe(200);
    for (const dest of ['iframe', 'frame', 'object', 'embed'])
      expect(await codeFor(dest)).toBe(403);
    expect(await codeFor('document', 'no-cors')).toBe(403);
  });

  it('says what there is where a path, a query or a collector is unknown', async () => {
    const status = await start();
    const asked = async (path: string) => {
      const { status: code, body } = await get(status, path);
      expect(body.code).toBe('ERR_SPLICEWAY_INVALID_REQUEST');
      return `${code} ${body.detail}`;
    };
    expect(await asked('/none')).toBe(
      '404 there is no such path; there are /, /healthz, /readyz, /metrics, and /api/v1/ with status, sessions, history and events',
    );
    expect(await asked('/healthz?x=1')).toBe('400 ?x is unknown; this path has none');
    expect(await asked('/readyz?pools=a')).toBe('400 ?pools is unknown; this path has pool');
    expect(await asked('/metrics?collect=x')).toContain('?collect is unknown');
    expect(await asked('/metrics?collect[]=x')).toBe(
      '400 collect[]=x is unknown; there are process, listeners, pools, backends, transport, loops',
    );
  });

  it('is for requests that name an address, localhost, or what was said', async () => {
    const status = await start({ hosts: ['Balancer.example'] });
    const { port } = status.address;
    const codeFor = async (Host: string) =>
      (await get(status, '/healthz', { headers: { Host } })).status;
    for (const host of ['localhost', '127.0.0.1', `[::1]:${port}`, 'balancer.example:80']) {
      expect(await codeFor(host), host).toBe(200);
    }
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example']) {
      expect(await codeFor(host), host).toBe(421);
    }
    const { body } = await get(status, '/metrics', { headers: { Host: 'evil.example' } });
    expect(body.detail).toContain('"evil.example" is no name of this address');
    expect(body.detail).toContain('--status-host');
  });
});

describe('a host', () => {
  const names = new Set(['balancer.example', 'balancer']);
  it.each([
    [undefined, true],
    ['localhost', true],
    ['LocalHost:9090', true],
    ['app.localhost', true],
    ['127.0.0.1:9090', true],
    ['10.1.2.3', true],
    ['[::1]', true],
    ['[fe80::1]:9090', true],
    ['balancer', true],
    ['Balancer.Example:1', true],
    ['', false],
    [':9090', false],
    ['evil.example', false],
    ['localhost.evil.example', false],
    ['evillocalhost', false],
    ['balancer.example.evil.example', false],
    ['127.0.0.1.', false],
    ['127.1', false],
    ['[::1', false],
    ['[evil]', false],
    ['::1', false],
    ['localhost:80:80', false],
    ['a@localhost/', false],
  ])('%s is meant: %s', (host, expected) => {
    expect(isMeant(host, names)).toBe(expected);
  });
});

describe('the options', () => {
  it.each([
    [{}, 'undefined is not an address'],
    [{ address: 9090 }, '9090 is not an address'],
    [{ address: 'unix:/run/x' }, 'is no place for a status address'],
    [{ address: 'fd:3' }, 'is no place for a status address'],
    [{ address: '9090' }, 'the port is missing'],
    [{ address: '127.0.0.1:0', hosts: 'a' }, 'hosts is "a"; give a list'],
    [{ address: '127.0.0.1:0', hosts: ['a:80'] }, '"a:80" is not the name of a host'],
    [{ address: '127.0.0.1:0', hosts: [1] }, '1 is not the name of a host'],
    [{ address: '127.0.0.1:0', host: 'a' }, 'createStatus() has no option "host"'],
    [{ address: '127.0.0.1:0', name: 1 }, 'name is 1; give a text'],
    [{ address: '127.0.0.1:0', lastReload: true }, 'lastReload is true; give a function'],
    [undefined, 'are not an object'],
  ])('are refused where they are wrong: %j', async (options, message) => {
    const proxy = await startProxy('stream', services);
    const error = await errorOf(createStatus(proxy, options as unknown as StatusOptions));
    expect(error?.message).toContain(message);
  });

  it('say where it listens, as the address tells', async () => {
    const proxy = await startProxy('stream', services);
    const status = await startStatus(proxy, { address: 'localhost:0' });
    const { address, port } = status.address;
    expect(['127.0.0.1', '::1']).toContain(address);
    expect(status.url).toContain(`:${port}/`);
    const all = await startStatus(proxy, { address: ':0' });
    expect(['::', '0.0.0.0']).toContain(all.address.address);
    const taken = await errorOf(createStatus(proxy, { address: `127.0.0.1:${all.address.port}` }));
    expect(taken).toMatchObject({ code: 'ERR_SPLICEWAY_LISTEN' });
  });
});

describe.each(engines)('the status address with %s', (engine) => {
  const spare = '127.0.0.1:9';

  it('is no backend: neither one that is added, nor one that is there', async () => {
    const proxy = await startProxy(engine, { backends: [spare] });
    const status = await startStatus(proxy);
    const here = `127.0.0.1:${status.address.port}`;
    const refused = await errorOf(proxy.pool().add(here));
    expect(refused).toMatchObject({ code: 'ERR_SPLICEWAY_INVALID_OPTION', backend: here });
    expect(refused?.message).toContain(`is the status address of the proxy itself, ${here}`);
    await status.close();
    await proxy.pool().add(here);
    expect(await errorOf(createStatus(proxy, { address: here }))).toMatchObject({ backend: here });
    // It did not stay open.
    expect(await errorOf(createStatus(proxy, { address: here }))).toMatchObject({ backend: here });
  });

  it('is left out of what a name resolves to later', async () => {
    const found = [{ address: '127.0.0.1', family: 4 }];
    const lookup = async () => found;
    const echo = await startEcho();
    const proxy = await startProxy(engine, { backends: [echo.address] }, { lookup });
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    const status = await startStatus(proxy);
    found[0] = { address: '127.0.0.9', family: 4 };
    await proxy.pool().add({ address: `db.test:${status.address.port}`, name: 'db' });
    await proxy.pool().remove(echo.address);
    found[0] = { address: '127.0.0.1', family: 4 };
    // Nobody is there, so the name is looked up again.
    const isAsked = () => warnings.some((message) => message.includes('that is this proxy itself'));
    await untilAsked(proxy, isAsked);
    expect((await get(status, '/healthz')).status).toBe(200);
  });

  it('ends its answers and its connections when it is closed, once', async () => {
    const proxy = await startProxy(engine, { backends: [spare] });
    const status = await startStatus(proxy);
    await get(status, '/healthz');
    const closing = status.close();
    expect(status.close()).toBe(closing);
    await within('the end', closing);
    await expect(get(status, '/healthz')).rejects.toThrow('ECONNREFUSED');
  });
});

/** Clients come until the condition holds. */
async function untilAsked(proxy: RunningProxy, condition: () => boolean): Promise<void> {
  const { Socket } = await import('node:net');
  const ask = () => {
    const socket = new Socket();
    socket.on('error', () => {});
    socket.connect(portOf(proxy), '127.0.0.1').resume();
  };
  ask();
  await until('it is so', () => {
    if (!condition()) ask();
    return condition();
  });
}

it('the status of a proxy without the long form has its one pool', async () => {
  const proxy = await createProxyFromConfig(
    parseOptions({ listen: '127.0.0.1:0', backends: [SOMEWHERE], engine: 'stream' }),
  );
  const status = await startStatus(proxy);
  expect((await get(status, '/readyz?pool=default')).status).toBe(200);
  await proxy.close();
});
