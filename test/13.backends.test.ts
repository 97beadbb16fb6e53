/** Which backend a client gets, and what happens when one does not answer. */
import { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SplicewayError } from '../src/errors/catalogue.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { ipv6 } from './helpers/machine.js';
import {
  askInTurn,
  nextSession,
  nextSummary,
  portOf,
  type RunningProxy,
  startProxy,
} from './helpers/proxies.js';
import {
  refusedAddress,
  startBlackhole,
  startBusy,
  startEcho,
  startNamed,
  startServer,
} from './helpers/servers.js';
import { connect, readAll, readExactly } from './helpers/sockets.js';
import { itWhere } from './helpers/where.js';

async function namedBackends(names: string): Promise<string[]> {
  const servers = await Promise.all([...names].map((name) => startNamed(name)));
  return servers.map((server) => server.address);
}

/** A clock that the test puts forward, past the pause between two lookups of one name. */
function clock() {
  let ahead = 0;
  return {
    now: () => performance.now() + ahead,
    forward: () => {
      ahead += 11_000;
    },
  };
}

function errorsOf(proxy: RunningProxy): { backend: string; error: SplicewayError }[] {
  const errors: { backend: string; error: SplicewayError }[] = [];
  proxy.on('backendError', (event) => errors.push(event));
  return errors;
}

