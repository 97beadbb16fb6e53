/** The loops accept and pick; JavaScript hears of clients only when it wants to, or has to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, { existsSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { connect as netConnect, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createProxy } from '../src/proxy/create.js';
import type { BackendErrorEvent } from '../src/session/events.js';
import type { Session } from '../src/session/session.js';
import { until, within } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import {
  nextSession,
  nextSummary,
  portOf,
  type RunningProxy,
  startProxy,
} from './helpers/proxies.js';
import {
  refusedAddress,
  startBlackhole,
  startEcho,
  startNamed,
  startServer,
} from './helpers/servers.js';
import {
  connect,
  guarded,
  readAll,
  readExactly,
  readToEnding,
  socketPair,
} from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

async function echoProxy(): Promise<RunningProxy> {
  const proxy = await startProxy('native', { backends: [(await startEcho()).address] });
  await turn();
  return proxy;
}

/** A client whose session is open. */
async function openClient(proxy: RunningProxy): Promise<Socket> {
  const client = await connect(portOf(proxy));
  client.write('x');
  await readExactly(client, 1);
  return client;
}

/**
 * Clients that the loops take while JavaScript stands still, so that all that the loops have to say waits at once.
 * Nothing but counters, which are shared memory, is looked at before they have.
 */
function crowd(proxy: RunningProxy, size: number, isDone: () => boolean): Promise<Socket[]> {
  const clients = Array.from({ length: size }, () =>
    guarded(netConnect({ port: portOf(proxy), host: '127.0.0.1', allowHalfOpen: true })),
  );
  return new Promise((resolve, reject) => {
    // After the ticks in which Node makes the connections.
    process.nextTick(() => {
      const deadline = performance.now() + 60_000;
      while (!isDone()) {
        if (performance.now() > deadline) return reject(new Error('the loops did not take them'));
      }
      resolve(clients);
    });
  });
}

const taken = (proxy: RunningProxy, count: number) => () => proxy.stats().sessions.opened === count;

