/** The control socket: what it tells of a proxy, and how it changes it. */
import { existsSync, linkSync, statSync, symlinkSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { connectControl } from '../src/control/client.js';
import { createControl } from '../src/control/create.js';
import type { ControlAudit, ControlEvent } from '../src/control/types.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import { ask, startControl } from './helpers/control.js';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { type RunningProxy, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, openClient } from './helpers/services.js';
import { deadPath, tempPath } from './helpers/temp.js';

const SOMEWHERE = '127.0.0.1:9';

/** A listener and a pool with two backends, none of which is asked. */
const services = {
  listeners: { web: { address: ANY_PORT, pool: 'site' } },
  pools: { site: { backends: [`${SOMEWHERE},name=a`, '127.0.0.1:10,name=b'] } },
};

const codeOf = (promise: Promise<unknown>) =>
  within('an answer', promise).then(
    () => 'none',
    (error: unknown) => (error instanceof SplicewayError ? error.code : String(error)),
  );

describe.each(ways)('the status with %s', (way) => {
  it('is that of the library, with who runs, limits and pauses', async () => {
    const proxy = await startProxy(way, services);
    const { client, control } = await startControl(proxy, { name: 'edge' });
    proxy.pool('site').backend('a').setMaxSessions(7);
    // It takes a second descriptor, which the stream engine does not make.
    const isPaused = way !== 'stream';
    if (isPaused) proxy.listener('web').pause();
    // Loops work on meanwhile.
    const { engine, pools, backends, listeners, loops: _, ...stats } = proxy.stats();
    const status = await client.status();
    expect(status).toMatchObject({
      ...stats,
      name: 'edge',
      pid: process.pid,
      engine: { name: engine },
      accept: proxy.accept,
      generation: proxy.generation,
    });
    expect(status.listeners).toEqual(listeners.map((one) => ({ ...one, isPaused })));
    const empty = { count: 0, sum: 0 };
    const summaries = { connect: empty, firstByte: empty, queue: empty, duration: empty };
    expect(status.pools).toEqual(
      pools.map(({ maxPoolSessions: _, histograms: __, ...pool }) => ({
        ...pool,
        summaries: { ...summaries, bytes: empty },
      })),
    );
    expect(status.backends).toEqual(backends);
    expect(status.backends[0]).toMatchObject({ maxSessions: 7, override: { maxSessions: 7 } });
    expect((await ask(control, 'GET /v1/status')).headers.etag).toBe(`"${proxy.generation}"`);
  });

  it('counts sessions while they live', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const { client } = await startControl(proxy);
    await openClient(proxy.addresses()[0]?.port ?? 0);
    await until('the session is open', () => proxy.stats().backends[0]?.open === 1);
    expect((await client.status()).backends[0]?.open).toBe(1);
  });
});