describe.each(ways)('backends with %s', (way) => {
  it('takes them in turn', async () => {
    const proxy = await startProxy(way, { backends: await namedBackends('abc') });
    expect(await askInTurn(proxy, 9)).toBe('abcabcabc');
  });

  it('serves weights 5:1:1 smoothly, not five in a row', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, { backends: [{ address: a, weight: 5 }, b, c] });
    expect(await askInTurn(proxy, 14)).toBe('aabacaaaabacaa');
    expect(proxy.stats().backends.map(({ opened }) => opened)).toEqual([10, 2, 2]);
  });

  it('keeps an open session on its backend while others come and go', async () => {
    const first = await startEcho();
    const [other = ''] = await namedBackends('x');
    const proxy = await startProxy(way, { backends: [first.address, other] });
    const started = nextSession(proxy);
    const client = await connect(portOf(proxy));
    client.write('1');
    await readExactly(client, 1);
    expect(await askInTurn(proxy, 1)).toBe('x');
    client.write('2');
    expect(String(await readExactly(client, 1))).toBe('2');
    expect((await started).backend).toBe(first.address);
  });

  it('tries the next one at once when one refuses, and that one last for a moment', async () => {
    const refused = await refusedAddress();
    const [good = ''] = await namedBackends('g');
    const proxy = await startProxy(way, { backends: [refused, good] });
    const errors = errorsOf(proxy);
    expect(await askInTurn(proxy, 4)).toBe('gggg');
    // The first client finds out. Of the others, the third may come when a second has passed.
    expect(errors.length).toBeGreaterThanOrEqual(1);
    expect(errors.length).toBeLessThanOrEqual(2);
    expect(new Set(errors.map(({ backend }) => backend))).toEqual(new Set([refused]));
    expect(errors[0]?.error.code).toBe('ERR_SPLICEWAY_BACKEND_FAILED');
    expect(errors[0]?.error.message).toContain('ECONNREFUSED');
    const [down, up] = proxy.stats().backends;
    expect(down).toMatchObject({ failed: errors.length, opened: 0, open: 0 });
    expect(up).toMatchObject({ failed: 0, opened: 4 });
  });

  it('tries the next one when one does not answer in time', async () => {
    const silent = await startBlackhole();
    const [good = ''] = await namedBackends('g');
    const proxy = await startProxy(way, { backends: [silent, good], connectTimeout: '500ms' });
    const errors = errorsOf(proxy);
    expect(await askInTurn(proxy, 1)).toBe('g');
    expect(errors[0]?.error.message).toContain('ETIMEDOUT');
  });

  it('disconnects the client when none answers, says why, and goes on', async () => {
    const backends = [await refusedAddress(), await refusedAddress()];
    const proxy = await startProxy(way, { backends });
    const noBackend: string[] = [];
    proxy.on('noBackend', ({ session, error }) => noBackend.push(`${session.id} ${error.code}`));
    const codes: string[] = [];
    proxy.on('session', (session) => session.on('error', ({ code }) => codes.push(code)));
    for (let round = 0; round < 3; round++) {
      const summary = nextSummary(proxy);
      const client = await connect(portOf(proxy));
      expect((await readAll(client)).length).toBe(0);
      expect(await summary).toMatchObject({ reason: 'no-backend', backend: undefined });
    }
    expect(noBackend).toEqual([1, 2, 3].map((id) => `${id} ERR_SPLICEWAY_NO_BACKEND`));
    expect(codes).toEqual(Array(3).fill('ERR_SPLICEWAY_NO_BACKEND'));
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 3, failed: 3, rejected: 0 });
    expect(proxy.stats().backends.map(({ failed }) => failed)).toEqual([3, 3]);
  });

  it('uses a backend again that has come back', async () => {
    const gone = await startNamed('a');
    const other = await startNamed('b');
    const proxy = await startProxy(way, { backends: [gone.address, other.address] });
    expect(await askInTurn(proxy, 2)).toBe('ab');
    await gone.close();
    expect(await askInTurn(proxy, 2)).toBe('bb');
    await startServer((socket) => socket.resume().end('A'), {
      listen: { port: gone.port, host: '127.0.0.1' },
    });
    // Though it has failed a moment ago, for no other is left.
    await other.close();
    expect(await askInTurn(proxy, 2)).toBe('AA');
  });

  itWhere(ipv6, 'connects to a name, through each of its addresses', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(
      way,
      { backends: [`db.test:${echo.port}`] },
      {
        lookup: async () => [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ],
      },
    );
    const errors = errorsOf(proxy);
    const client = await connect(portOf(proxy));
    client.end('by name');
    expect(String(await readAll(client))).toBe('by name');
    expect(errors[0]?.error.message).toContain(`[::1]:${echo.port}`);
    // Its other address answered, so the backend itself has not failed.
    expect(proxy.stats().backends).toMatchObject([{ failed: 0, opened: 1 }]);
  });

  it('connects to localhost as the system resolves it', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [`localhost:${echo.port}`] });
    const client = await connect(portOf(proxy));
    client.end('local');
    expect(String(await readAll(client))).toBe('local');
  });

  it('resolves a name again when connecting fails, and serves the same client there', async () => {
    const echo = await startEcho();
    const answers = ['127.0.0.2', '127.0.0.1'];
    const { now, forward } = clock();
    const proxy = await startProxy(
      way,
      { backends: [`moved.test:${echo.port}`] },
      { now, lookup: async () => [{ address: answers.shift() ?? '127.0.0.1', family: 4 }] },
    );
    forward();
    const client = await connect(portOf(proxy));
    client.end('found');
    expect(String(await readAll(client))).toBe('found');
    expect(proxy.stats().sessions).toMatchObject({ opened: 1, failed: 0 });
    expect(proxy.stats().backends).toMatchObject([{ failed: 1, opened: 1 }]);
  });

  it('starts with a name that does not resolve yet, with a warning', async () => {
    const echo = await startEcho();
    let known = false;
    const { now, forward } = clock();
    const proxy = await startProxy(
      way,
      { backends: [`later.test:${echo.port}`] },
      {
        now,
        lookup: async () => {
          if (known) return [{ address: '127.0.0.1', family: 4 }];
          throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
        },
      },
    );
    const warning = await new Promise<string>((resolve) => proxy.once('warning', resolve));
    expect(warning).toContain(`later.test:${echo.port}`);
    expect(warning).toContain('ENOTFOUND');
    const summary = nextSummary(proxy);
    expect((await readAll(await connect(portOf(proxy)))).length).toBe(0);
    expect((await summary).reason).toBe('no-backend');
    // One client, whatever the number of lookups.
    expect(proxy.stats().backends).toMatchObject([{ failed: 1 }]);
    known = true;
    forward();
    const client = await connect(portOf(proxy));
    client.end('now');
    expect(String(await readAll(client))).toBe('now');
  });

  it('looks a name up once for 200 clients that cannot reach it, not once for each', async () => {
    const port = Number((await refusedAddress()).split(':')[1]);
    // It stands still, however long the crowd takes.
    let seconds = 0;
    const now = () => seconds * 1000;
    let lookups = 0;
    const lookup = async () => {
      lookups += 1;
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const proxy = await startProxy(way, { backends: [`down.test:${port}`] }, { now, lookup });
    const crowd = async () => {
      const clients = await Promise.all(Array.from({ length: 200 }, () => connect(portOf(proxy))));
      await Promise.all(clients.map((client) => readAll(client)));
    };
    await crowd();
    expect(lookups).toBe(1);
    seconds += 11;
    await crowd();
    expect(lookups).toBe(2);
  });

  it('does not make the second client pay for an address that failed the first', async () => {
    const silent = await startBlackhole();
    const port = Number(silent.split(':')[1]);
    await startEcho({ listen: { port, host: '127.0.0.2' } });
    let lookups = 0;
    const lookup = async () => {
      lookups += 1;
      return ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    };
    const { now, forward } = clock();
    const proxy = await startProxy(
      way,
      { backends: [`two.test:${port}`], connectTimeout: '2s' },
      { now, lookup },
    );
    forward();
    const errors = errorsOf(proxy);
    for (let round = 0; round < 3; round++) {
      const client = await connect(portOf(proxy));
      client.end('answered');
      expect(String(await readAll(client))).toBe('answered');
    }
    expect(errors.map(({ error }) => error.message)).toEqual([expect.stringContaining(silent)]);
    // One address works, so there is nothing to ask the name server.
    expect(lookups).toBe(1);
  });

  it('starts without the answer of a slow name server, and uses it when it comes', async () => {
    const echo = await startEcho();
    let answer = (_: { address: string; family: number }[]) => {};
    const lookup = () =>
      new Promise<{ address: string; family: number }[]>((resolve) => {
        answer = resolve;
      });
    const [good = ''] = await namedBackends('g');
    const proxy = await startProxy(
      way,
      // The first client only listens, and the lookup takes a second of its search.
      { backends: [`slow.test:${echo.port}`, good], connectTimeout: '1s', abortOnClose: false },
      { lookup },
    );
    const warning = await new Promise<string>((resolve) => proxy.once('warning', resolve));
    expect(warning).toContain(`slow.test:${echo.port} has not resolved within 1000 ms`);
    expect(await askInTurn(proxy, 2)).toBe('gg');
    answer([{ address: '127.0.0.1', family: 4 }]);
    const client = await connect(portOf(proxy));
    client.end('at last');
    expect(String(await readAll(client))).toBe('at last');
  });

  it('does not lose a warning when the start takes long', async () => {
    const port = Number((await refusedAddress()).split(':')[1]);
    // One name fails long before the other one is known.
    const lookup = async (name: string) => {
      if (name === 'localhost') throw new Error('no answer');
      await new Promise((resolve) => setTimeout(resolve, 20));
      return [{ address: '127.0.0.1', family: 4 }];
    };
    const backends = [`localhost:${port}`, `slow.test:${port}`];
    const proxy = await startProxy(way, { backends }, { lookup });
    const warnings: string[] = [];
    proxy.on('warning', (message) => warnings.push(message));
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([expect.stringContaining(`localhost:${port} does not resolve`)]);
  });

  it('connects to a unix backend, and goes past one that is not there', async () => {
    const { address } = await startNamed('n');
    const proxy = await startProxy(way, { backends: ['unix:/nonexistent/x.sock', address] });
    const errors = errorsOf(proxy);
    expect(await askInTurn(proxy, 1)).toBe('n');
    expect(errors[0]?.error.message).toContain('ENOENT');
  });

  it('waits for a unix backend whose queue is full, as for one that does not answer yet', async () => {
    const busy = await startBusy();
    const proxy = await startProxy(way, { backends: [busy.address] });
    const errors = errorsOf(proxy);
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(portOf(proxy))));
    const answers = Promise.all(clients.map((client) => readAll(client)));
    await until('all on their way', () => proxy.stats().sessions.opened === clients.length);
    busy.accept();
    expect((await answers).map(String)).toEqual(clients.map(() => 'free'));
    expect(errors).toEqual([]);
  });

  it('gives up on a unix backend whose queue stays full when its time is over', async () => {
    const busy = await startBusy();
    const [good = ''] = await namedBackends('g');
    const backends = [busy.address, good];
    const proxy = await startProxy(way, { backends, connectTimeout: '1s' });
    const errors = errorsOf(proxy);
    const waiting = await Promise.all(Array.from({ length: 8 }, () => connect(portOf(proxy))));
    await until('the others served', () => proxy.stats().backends[1]?.opened === 6);
    // The native engine may tell of both in one event.
    await until('told of', () => errors.length > 0);
    expect(errors[0]?.error.systemCode).toBe('EAGAIN');
    busy.accept();
    const answers = await Promise.all(waiting.map((client) => readAll(client)));
    expect(answers.map(String).filter((answer) => answer === 'g')).toHaveLength(6);
  });
});

