/** A proxy that points at itself: at the start, at a change of names, and through another proxy. */
import { symlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../src/config/address.js';
import type { Bind } from '../src/entrance/bind.js';
import type { ResolvedAddress } from '../src/model/address.js';
import { isReachedBy } from '../src/model/own-addresses.js';
import { LoopGuard } from '../src/proxy/loop-guard.js';
import type { Proxy as RunningProxy } from '../src/proxy/proxy.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { backendAt, resolvedPoolOf } from './helpers/pools.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startServer } from './helpers/servers.js';
import { connect, readAll } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

const own = () => new Set(['127.0.0.1', '::1', '10.1.2.3', 'fe80::1%eth0', '2001:db8::7']);

describe('a listener', () => {
  it.each([
    [':80', '0.0.0.0:80', true],
    [':80', '[::]:80', true],
    [':80', '10.1.2.3:80', true],
    [':80', '[2001:db8::7]:80', true],
    [':80', '[fe80::1%eth0]:80', true],
    [':80', '[fe80::1%eth1]:80', false],
    ['[fe80::1%eth0]:80', '[fe80::1%eth0]:80', true],
    ['[fe80::1%eth0]:80', '[fe80::1%eth1]:80', false],
    [':80', '[::ffff:10.1.2.3]:80', true],
    [':80', '127.9.9.9:80', true],
    [':80', '10.1.2.4:80', false],
    [':80', '10.1.2.3:81', false],
    [':80', 'db.test:80', false],
    [':0', '10.1.2.3:1', false],
    ['0.0.0.0:80', '[2001:db8::7]:80', false],
    ['0.0.0.0:80', '[::ffff:10.1.2.3]:80', true],
    ['0.0.0.0:80', '10.1.2.3:80', true],
    ['127.0.0.1:80', '0.0.0.0:80', true],
    ['127.0.0.1:80', '[::ffff:127.0.0.1]:80', true],
    ['127.0.0.1:80', '127.0.0.2:80', false],
    ['[::1]:80', '[::]:80', true],
    ['10.1.2.3:80', '127.0.0.1:80', false],
    ['unix:/run/a', '127.0.0.1:80', false],
    ['10.1.2.3:80', 'unix:/run/a', false],
  ])('on %s, and a backend at %s: %s', (listener, backend, isReached) => {
    const to = parseAddress(backend, 'backend');
    expect(isReachedBy(parseAddress(listener), to, own)).toBe(isReached);
  });

  it('knows the addresses of the interfaces', () => {
    const all = Object.entries(networkInterfaces()).flatMap(([name, list = []]) =>
      list.map(({ address }) => (address.startsWith('fe80:') ? `${address}%${name}` : address)),
    );
    for (const address of all) {
      const to = { kind: 'tcp', host: address, port: 80 } as const;
      expect(isReachedBy(parseAddress(':80'), to), address).toBe(true);
    }
  });

  it('is told from another one by its file, whatever its path is', async () => {
    const path = tempPath('a.sock');
    await startServer((socket) => socket.end(), { listen: { path } });
    symlinkSync(path, `${path}.link`);
    const listener = parseAddress(`unix:${path}`);
    expect(isReachedBy(listener, { kind: 'unix', path: `${path}.link` })).toBe(true);
    // One that cannot be looked at is another one. It may be down, and then nothing is thrown either.
    for (const other of [`${path}.none`, `${path}/below`, `/${'x'.repeat(300)}`, `${path}\0`]) {
      expect(isReachedBy(listener, { kind: 'unix', path: other })).toBe(false);
    }
  });
});

describe('what is left of a backend', () => {
  it('has families in turn, and those that failed last', async () => {
    const found = ['fd00::1', 'fd00::2', 'fd00::3', '127.0.0.1', '10.0.0.2'];
    const lookup = async () =>
      found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    const backend = backendAt(await resolvedPoolOf(['a.test:80'], {}, { lookup }), 0);
    backend.demote({ kind: 'tcp', ip: 'fd00::1', port: 80, family: 6 });
    let published: readonly ResolvedAddress[] = [];
    const guard = new LoopGuard({
      publish: (_, addresses) => {
        published = addresses;
      },
      warn: () => {},
      warnRarely: () => {},
      ownAddresses: own,
    });
    guard.add(backend);
    const left = () => published.map((to) => (to.kind === 'tcp' ? to.ip : to.path)).join(' ');
    expect(left()).toBe('fd00::2 127.0.0.1 fd00::3 10.0.0.2 fd00::1');
    const address = { address: '127.0.0.1', port: 80, family: 'IPv4' } as const;
    guard.setListeners([{ address, listener: { isInherited: false } } as Bind]);
    expect(left()).toBe('fd00::2 10.0.0.2 fd00::3 fd00::1');
  });
});