describe.each(ways)('a change with %s', (way) => {
  it('of a backend is made whole, or not at all', async () => {
    const proxy = await startProxy(way, services);
    const { client, control } = await startControl(proxy);
    const a = proxy.pool('site').backend('a');
    const path = 'PATCH /v1/pools/site/backends/a';
    const wrong = await ask(control, path, { weight: 5, state: 'drain', maxSessions: -1 });
    expect(wrong).toMatchObject({
      status: 422,
      body: { code: 'ERR_SPLICEWAY_INVALID_OPTION', status: 422 },
    });
    expect(wrong.headers['content-type']).toBe('application/problem+json');
    expect(wrong.body.detail).toContain('maxSessions: -1 is not');
    expect([a.weight, a.state, proxy.generation]).toEqual([1, 'ready', 1]);
    const result = await client.setBackend('site', 'a', {
      weight: 5,
      state: 'maintenance',
      maxSessions: 3,
      health: 'down',
    });
    expect(result).toMatchObject({ added: [], removed: [], changed: ['site/a'] });
    expect(result.generation).toBe(proxy.generation);
    expect([a.weight, a.state, a.maxSessions, a.health]).toEqual([5, 'maintenance', 3, 'down']);
    await client.setBackend('site', 'a', { state: 'ready', maxSessions: null, health: 'auto' });
    expect([a.weight, a.state, a.maxSessions, a.health]).toEqual([5, 'ready', undefined, 'up']);
    const none = await client.setBackend('site', 'a', { weight: 5 });
    expect(none).toEqual({ generation: proxy.generation, added: [], removed: [], changed: [] });
    await client.setBackend('site', 'a', { weight: null, maxSessions: 0 });
    expect(proxy.overlay()).toEqual({ site: { a: { maxSessions: 0 } } });
    await client.setBackend('site', 'a', { maxSessions: null });
    expect([a.weight, proxy.overlay()]).toEqual([1, {}]);
  });

  it('adds and removes backends, and pauses listeners', async () => {
    const proxy = await startProxy(way, services);
    const { client } = await startControl(proxy);
    expect(await client.add('site', { address: '127.0.0.1:11', name: 'c', weight: 2 })).toEqual({
      generation: 2,
      added: ['site/c'],
      removed: [],
      changed: [],
    });
    expect(await client.remove('site', 'a', '30s')).toMatchObject({ removed: ['site/a'] });
    expect(proxy.pool('site').backends).toEqual(['b', 'c']);
    const paused = client.setListener('web', { paused: true });
    if (way === 'stream') {
      expect(await codeOf(paused)).toBe('ERR_SPLICEWAY_ENGINE_UNAVAILABLE');
    } else {
      expect(await paused).toMatchObject({ changed: ['listener web'] });
      expect(proxy.listener('web').isPaused).toBe(true);
    }
    await client.setListener('web', { paused: false });
    expect(proxy.listener('web').isPaused).toBe(false);
    expect(await codeOf(client.add('site', ':x'))).toBe('ERR_SPLICEWAY_INVALID_ADDRESS');
    expect(await codeOf(client.add('none', SOMEWHERE))).toBe('ERR_SPLICEWAY_UNKNOWN_POOL');
    expect(await codeOf(client.remove('site', 'x'))).toBe('ERR_SPLICEWAY_UNKNOWN_BACKEND');
    expect(await codeOf(client.remove('site', 'b', 'soon'))).toBe('ERR_SPLICEWAY_INVALID_DURATION');
    expect(await codeOf(client.setListener('x', { paused: true }))).toBe(
      'ERR_SPLICEWAY_UNKNOWN_LISTENER',
    );
  });

  it('drains, and waits until the last session has left', async () => {
    const [one, two] = [await startEcho(), await startEcho()];
    const proxy = await startProxy(way, { policy: 'first', backends: [one.address, two.address] });
    const { client } = await startControl(proxy);
    const session = await openClient(proxy.addresses()[0]?.port ?? 0);
    await until('the session is open', () => proxy.stats().backends[0]?.open === 1);
    const short = await client.drain('default', one.address, { wait: '1ms' });
    expect(short).toMatchObject({ generation: 2, drain: { isEmpty: false, reason: 'timeout' } });
    expect(proxy.pool().backend(one.address).state).toBe('drain');
    const emptied = client.drain('default', one.address, { wait: true });
    session.destroy();
    expect(await within('the drain', emptied)).toEqual({
      generation: 2,
      added: [],
      removed: [],
      changed: [],
      drain: { cut: 0, isEmpty: true, reason: 'empty' },
    });
    const cut = await openClient(proxy.addresses()[0]?.port ?? 0);
    await until('the session is open', () => proxy.stats().backends[1]?.open === 1);
    const ended = await client.drain('default', two.address, { wait: true, after: 0 });
    expect(ended.drain).toEqual({ cut: 1, isEmpty: true, reason: 'empty' });
    cut.destroy();
  });

  it('replaces the whole configuration, and says before what it would change', async () => {
    const proxy = await startProxy(way, services);
    const { client } = await startControl(proxy);
    const { options, functions } = await client.config();
    expect(functions).toEqual([]);
    const next = structuredClone(options) as typeof services;
    next.pools.site.backends = [`${SOMEWHERE},name=a`, '127.0.0.1:12,name=c'];
    const changes = { added: ['site/c'], removed: ['site/b'], changed: [] };
    expect(await client.compare(next)).toEqual({ generation: 1, ...changes, differences: {} });
    expect(proxy.pool('site').backends).toEqual(['a', 'b']);
    expect(await client.update(next)).toEqual({ generation: 2, ...changes });
    expect(proxy.pool('site').backends).toEqual(['a', 'c']);
    expect(await codeOf(client.update({ backends: [] }))).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(await codeOf(client.compare({ ...next, threads: 7 }))).toBe(
      'ERR_SPLICEWAY_INVALID_OPTION',
    );
    expect(proxy.generation).toBe(2);
  });
});

