/** Listeners: what can go wrong when they open, and unix sockets that a dead process left behind. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Server } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { freePort } from '../scripts/lib/port.js';
import { within } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { ipv6 } from './helpers/machine.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { connect, readAll } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

/** A socket file whose process was killed. */
async function staleSocket(path: string): Promise<void> {
  const program = `require('node:net').createServer().listen(process.argv[1], () => console.log())`;
  const child = spawn(process.execPath, ['-e', program, path]);
  await within('the child to listen', once(child.stdout, 'data'));
  child.kill('SIGKILL');
  await within('the end of the child', once(child, 'exit'));
  expect(existsSync(path)).toBe(true);
}

/** The server behind the next listener that opens, to have errors that the kernel does not give on demand. */
function nextServer(): Promise<Server> {
  return new Promise((resolve) => {
    const listen = vi.spyOn(Server.prototype, 'listen');
    listen.mockImplementationOnce(function (this: Server, ...args: unknown[]) {
      listen.mockRestore();
      resolve(this);
      return this.listen(...(args as [number]));
    });
  });
}

describe.each(ways)('listeners with %s', (way) => {
  const listenError = async (listen: string | string[]) => {
    const error = await startProxy(way, { listen, backends: ['127.0.0.1:1'] }).then(
      () => undefined,
      (reason: unknown) => reason as { code: string; message: string },
    );
    expect(error?.code).toBe('ERR_SPLICEWAY_LISTEN');
    return error?.message ?? '';
  };

  it('say that an address is in use, by name, and what to do', async () => {
    const { address } = await startServer();
    const before = openDescriptors();
    // The first listener was open already; it is closed again.
    const message = await listenError(['127.0.0.1:0', address]);
    expect(message).toContain(address);
    expect(message).toContain('in use');
    expect(message).toContain('choose another port');
    await untilBackTo(before);
  });

  it('say that an address is not of this machine', async () => {
    expect(await listenError('192.0.2.1:0')).toContain('no network interface here');
  });

  itWhere(ipv6, 'accept on several addresses', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, {
      listen: ['127.0.0.1:0', '[::1]:0', ':0'],
      backends: [echo.address],
    });
    const addresses: string[] = [];
    proxy.on('session', (session) => addresses.push(session.client.address));
    const [v4, v6, all] = proxy.addresses();
    expect([v4?.family, v6?.family]).toEqual(['IPv4', 'IPv6']);
    for (const where of [
      { port: v4?.port ?? 0, host: '127.0.0.1' },
      { port: v6?.port ?? 0, host: '::1' },
      { port: all?.port ?? 0, host: '127.0.0.1' },
      { port: all?.port ?? 0, host: '::1' },
    ]) {
      const client = await connect(where);
      client.end('here');
      expect(String(await readAll(client))).toBe('here');
    }
    expect(proxy.stats().listeners.map(({ opened }) => opened)).toEqual([1, 1, 2]);
    expect(addresses).toEqual(['127.0.0.1', '::1', '127.0.0.1', '::1']);
  });

  it('replace the socket file of a dead process, and remove their own', async () => {
    const path = tempPath('stale.sock');
    await staleSocket(path);
    const echo = await startEcho();
    const proxy = await startProxy(way, { listen: `unix:${path}`, backends: [echo.address] });
    const client = await connect(path);
    client.end('alive');
    expect(String(await readAll(client))).toBe('alive');
    await proxy.close();
    expect(existsSync(path)).toBe(false);
  });

  it('leave the socket file of a living process alone', async () => {
    const path = tempPath('live.sock');
    await startEcho({ listen: { path } });
    expect(await listenError(`unix:${path}`)).toContain('a program is listening on this path');
    const client = await connect(path);
    client.end('mine');
    expect(String(await readAll(client))).toBe('mine');
  });

  it('leave a plain file alone', async () => {
    const path = tempPath('data');
    writeFileSync(path, 'precious');
    expect(await listenError(`unix:${path}`)).toContain('not a socket');
    expect(existsSync(path)).toBe(true);
  });

  it('say that the folder of a unix socket is missing', async () => {
    expect(await listenError('unix:/nonexistent/folder/x.sock')).toContain('create it first');
  });

  it('are not needed when sockets come by handoff alone', async () => {
    const proxy = await startProxy(way, { listen: [], backends: ['127.0.0.1:1'] });
    expect(proxy.addresses()).toEqual([]);
    expect(portOf(proxy)).toBe(0);
  });

  it('do not remove a file that has taken the place of theirs', async () => {
    const path = tempPath('replaced.sock');
    const proxy = await startProxy(way, { listen: `unix:${path}`, backends: ['127.0.0.1:1'] });
    rmSync(path);
    writeFileSync(path, 'precious');
    await proxy.close();
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it.each([
    ['127.0.0.1:5555', '127.0.0.1:5555'],
    ['[::1]:5555', '[0:0::1]:5555'],
    ['unix:/run/x.sock', 'unix:/run/x.sock'],
    ['localhost:5555', 'localhost:5555'],
    [':5555', '127.0.0.1:5555'],
    [':5555', '[::1]:5555'],
    [':5555', 'localhost:5555'],
    ['0.0.0.0:5555', '127.0.0.1:5555'],
    ['[::]:5555', '127.0.0.1:5555'],
  ])('on %s refuse to be their own backend, %s', async (listen, backend) => {
    await expect(
      startProxy(way, { listen: ['127.0.0.1:0', listen], backends: ['127.0.0.1:1', backend] }),
    ).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_INVALID_OPTION',
      message: expect.stringMatching(/^backends\[1\]: .* is the proxy itself/),
    });
  });

  // Where the loops accept, there is no server that could fail.
  if (way !== 'native') {
    it('that cannot be paused say that accepting failed, and hold no client back', async () => {
      const echo = await startEcho();
      const server = nextServer();
      const proxy = await startProxy(way, { backends: [echo.address] });
      const log: string[] = [];
      proxy.on('listenerPaused', ({ reason }) => log.push(`paused: ${reason}`));
      proxy.on('warning', (message) => log.push(message));
      for (let round = 0; round < 3; round++) {
        (await server).emit('error', Object.assign(new Error('accept'), { code: 'EMFILE' }));
      }
      const client = await connect(portOf(proxy));
      client.end('served');
      expect(String(await readAll(client))).toBe('served');
      await proxy.close();
      const reason = `127.0.0.1:${portOf(proxy)} cannot accept (EMFILE)`;
      expect(log).toEqual([
        way === 'native behind node' ? `paused: ${reason}` : `${reason}, 3 times`,
      ]);
    });
  }

  itWhere(ipv6, 'may have a backend with their port on another address', async () => {
    // One that no client's connection has on the listener's own.
    const port = await freePort();
    await startEcho({ listen: { port, host: '127.0.0.2' } });
    await startProxy(way, {
      listen: [`127.0.0.1:${port}`, `[::1]:${port}`],
      backends: [`127.0.0.2:${port}`],
    });
  });
});
