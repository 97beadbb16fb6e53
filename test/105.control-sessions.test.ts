/** What the control socket tells of sessions, and what else an operator asks of it: one backend, a file, what was set by hand. */
import { describe, expect, it } from 'vitest';
import { connectControl } from '../src/control/client.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import { ask, startControl } from './helpers/control.js';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, portOfListener, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';
import { readToEnding } from './helpers/sockets.js';

const SOMEWHERE = '127.0.0.1:9';

const codeOf = (promise: Promise<unknown>) =>
  within('an answer', promise).then(
    () => 'none',
    (error: unknown) => (error instanceof SplicewayError ? error.code : String(error)),
  );

describe.each(ways)('sessions by the control socket, %s', (way) => {
  async function startTwo() {
    const [one, two] = [await startEcho(), await startEcho()];
    const proxy = await startProxy(way, {
      listeners: { a: { address: ANY_PORT, pool: 'a' }, b: { address: ANY_PORT, pool: 'b' } },
      pools: {
        a: { backends: [`${one.address},name=one`] },
        b: { backends: [`${two.address},name=two`] },
      },
    });
    const { client, control } = await startControl(proxy);
    return { proxy, client, control, at: (name: string) => portOfListener(proxy, name) };
  }

  it('are listed as the library does, by any filter', async () => {
    const { proxy, client, at } = await startTwo();
    for (const name of ['a', 'b', 'b']) await openClient(at(name));
    const { count, sessions } = await client.sessions();
    expect(count).toBe(3);
    expect(sessions).toHaveLength(3);
    const [listed] = (await client.sessions({ pool: 'a' })).sessions;
    const [live] = await proxy.sessions({ pool: 'a' });
    const moving = { ageMs: expect.any(Number), idleMs: expect.any(Number) };
    expect(listed).toEqual({ ...live, ...moving });
    const countOf = async (query: object) => (await client.sessions(query)).count;
    expect(await countOf({ backend: 'two' })).toBe(2);
    expect(await countOf({ listener: 'a' })).toBe(1);
    expect(await countOf({ client: '127.0.0.0/8' })).toBe(3);
    expect(await countOf({ client: '10.0.0.1' })).toBe(0);
    expect(await codeOf(client.sessions({ client: 'x' }))).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(await codeOf(client.sessions({ pol: 'a' } as object))).toBe(
      'ERR_SPLICEWAY_INVALID_REQUEST',
    );
  });

  it('are those that have moved most where so many are asked for, the first of them first', async () => {
    const { client, at } = await startTwo();
    const clients = [
      await openClient(at('a')),
      await openClient(at('b')),
      await openClient(at('b')),
    ];
    for (const [index, text] of ['x'.repeat(1000), 'x', 'x'.repeat(100)].entries()) {
      await echoed(clients[index] as (typeof clients)[0], text);
    }
    const { count, sessions } = await client.sessions({ top: 2 });
    expect(count).toBe(3);
    expect(sessions.map(({ bytesUpstream }) => bytesUpstream)).toEqual([1005, 105]);
    for (const top of [0, -1, 1.5, Number.NaN, 1e9]) {
      expect(await codeOf(client.sessions({ top }))).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    }
  });

  it('end by their ids, or by a filter that says something', async () => {
    const { proxy, client, control, at } = await startTwo();
    const [a, b] = [await openClient(at('a')), await openClient(at('b'))];
    const [{ id } = { id: '' }] = (await client.sessions({ pool: 'a' })).sessions;
    expect(await client.endSessions([id])).toMatchObject({ generation: 1, ended: 1 });
    expect(await readToEnding(a)).toMatchObject({ how: 'ECONNRESET' });
    expect(await client.endSessions([id])).toMatchObject({ ended: 0 });
    expect(await client.endSessions({ backend: 'two' })).toMatchObject({ ended: 1 });
    expect(await readToEnding(b)).toMatchObject({ how: 'ECONNRESET' });
    expect(await codeOf(client.endSessions({}))).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(await codeOf(client.endSessions(['nobody']))).toBe('none');
    const both = await ask(control, 'POST /v1/sessions/end', { ids: [id], pool: 'b' });
    expect(both).toMatchObject({ status: 422, body: { code: 'ERR_SPLICEWAY_INVALID_OPTION' } });
    expect((await ask(control, 'POST /v1/sessions/end', { poll: 'b' })).status).toBe(422);
    await until('no session is left', () => proxy.stats().sessions.open === 0);
  });
});