describe('a configuration with functions', () => {
  it('is told without them, and not replaced, which would drop them', async () => {
    const proxy = await startProxy('stream', { backends: [SOMEWHERE], filter: () => true });
    const { client } = await startControl(proxy);
    const { options, functions } = await client.config();
    expect(functions).toEqual(['filter']);
    expect(await codeOf(client.update(options))).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(proxy.options).toHaveProperty('filter');
  });
});

describe('names in a path', () => {
  it.each([
    ['127.0.0.1:9', 'default'],
    ['[::1]:9', 'default'],
    ['unix:/run/a b/%41?&#.sock', 'default'],
    ['unix:/run/ö/€.sock', 'default'],
  ])('are percent-encoded: %s', async (backend, pool) => {
    const proxy = await startProxy('stream', {
      backends: [{ address: backend }, SOMEWHERE.replace('9', '99')],
    });
    const { client, control } = await startControl(proxy);
    const name = proxy.pool(pool).backends[0] ?? '';
    expect(await client.setBackend(pool, name, { weight: 9 })).toMatchObject({
      changed: [`${pool}/${name}`],
    });
    expect(proxy.pool(pool).backend(name).weight).toBe(9);
    const path = `PATCH /v1/pools/${pool}/backends/${encodeURIComponent(name)}`;
    expect((await ask(control, path, { weight: 10 })).status).toBe(200);
    expect(proxy.pool(pool).backend(name).weight).toBe(10);
  });
});

describe('two operators', () => {
  it('do not overwrite each other: If-Match is the generation that a change is for', async () => {
    const proxy = await startProxy('stream', services);
    const { client, control } = await startControl(proxy);
    await client.setBackend('site', 'a', { weight: 2 }, { generation: 1 });
    const late = client.setBackend('site', 'a', { weight: 3 }, { generation: 1 });
    expect(await codeOf(late)).toBe('ERR_SPLICEWAY_GENERATION_MISMATCH');
    expect(proxy.pool('site').backend('a').weight).toBe(2);
    const path = 'PATCH /v1/pools/site/backends/a';
    const refused = await ask(control, path, { weight: 3 }, { 'If-Match': '"1"' });
    expect(refused).toMatchObject({ status: 412, body: { generation: 2 } });
    for (const [match, status] of [
      ['"2"', 200],
      ['"1", "3"', 200],
      ['*', 200],
      ['3', 400],
      ['W/"3"', 400],
    ] as const) {
      const { weight } = proxy.pool('site').backend('a');
      const to = { weight: weight + 1 };
      expect((await ask(control, path, to, { 'If-Match': match })).status, match).toBe(status);
    }
  });

  it('of whom twenty ask at once for the same generation: one succeeds', async () => {
    const proxy = await startProxy('stream', services);
    const { client } = await startControl(proxy);
    const asked = Array.from({ length: 20 }, (_, index) =>
      codeOf(client.add('site', `127.0.0.1:${100 + index}`, { generation: 1 })),
    );
    const codes = await Promise.all(asked);
    expect(codes.filter((code) => code === 'none')).toHaveLength(1);
    expect(new Set(codes)).toEqual(new Set(['none', 'ERR_SPLICEWAY_GENERATION_MISMATCH']));
    expect(proxy.pool('site').backends).toHaveLength(3);
  });

  it('wait for an update that the program itself has begun', async () => {
    const proxy = await startProxy('stream', services);
    const { client } = await startControl(proxy);
    const own = proxy.pool('site').add('127.0.0.1:11');
    const late = client.setBackend('site', 'a', { weight: 3 }, { generation: 1 });
    expect(await codeOf(late)).toBe('ERR_SPLICEWAY_GENERATION_MISMATCH');
    await own;
  });
});