describe.runIf(ways.includes('native'))('native accept', () => {
  it('takes turns by weight, whatever loop has the client', async () => {
    const servers = await Promise.all([...'abc'].map((name) => startNamed(name)));
    const [a = '', b = '', c = ''] = servers.map(({ address }) => address);
    const backends = [{ address: a, weight: 10 }, `${b},weight=2`, `${c},weight=2`];
    const proxy = await startProxy('native', { backends, threads: 4 });
    expect(proxy.accept).toBe('native');
    let answers = '';
    for (let index = 0; index < 14; index++) {
      const client = await connect(portOf(proxy));
      client.end();
      answers += String(await readAll(client));
    }
    expect(answers).toBe('aabacaaaabacaa');
    const clients = await crowd(proxy, 70, taken(proxy, 84));
    for (const client of clients) await readAll(client.end());
    expect(proxy.stats().backends.map(({ opened }) => opened)).toEqual([60, 12, 12]);
  });

  it.each(['nobody', 'somebody'])(
    'serves clients while JavaScript stands still, and %s listens for sessions',
    async (who) => {
      const program = `
      const { parentPort, workerData } = require('node:worker_threads');
      const net = require('node:net');
      const served = new Int32Array(workerData.served);
      const backend = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
      backend.listen(0, '127.0.0.1', () => parentPort.postMessage(backend.address().port));
      parentPort.once('message', (port) => {
        let count = 0;
        for (let index = 0; index < workerData.clients; index++) {
          const client = net.connect({ port, host: '127.0.0.1' });
          let answer = '';
          client.on('data', (chunk) => (answer += chunk));
          client.on('error', () => {});
          client.on('close', () => {
            count += answer === 'question' ? 1 : 0;
            if (count < workerData.clients) return;
            Atomics.store(served, 0, count);
            Atomics.notify(served, 0);
          });
          client.end('question');
        }
      });`;
      const served = new Int32Array(new SharedArrayBuffer(4));
      const workerData = { served: served.buffer, clients: 50 };
      const worker = new Worker(program, { eval: true, workerData });
      onTestFinished(async () => {
        await worker.terminate();
      });
      const backendPort = await within(
        'the worker',
        new Promise<number>((resolve) => worker.once('message', resolve)),
      );
      const backends = [`127.0.0.1:${backendPort}`];
      const proxy = await startProxy('native', { backends, maxSessions: 10 });
      await turn();
      const sessions: Session[] = [];
      const warnings: string[] = [];
      proxy.on('warning', (line) => warnings.push(line));
      if (who === 'somebody') proxy.on('session', (session) => sessions.push(session));
      worker.postMessage(portOf(proxy));
      expect(Atomics.wait(served, 0, 0, 60_000)).toBe('ok');
      expect(served[0]).toBe(50);
      const heard = who === 'somebody' ? 50 : 0;
      expect(proxy.stats()).toMatchObject({ sessions: { opened: 50 }, unheard: heard });
      // Whoever listens hears of all, late.
      await until('all sessions', () => sessions.length === heard);
      const ends = sessions.map(({ closed }) => within('the end of a session', closed));
      expect(await Promise.all(ends)).toEqual(
        sessions.map(() => expect.objectContaining({ reason: 'finished', bytesUpstream: 8 })),
      );
      if (heard > 0) expect(warnings).toEqual([expect.stringContaining('use filter')]);
      else expect(warnings).toEqual([]);
    },
  );

  it('makes sessions only while somebody listens for them', async () => {
    const proxy = await echoProxy();
    const seen: string[] = [];
    const first = (session: { id: number }) => seen.push(`first ${session.id}`);
    await openClient(proxy);
    proxy.on('session', first);
    await openClient(proxy);
    proxy.off('session', first);
    await openClient(proxy);
    proxy.removeAllListeners();
    proxy.once('session', (session) => seen.push(`second ${session.id}`));
    await openClient(proxy);
    await openClient(proxy);
    proxy.on('session', first);
    proxy.removeAllListeners('session');
    await openClient(proxy);
    // Numbers count what was made: the others never were.
    expect(seen).toEqual(['first 1', 'second 2']);
    expect(proxy.stats().sessions).toMatchObject({ open: 6, opened: 6 });
  });

  it('makes those sessions that come before anybody can listen', async () => {
    const { address } = await startEcho();
    const proxy = await startProxy('native', { backends: [address] });
    const started = nextSession(proxy);
    const [client] = await crowd(proxy, 1, taken(proxy, 1));
    expect((await started).client).toEqual({ address: '127.0.0.1', port: client?.localPort });
  });

  it('tells of failures that nobody waits for together, with their number', async () => {
    const [refused, { address }] = [await refusedAddress(), await startNamed('g')];
    const proxy = await startProxy('native', { backends: [refused, address] });
    const events: BackendErrorEvent[] = [];
    proxy.on('backendError', (event) => events.push(event));
    await turn();
    const isServed = () => proxy.stats().backends[1]?.opened === 40;
    for (const client of await crowd(proxy, 40, isServed)) {
      expect(String(await readAll(client.end()))).toBe('g');
    }
    // One client a second finds out; or several, where loops have their first clients at once.
    const failed = proxy.stats().backends[0]?.failed;
    expect(failed).toBeGreaterThan(0);
    await until('all failures', () => events.reduce((sum, { count }) => sum + count, 0) === failed);
    expect(events.length).toBeLessThan(5);
    expect(events[0]).toMatchObject({ backend: refused });
    expect(events[0]?.error.message).toContain('ECONNREFUSED');
  });

  it('reports a client that no backend answered, also when nobody listened', async () => {
    const proxy = await startProxy('native', { backends: [await refusedAddress()] });
    await turn();
    const lost: string[] = [];
    proxy.on('noBackend', ({ session }) => lost.push(`${session.listener} ${session.client.port}`));
    const client = await connect(portOf(proxy));
    expect((await readAll(client)).length).toBe(0);
    await until('the event', () => lost.length === 1);
    expect(lost).toEqual([`127.0.0.1:${portOf(proxy)} ${client.localPort}`]);
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 1, failed: 1, rejected: 0 });
  });

  it('lets sessions finish that nobody knows while it drains, and waits for them', async () => {
    const proxy = await echoProxy();
    const client = await openClient(proxy);
    let isClosed = false;
    const closed = proxy.close({ drain: '20s' }).then(() => {
      isClosed = true;
    });
    await until('the listener to close', () => !isClosed);
    client.write('still served');
    expect(String(await readExactly(client, 12))).toBe('still served');
    expect(isClosed).toBe(false);
    client.end();
    await readAll(client);
    await within('the drain to end with its last session', closed);
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 1, failed: 0, rejected: 0 });
  });

  it('resets sessions that nobody knows when it closes, or when the time to drain is over', async () => {
    for (const drain of ['0', '50ms']) {
      const proxy = await echoProxy();
      const ending = readToEnding(await openClient(proxy));
      await within('closing', proxy.close({ drain }));
      expect((await ending).how).toBe('ECONNRESET');
      expect(proxy.stats().sessions).toEqual({ open: 0, opened: 1, failed: 0, rejected: 0 });
      await expect(connect(portOf(proxy))).rejects.toThrow('ECONNREFUSED');
    }
  });

  it('leaves nothing behind when a later listener cannot be opened', async () => {
    const path = tempPath('first.sock');
    const { address } = await startServer();
    const before = openDescriptors();
    await expect(
      startProxy('native', { listen: [`unix:${path}`, address], backends: ['127.0.0.1:1'] }),
    ).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_LISTEN' });
    expect(existsSync(path)).toBe(false);
    await untilBackTo(before);
  });

  it('accepts on a unix socket, whose file goes with the proxy', async () => {
    const path = tempPath('native.sock');
    const backends = [(await startEcho()).address];
    const proxy = await startProxy('native', { listen: `unix:${path}`, backends });
    const started = nextSession(proxy);
    const client = await connect(path);
    client.end('here');
    expect(String(await readAll(client))).toBe('here');
    const { client: from, listener } = await started;
    expect({ ...from, listener }).toEqual({ address: '', port: 0, listener: `unix:${path}` });
    await proxy.close();
    expect(existsSync(path)).toBe(false);
  });

  it('takes sockets by handoff as well, each counted in its own row', async () => {
    const [a, b] = [await startNamed('a'), await startNamed('b')];
    const proxy = await startProxy('native', { backends: [a.address, b.address] });
    const { near, far } = await socketPair();
    const session = proxy.handoff(near, { backend: b.address });
    expect(String(await readAll(far.end()))).toBe('b');
    expect(String(await readAll((await connect(portOf(proxy))).end()))).toBe('a');
    expect((await session.closed).reason).toBe('finished');
    const { listeners, handoff, sessions } = proxy.stats();
    expect([listeners[0]?.opened, handoff.opened, sessions.opened]).toEqual([1, 1, 2]);
  });

  it('ends a session that is destroyed as soon as it is heard of', async () => {
    const proxy = await startProxy('native', { backends: [await startBlackhole()] });
    const summary = nextSummary(proxy);
    proxy.on('session', (session) => session.destroy());
    // The reset may come before Node has seen that the connection was made.
    const client = guarded(netConnect({ port: portOf(proxy), host: '127.0.0.1' }));
    expect((await readToEnding(client)).how).toBe('ECONNRESET');
    expect((await summary).reason).toBe('destroyed');
  });
});