describe('what was set by hand', () => {
  async function startSet() {
    const proxy = await startProxy('stream', {
      listeners: { in: { address: ANY_PORT, pool: 'a' } },
      pools: {
        a: { backends: [`${SOMEWHERE},name=x`, '127.0.0.1:10,name=y'] },
        b: { backends: [`${SOMEWHERE},name=z`] },
      },
    });
    const { client } = await startControl(proxy);
    for (const [pool, backend] of ['ax', 'ay', 'bz']) {
      await client.setBackend(pool as string, backend as string, { weight: 7 });
    }
    return { proxy, client };
  }

  it('is taken back of a backend, of a pool, and of all', async () => {
    const { proxy, client } = await startSet();
    expect(await client.reset('a', 'x')).toMatchObject({ generation: 5, changed: ['a/x'] });
    expect(Object.keys(proxy.overlay())).toEqual(['a', 'b']);
    expect(await client.reset('a')).toMatchObject({ changed: ['a/y'] });
    expect(proxy.overlay()).toEqual({ b: { z: { weight: 7 } } });
    expect(await client.reset()).toMatchObject({ changed: ['b/z'] });
    expect(proxy.overlay()).toEqual({});
    expect(await client.reset()).toMatchObject({ generation: 7, changed: [] });
    expect(await codeOf(client.reset('c'))).toBe('ERR_SPLICEWAY_UNKNOWN_POOL');
    expect(await codeOf(client.reset('a', 'z'))).toBe('ERR_SPLICEWAY_UNKNOWN_BACKEND');
  });

  it('is seen of one backend', async () => {
    const { proxy, client } = await startSet();
    expect(await client.backend('b', 'z')).toEqual({
      ...proxy.stats().backends[2],
      override: { weight: 7 },
    });
    expect(await codeOf(client.backend('b', 'x'))).toBe('ERR_SPLICEWAY_UNKNOWN_BACKEND');
  });

  it('is among the changes, the oldest first, with who made them', async () => {
    const { client } = await startSet();
    const { changes } = await client.changes();
    expect(changes.map(({ result }) => result.generation)).toEqual([2, 3, 4]);
    expect(changes[0]).toMatchObject({ method: 'PATCH', path: '/v1/pools/a/backends/x' });
    expect(changes[0]?.peer?.pid).toBe(process.pid);
  });
});

describe('a file', () => {
  it('is compared with what runs, where somebody can tell', async () => {
    const proxy = await startProxy('stream', { backends: [SOMEWHERE] });
    const result = { generation: 1, added: ['db/x'], removed: [], changed: [] };
    const file = { file: '/etc/edge.yaml', reload: async () => result };
    const { client } = await startControl(proxy, { ...file, compare: () => result });
    expect((await client.status()).file).toBe('/etc/edge.yaml');
    expect(await client.compareFile()).toEqual(result);
    const failing = await startControl(proxy, {
      ...file,
      compare: () => {
        throw new SplicewayError('ERR_SPLICEWAY_CONFIG_FILE', '/etc/edge.yaml:2:3: no');
      },
    });
    await expect(failing.client.compareFile()).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_CONFIG_FILE',
      cause: { errors: [{ line: 2, column: 3, message: 'no' }] },
    });
    const { control } = await startControl(proxy, file);
    const blind = connectControl(control.path);
    expect(await codeOf(blind.compareFile())).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(portOf(proxy)).toBeGreaterThan(0);
  });
});