describe('a change that was made', () => {
  it('can be asked for again by its generation, with who made it', async () => {
    const proxy = await startProxy('stream', services);
    const { client } = await startControl(proxy);
    const result = await client.setBackend('site', 'a', { weight: 5, maxSessions: 2 });
    const change = await client.change(2);
    expect(change).toMatchObject({
      from: 1,
      method: 'PATCH',
      path: '/v1/pools/site/backends/a',
      result,
      peer: { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() },
    });
    expect(await client.change(result.generation)).toEqual(change);
    expect(await codeOf(client.change(1))).toBe('ERR_SPLICEWAY_UNKNOWN_CHANGE');
    expect(await codeOf(client.change(99))).toBe('ERR_SPLICEWAY_UNKNOWN_CHANGE');
  });

  it('is audited once, and so is one that was refused; a question is not', async () => {
    const proxy = await startProxy('stream', services);
    const audited: ControlAudit[] = [];
    const audit = (change: ControlAudit) => audited.push(change);
    const { client, control } = await startControl(proxy, { audit });
    await client.status();
    const { options } = await client.config();
    await client.compare(options);
    expect(audited).toEqual([]);
    await client.setBackend('site', 'a', { weight: 5 });
    await codeOf(client.remove('site', 'x'));
    await client.update(options);
    const peer = { pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() };
    expect(audited).toEqual([
      {
        peer,
        method: 'PATCH',
        path: '/v1/pools/site/backends/a',
        asked: { weight: 5 },
        generation: 2,
        result: { generation: 2, added: [], removed: [], changed: ['site/a'] },
      },
      {
        peer,
        method: 'DELETE',
        path: '/v1/pools/site/backends/x',
        generation: 2,
        error: { code: 'ERR_SPLICEWAY_UNKNOWN_BACKEND', message: expect.any(String) },
      },
      // Without what was asked, in which passwords may be.
      {
        peer,
        method: 'PUT',
        path: '/v1/config',
        generation: 2,
        result: { generation: 2, added: [], removed: [], changed: [] },
      },
    ]);
    audited.length = 0;
    const path = 'PATCH /v1/pools/site/backends/a';
    expect(await ask(control, path, { weight: 0 })).toMatchObject({ status: 422 });
    expect(await ask(control, `${path}?x=1`, { weight: 2 })).toMatchObject({ status: 400 });
    const { generation } = proxy;
    const refused = { method: 'PATCH', path: '/v1/pools/site/backends/a', peer, generation };
    expect(audited).toMatchObject([
      { ...refused, error: { code: 'ERR_SPLICEWAY_INVALID_OPTION' } },
      { ...refused, error: { code: 'ERR_SPLICEWAY_INVALID_REQUEST' } },
    ]);
  });
});

describe('a reload', () => {
  it('is what the program says, and its errors have their places', async () => {
    const proxy = await startProxy('stream', services);
    const file = '/etc/my:file.yaml';
    let message = '';
    const reload = async () => {
      if (message !== '') throw new SplicewayError('ERR_SPLICEWAY_CONFIG_FILE', message);
      return await proxy.pool('site').add('127.0.0.1:11,name=c');
    };
    const { client, control } = await startControl(proxy, { reload });
    expect(await client.reload()).toMatchObject({ generation: 2, added: ['site/c'] });
    message = `${file}:3:7: weight: too much: 9\n${file}:5:1: unknown option`;
    const { status, body } = await ask(control, 'POST /v1/reload');
    expect(status).toBe(422);
    expect(body).toMatchObject({
      code: 'ERR_SPLICEWAY_CONFIG_FILE',
      errors: [
        { file, line: 3, column: 7, message: 'weight: too much: 9' },
        { file, line: 5, column: 1, message: 'unknown option' },
      ],
    });
  });

  it('is refused where there is nothing to reload', async () => {
    const { client } = await startControl(await startProxy('stream', services));
    expect(await codeOf(client.reload())).toBe('ERR_SPLICEWAY_INVALID_OPTION');
  });
});