// What the kernel does by luck with ephemeral ports: native asks for both ends, too (native/core/sys/sys.h).
it('the stream engine takes a connection to itself for a backend that refuses', async () => {
  const backend = await refusedAddress();
  const [host = '', port = ''] = backend.split(':');
  const connectAs = Socket.prototype.connect as (this: Socket, ...args: unknown[]) => Socket;
  const joined: Socket[] = [];
  const spy = vi.spyOn(Socket.prototype, 'connect');
  onTestFinished(() => spy.mockRestore());
  spy.mockImplementation(function (this: Socket, ...args: unknown[]) {
    const [options] = args as [{ host?: string }];
    if (options.host !== host) return connectAs.apply(this, args);
    this.once('connect', () => joined.push(this));
    return connectAs.call(this, { ...options, localAddress: host, localPort: Number(port) });
  });
  const proxy = await startProxy('stream', { backends: [backend] });
  const errors = errorsOf(proxy);
  const summary = nextSummary(proxy);
  const client = await connect(portOf(proxy));
  client.write('mine');
  expect(String(await readAll(client))).toBe('');
  expect((await summary).reason).toBe('no-backend');
  expect(errors.map(({ error }) => error.systemCode)).toEqual(['ECONNREFUSED']);
  expect(joined).toHaveLength(1);
});