/** File systems on which link(2) fails so, until the test ends. */
function failingLinks(code: string): void {
  const link = vi.spyOn(fs, 'linkSync').mockImplementation((from, to) => {
    const message = `${code}: not possible here, link '${from}' -> '${to}'`;
    throw Object.assign(new Error(message), { code, syscall: 'link', path: from });
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    link.mockRestore();
    syncBuiltinESMExports();
  });
}

describe.runIf(ways.includes('native'))('a unix listener without hard links', () => {
  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])(
    'is left to Node, with a warning, when nobody asked who accepts (%s)',
    async (code) => {
      failingLinks(code);
      const path = tempPath('fallback.sock');
      const listen = ['127.0.0.1:0', `unix:${path}`];
      const proxy = await createProxy({ listen, backends: [(await startNamed('a')).address] });
      onTestFinished(() => proxy.close());
      const warnings: string[] = [];
      proxy.on('warning', (message) => warnings.push(message));
      const started = nextSession(proxy);
      expect(proxy.accept).toBe('node');
      for (const to of [portOf(proxy), path]) {
        expect(String(await readAll((await connect(to)).end()))).toBe('a');
      }
      expect((await started).listener).toBe(`127.0.0.1:${portOf(proxy)}`);
      expect(proxy.stats().listeners.map(({ opened }) => opened)).toEqual([1, 1]);
      expect(warnings).toEqual([
        expect.stringMatching(
          /^Node accepts, .*fallback\.sock.*no hard links.*choose another folder/,
        ),
      ]);
      await proxy.close();
      expect(existsSync(path)).toBe(false);
    },
  );

  it('says what to do when the loops were asked to accept', async () => {
    failingLinks('EPERM');
    const path = tempPath('asked.sock');
    await expect(
      startProxy('native', { listen: `unix:${path}`, backends: ['a:1'] }),
    ).rejects.toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_LISTEN',
        message: expect.stringMatching(
          /asked\.sock: its file system has no hard links, .*; choose another folder, or accept auto or node$/,
        ),
        cause: expect.objectContaining({ code: 'EPERM', syscall: 'link' }),
      }),
    );
    expect(existsSync(path)).toBe(false);
  });

  it('fails for any other reason that it cannot be taken from Node', async () => {
    failingLinks('ENOSPC');
    const listen = `unix:${tempPath('full.sock')}`;
    await expect(createProxy({ listen, backends: ['a:1'] })).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_LISTEN',
      message: expect.stringContaining('the system says ENOSPC'),
    });
  });
});

/** Its own process, with nothing else to live for: listens until it is signalled, and prints where. */
const program = `
  const { createProxy } = await import('${new URL('../dist/index.js', import.meta.url)}');
  const [backend] = process.argv.slice(-1);
  const proxy = await createProxy({ listen: '127.0.0.1:0', backends: [backend], accept: 'native' });
  process.once('SIGUSR2', () => proxy.close());
  console.log(proxy.addresses()[0].port);
`;

describe.runIf(ways.includes('native'))('a process that accepts natively', () => {
  it('lives while its proxy listens, and ends by itself when the proxy is closed', async () => {
    const { address } = await startEcho();
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, address]);
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const [port] = (await within('listening', once(child.stdout, 'data'))) as [Buffer];
    const client = await connect(Number(port));
    client.write('x');
    await readExactly(client, 1);
    const ending = readToEnding(client);
    const exit = once(child, 'exit');
    child.kill('SIGUSR2');
    expect((await ending).how).toBe('ECONNRESET');
    expect(await within('the end of the process', exit)).toEqual([0, null]);
  });
});