describe('events', () => {
  async function follow(proxy: RunningProxy, count: number, act: () => Promise<unknown>) {
    const { client } = await startControl(proxy);
    const seen: ControlEvent[] = [];
    for await (const event of client.events()) {
      seen.push(event);
      if (event.event === 'begin') await act();
      if (seen.length === count) break;
    }
    return seen;
  }

  it('tell of health and changes as they happen, and stop when nobody reads', async () => {
    const proxy = await startProxy('stream', services);
    const { client } = await startControl(proxy);
    const seen: ControlEvent[] = [];
    for await (const event of client.events()) {
      seen.push(event);
      if (event.event === 'begin') await client.setBackend('site', 'a', { health: 'down' });
      if (seen.length === 4) break;
    }
    const at = expect.any(Number);
    expect(seen).toEqual([
      { at, event: 'begin', generation: 1 },
      expect.objectContaining({ event: 'backend', pool: 'site', backend: 'a', to: 'down' }),
      {
        ...{ at, event: 'override', pool: 'site', backend: 'a' },
        ...{ from: {}, to: { health: 'down' }, isGone: false },
      },
      {
        ...{ at, event: 'change', generation: 2, method: 'PATCH' },
        ...{
          path: '/v1/pools/site/backends/a',
          peer: expect.objectContaining({ uid: process.getuid?.() }),
        },
      },
    ]);
    await until('nobody listens any more', () => proxy.listenerCount('backend') === 0);
  });

  it('tell of a configuration that somebody else has changed', async () => {
    const proxy = await startProxy('stream', services);
    const seen = await follow(proxy, 2, () => proxy.pool('site').add('127.0.0.1:11'));
    expect(seen[1]).toEqual({
      ...{ at: expect.any(Number), event: 'update', generation: 2 },
      ...{ added: 1, removed: 0, changed: 0 },
    });
  });

  it('lose nothing of a warning for who listens otherwise', async () => {
    const proxy = await startProxy('stream', services);
    const warned: string[] = [];
    proxy.on('warning', (message) => warned.push(message));
    const seen = await follow(proxy, 2, async () => proxy.emit('warning', 'mind the gap'));
    expect(seen[1]).toMatchObject({ event: 'warning', message: 'mind the gap' });
    expect(warned).toEqual(['mind the gap']);
  });

  it('end with the signal of who asked, and with the socket', async () => {
    const proxy = await startProxy('stream', services);
    const { client, control } = await startControl(proxy);
    const stop = new AbortController();
    for await (const _ of client.events(stop.signal)) stop.abort();
    for await (const _ of client.events()) await control.close();
    expect(existsSync(control.path)).toBe(false);
  });
});

describe('the description', () => {
  it('has every path, and the answers are as it says', async () => {
    const proxy = await startProxy('stream', services);
    const { control } = await startControl(proxy);
    const { body: description } = await ask(control, 'GET /v1/openapi.json');
    expect(description.openapi).toBe('3.1.0');
    expect(Object.keys(description.paths).sort()).toEqual([
      '/v1/changes',
      '/v1/changes/{generation}',
      '/v1/config',
      '/v1/events',
      '/v1/listeners/{name}',
      '/v1/pools/{pool}/backends',
      '/v1/pools/{pool}/backends/{backend}',
      '/v1/pools/{pool}/backends/{backend}/drain',
      '/v1/pools/{pool}/backends/{backend}/reset',
      '/v1/pools/{pool}/reset',
      '/v1/reload',
      '/v1/reset',
      '/v1/sessions',
      '/v1/sessions/end',
      '/v1/status',
    ]);
    const ajv = new Ajv.default({ strict: false });
    ajv.addSchema({ $id: 'openapi', components: description.components });
    const check = (name: string, value: unknown) => {
      const validate = ajv.getSchema(`openapi#/components/schemas/${name}`);
      expect(validate, name).toBeDefined();
      expect(validate?.(value), `${name}: ${JSON.stringify(validate?.errors)}`).toBe(true);
    };
    for (const [path, operations] of Object.entries(description.paths)) {
      for (const [method, operation] of Object.entries(operations as object)) {
        const { content } = operation.responses[200];
        const [{ schema }] = Object.values(content) as [{ schema: { $ref: string } }];
        const name = schema.$ref.split('/').pop() ?? '';
        const target = path
          .replace('{pool}', 'site')
          .replace('{backend}', 'a')
          .replace('{name}', 'web')
          .replace('{generation}', '2');
        const { options } = proxy;
        const body = method === 'put' ? options : bodies[`${method} ${path}`];
        if (name === 'Event' || method === 'delete' || path === '/v1/reload') continue;
        const { status, body: answer } = await ask(
          control,
          `${method.toUpperCase()} ${target}`,
          body,
        );
        expect(status, `${method} ${path}`).toBe(200);
        check(name, answer);
      }
    }
    const { body: problem } = await ask(control, 'GET /v1/nowhere');
    check('Problem', problem);
    expect(() => check('Status', { name: 3 })).toThrow();
  });

  const bodies: Record<string, unknown> = {
    'patch /v1/pools/{pool}/backends/{backend}': { weight: 4 },
    'post /v1/pools/{pool}/backends/{backend}/drain': { after: '1s' },
    'post /v1/pools/{pool}/backends': { address: '127.0.0.1:77' },
    'patch /v1/listeners/{name}': { paused: false },
    'post /v1/sessions/end': { ids: ['nobody'] },
  };
});