describe.each(ways)('a proxy with %s', (way) => {
  const answering = (...addresses: string[]) => {
    const state = { addresses, time: 0, lookups: 0 };
    const lookup = async () => {
      state.lookups += 1;
      return state.addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    };
    const now = () => {
      state.time += 20_000;
      return state.time;
    };
    return { state, internals: { lookup, now } };
  };
  const freePort = async () => Number((await refusedAddress()).split(':')[1]);

  it('refuses to start where the name of a backend is itself', async () => {
    const port = await freePort();
    const { internals } = answering('127.77.0.1');
    const options = { listen: `127.77.0.1:${port}`, backends: [`me.test:${port}`] };
    await expect(startProxy(way, options, internals)).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_INVALID_OPTION',
      backend: `me.test:${port}`,
      message: expect.stringContaining(
        `me.test:${port} is the proxy itself, which listens on 127.77`,
      ),
    });
  });

  it('leaves out the address of a name that is itself, and says so once', async () => {
    const server = await startServer((socket) => socket.resume().end('s'), {
      listen: { host: '127.0.0.2', port: 0 },
    });
    const { state, internals } = answering('127.77.0.1', '127.0.0.2');
    const proxy = await startProxy(
      way,
      {
        listen: `127.77.0.1:${server.port}`,
        backends: [`some.test:${server.port}`],
        resolveEvery: 5,
      },
      internals,
    );
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    const ask = async () => {
      const client = await connect({ host: '127.77.0.1', port: server.port });
      client.end();
      return String(await readAll(client));
    };
    expect(await ask()).toBe('s');
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([
      expect.stringMatching(
        /some\.test:\d+ has an address that is this proxy itself, 127\.77\.0\.1/,
      ),
    ]);
    // It moves here altogether, and back.
    for (const addresses of [['127.77.0.1'], ['127.0.0.2', '127.77.0.1']]) {
      const { lookups } = state;
      state.addresses = addresses;
      await until('two lookups', () => state.lookups > lookups + 1);
      expect(await ask()).toBe(addresses.length === 1 ? '' : 's');
      // The client may know before the loop has counted it.
      await until('the end of the session', () => proxy.stats().sessions.open === 0);
    }
    expect(warnings).toHaveLength(1);
  });

  it('leaves out an address that moves here while its name stays, and takes it back', async () => {
    // No TCP gets to a multicast address, and the system says so at once.
    const floating = '224.0.0.77';
    const { state, internals } = answering(floating);
    const own = new Set<string>();
    const ownAddresses = () => own;
    const start = async (): Promise<RunningProxy> => {
      const port = await freePort();
      const options = {
        listen: `0.0.0.0:${port}`,
        backends: [`vip.test:${port}`],
        resolveEvery: 5,
      };
      return await startProxy(way, options, { ...internals, ownAddresses }).catch((error) => {
        // On all addresses it may be in use all the same.
        if (error.cause?.code !== 'EADDRINUSE') throw error;
        return start();
      });
    };
    const proxy = await start();
    const port = portOf(proxy);
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    const tried: unknown[] = [];
    proxy.on('backendError', ({ error }) => tried.push(error.address));
    /** What one more client has the proxy connect to. */
    const triedByOneMore = async () => {
      tried.length = 0;
      const { failed } = proxy.stats().sessions;
      const client = await connect({ host: '127.0.0.1', port });
      await readAll(client);
      // It counts as failed when all that was tried has been told.
      await until('its end', () => proxy.stats().sessions.failed > failed);
      return tried;
    };
    expect(await triedByOneMore()).toContain(`${floating}:${port}`);

    own.add(floating);
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([
      expect.stringContaining(`has an address that is this proxy itself, ${floating}:${port}`),
    ]);
    expect(await triedByOneMore()).not.toContain(`${floating}:${port}`);

    own.clear();
    const { lookups } = state;
    await until('two lookups', () => state.lookups > lookups + 1);
    expect(await triedByOneMore()).toContain(`${floating}:${port}`);
  });

  /** Two proxies that are each other's backend, a way to their clients, and what each has open. */
  const startRing = async (limits: object) => {
    const between = await refusedAddress();
    const first = await startProxy(way, { ...limits, backends: [between] });
    const backends = [`127.0.0.1:${portOf(first)}`];
    const second = await startProxy(way, { ...limits, listen: between, backends });
    for (const proxy of [first, second]) proxy.on('warning', () => {});
    const sessions = () => [first, second].map((proxy) => proxy.stats().sessions);
    const open = () => sessions().map((figures) => figures.open);
    return { first, sessions, open };
  };

  const waysToLeave = [
    ['resets', (client: Socket) => client.resetAndDestroy()],
    ['closes and had said nothing', (client: Socket) => client.destroy()],
  ] as const;
  it.each(waysToLeave)(
    'and another one that are the backend of each other end their ring when its client %s',
    async (_, leave) => {
      // With one loop it is the same one that ends sessions and begins them.
      const { first, open } = await startRing({ maxSessions: 400, threads: 1 });
      for (const rounds of [1, 100, 400]) {
        const client = await connect(portOf(first));
        client.on('error', () => {});
        await until('some rounds', () => open().every((count) => count >= rounds));
        leave(client);
        await until('the end of the ring', () => open().every((count) => count === 0));
      }
    },
  );

  it('and another one that are the backend of each other end their ring at the limit of one client', async () => {
    const limits = { maxSessions: 100, maxSessionsPerClient: 10 };
    const { first, sessions, open } = await startRing(limits);
    const client = await connect(portOf(first));
    client.on('error', () => {});
    // It asks for nothing and stays.
    await until('its end', () => client.destroyed);
    await until('the end of the ring', () => open().every((count) => count === 0));
    const [one, other] = sessions();
    expect(one?.opened).toBeLessThanOrEqual(11);
    expect(other?.opened).toBeLessThanOrEqual(11);
    expect((one?.rejected ?? 0) + (other?.rejected ?? 0)).toBe(1);
  });
});