describe('the socket', () => {
  it('is for its user alone, and its file goes with it', async () => {
    const proxy = await startProxy('stream', services);
    const { control } = await startControl(proxy);
    expect(statSync(control.path).mode & 0o777).toBe(0o600);
    await control.close();
    await control.close();
    expect(existsSync(control.path)).toBe(false);
    expect(await codeOf(connectControl(control.path).status())).toBe(
      'ERR_SPLICEWAY_CONTROL_FAILED',
    );
  });

  it('takes the place of a dead file, never of a living one', async () => {
    const proxy = await startProxy('stream', services);
    const { control, client } = await startControl(proxy, { path: await deadPath() });
    const second = createControl(proxy, { path: control.path });
    expect(await codeOf(second)).toBe('ERR_SPLICEWAY_LISTEN');
    expect((await client.status()).generation).toBe(1);
  });

  it.each([
    [{ path: '' }],
    [{ path: `/tmp/${'x'.repeat(103)}` }],
    [{ path: '/tmp/x\0y' }],
    [{ path: '/tmp/x', nam: 'x' }],
    [{}],
  ])('is refused with options %j', async (options) => {
    const proxy = await startProxy('stream', services);
    expect(await codeOf(createControl(proxy, options as { path: string }))).toBe(
      'ERR_SPLICEWAY_INVALID_OPTION',
    );
  });

  it('is no backend: neither one that is added nor one that is there, whatever its path', async () => {
    const path = tempPath('control.sock');
    const proxy = await startProxy('stream', { backends: [SOMEWHERE, 'unix:/other.sock'] });
    const { client, control } = await startControl(proxy, { path });
    symlinkSync(path, `${path}.link`);
    linkSync(path, `${path}.hard`);
    for (const other of [path, `${path}.link`, `${path}.hard`]) {
      expect(await codeOf(client.add('default', `unix:${other}`)), other).toBe(
        'ERR_SPLICEWAY_INVALID_OPTION',
      );
      expect(await codeOf(proxy.update({ backends: [`unix:${other}`] })), other).toBe(
        'ERR_SPLICEWAY_INVALID_OPTION',
      );
    }
    await control.close();
    expect((await proxy.pool().add(`unix:${path}`)).added).toHaveLength(1);
    expect(await codeOf(createControl(proxy, { path }))).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(existsSync(path)).toBe(false);
  });

  it('says why nothing changes any more when the proxy is closed, and still how it was', async () => {
    const proxy = await startProxy('stream', services);
    const { client } = await startControl(proxy);
    await proxy.close();
    expect(await codeOf(client.setBackend('site', 'a', { weight: 2 }))).toBe(
      'ERR_SPLICEWAY_CLOSED',
    );
    expect(await codeOf(client.add('site', SOMEWHERE))).toBe('ERR_SPLICEWAY_CLOSED');
    expect((await client.status()).generation).toBe(1);
  });
});
