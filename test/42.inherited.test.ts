/** Listening sockets that somebody else opened: `fd:3`. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseAddress } from '../src/config/address.js';
import { parseOptions } from '../src/config/schema.js';
import { within } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { closeDescriptor, descriptorOf, duplicate, listeningSocket } from './helpers/inherited.js';
import { ipv6 } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { connect, readAll, socketPair } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

const places = {
  IPv4: () => ({ port: 0, host: '127.0.0.1' }),
  IPv6: () => ({ port: 0, host: '::1' }),
  unix: () => ({ path: tempPath('inherited.sock') }),
  abstract: () => ({ path: `\0spliceway-${process.pid}-${performance.now()}` }),
};

function at(target: number | string, family: string): Parameters<typeof connect>[0] {
  return family === 'IPv6' ? { port: Number(target), host: '::1' } : target;
}

describe.each(ways)('an inherited socket with %s', (way) => {
  const failure = async (listen: string | string[], backends = ['127.0.0.1:1']) =>
    startProxy(way, { listen, backends }).then(
      () => ({ code: 'none', message: '' }),
      (reason: unknown) => reason as { code: string; message: string },
    );

  for (const family of Object.keys(places) as (keyof typeof places)[]) {
    const title = `${family} is accepted on, shown by its real address, and stays open for its owner`;
    itWhere(family === 'IPv6' ? ipv6 : undefined, title, async () => {
      const { target, descriptor } = await listeningSocket(places[family]());
      const echo = await startEcho();
      const proxy = await startProxy(way, { listen: `fd:${descriptor}`, backends: [echo.address] });
      const where = at(target, family);
      for (const text of ['first', 'second']) {
        const client = await connect(where);
        client.end(text);
        expect(String(await readAll(client))).toBe(text);
      }
      const shown = {
        IPv4: { name: `127.0.0.1:${target}`, address: '127.0.0.1', family: 'IPv4' },
        IPv6: { name: `[::1]:${target}`, address: '::1', family: 'IPv6' },
        unix: { name: `unix:${target}`, address: target, family: 'unix' },
        abstract: {
          name: `unix:${String(target).replace('\0', '@')}`,
          address: String(target).replace('\0', '@'),
          family: 'unix',
        },
      }[family];
      const { name, ...address } = shown;
      expect(proxy.addresses()).toMatchObject([address]);
      expect(proxy.stats().listeners).toMatchObject([{ address: name, opened: 2 }]);

      await proxy.close();
      if (family === 'unix') expect(existsSync(String(target))).toBe(true);
      // Its owner still listens: clients wait there for whoever is next.
      const waiting = await connect(where);
      waiting.destroy();
    });
  }

  it('takes clients that came before it did', async () => {
    const { target, descriptor } = await listeningSocket(places.IPv4());
    const early = await connect(target);
    early.end('I was first');
    const echo = await startEcho();
    await startProxy(way, { listen: `fd:${descriptor}`, backends: [echo.address] });
    expect(String(await readAll(early))).toBe('I was first');
  });

  it('goes on with the next proxy, for clients that came in between', async () => {
    const { target, descriptor } = await listeningSocket(places.IPv4());
    const passedOn = duplicate(descriptor);
    const echo = await startEcho();
    const first = await startProxy(way, { listen: `fd:${descriptor}`, backends: [echo.address] });
    await first.close();
    const between = await connect(target);
    between.end('still served');
    await startProxy(way, { listen: `fd:${passedOn}`, backends: [echo.address] });
    expect(String(await readAll(between))).toBe('still served');
  });

  it('leaves no descriptor behind', async () => {
    const { descriptor } = await listeningSocket(places.IPv4());
    const before = openDescriptors();
    const proxy = await startProxy(way, { listen: `fd:${descriptor}`, backends: ['127.0.0.1:1'] });
    await proxy.close();
    // The one that it was given is closed, too.
    await untilBackTo({ ...before, total: before.total - 1 });
  });

  it('stands beside listeners of its own, in the order of the options', async () => {
    const inherited = await listeningSocket(places.IPv4());
    const path = tempPath('own.sock');
    const echo = await startEcho();
    const proxy = await startProxy(way, {
      listen: [`fd:${inherited.descriptor}`, `unix:${path}`],
      backends: [echo.address],
    });
    expect(proxy.addresses().map(({ family }) => family)).toEqual(['IPv4', 'unix']);
    for (const where of [inherited.target, path, path]) {
      const client = await connect(where);
      client.end('x');
      await readAll(client);
    }
    expect(proxy.stats().listeners.map(({ opened }) => opened)).toEqual([1, 2]);
  });

  it('that is bound to a backend of the proxy is refused before a client can go round in circles', async () => {
    const { target, descriptor } = await listeningSocket(places.IPv4());
    const waiting = await connect(target);
    const { code, message } = await failure(`fd:${descriptor}`, [`127.0.0.1:${target}`]);
    expect(code).toBe('ERR_SPLICEWAY_INVALID_OPTION');
    expect(message).toContain(`is the proxy itself, which listens on 127.0.0.1:${target}`);
    expect(waiting.bytesRead).toBe(0);
  });

  itWhere(
    ipv6,
    'that is for IPv6 alone has nothing to do with a backend on that port of IPv4',
    async () => {
      const { target, descriptor } = await listeningSocket({ port: 0, host: '::', ipv6Only: true });
      const echo = await startEcho({ listen: { port: Number(target), host: '127.0.0.1' } });
      const options = { listen: `fd:${descriptor}`, backends: [echo.address] };
      const proxy = await startProxy(way, options);
      const warnings: string[] = [];
      proxy.on('warning', (line) => warnings.push(line));
      const client = await connect({ port: Number(target), host: '::1' });
      client.end('apart');
      expect(String(await readAll(client))).toBe('apart');
      expect(warnings).toEqual([
        expect.stringMatching(/^unless they are apart .* is the proxy itself/),
      ]);
    },
  );

  it('says what a descriptor is that cannot be accepted on, and leaves it open', async () => {
    const datagrams = createSocket('udp4');
    datagrams.bind(0);
    await once(datagrams, 'listening');
    const file = openSync('/dev/null', 'r');
    const { near } = await socketPair();
    onTestFinished(() => {
      datagrams.close();
      closeSync(file);
    });
    for (const [descriptor, what] of [
      [file, 'is not a socket, so none was passed there; have the service manager pass it'],
      [descriptorOf(datagrams), 'is not a stream socket; use ListenStream='],
      [descriptorOf(near), 'is a connection, not a listener; use Accept=no'],
      [1_000_000, 'is not open; have the service manager pass it'],
    ] as const) {
      const before = openDescriptors();
      const { code, message } = await failure(`fd:${descriptor}`);
      expect(code).toBe('ERR_SPLICEWAY_LISTEN');
      expect(message).toContain(
        `cannot listen on fd:${descriptor}: descriptor ${descriptor} ${what}`,
      );
      await untilBackTo(before);
      expect(openDescriptors().total).toBe(before.total);
    }
  });

  it('is still open when another listener of its proxy cannot be opened', async () => {
    const { address } = await startServer();
    const { descriptor } = await listeningSocket(places.IPv4());
    const before = openDescriptors();
    const { message } = await failure([`fd:${descriptor}`, address]);
    expect(message).toContain('in use');
    await untilBackTo(before);
    await startProxy(way, { listen: `fd:${descriptor}`, backends: ['127.0.0.1:1'] });
  });
});

/** Two workers, each with a proxy on the descriptor that their primary process was started with. */
const CLUSTER = `
  import cluster from 'node:cluster';
  import { createProxy } from ${JSON.stringify(packageUrl)};
  if (cluster.isPrimary) {
    for (let worker = 0; worker < 2; worker++) cluster.fork();
    cluster.on('message', (worker, listening) => console.log(JSON.stringify(listening)));
  } else {
    const proxy = await createProxy({ listen: 'fd:3', backends: [process.env.BACKEND], threads: 1 });
    process.send(proxy.addresses());
  }`;

describe('an inherited socket of a cluster', () => {
  it('is accepted on by the workers, which have it from the primary process', async () => {
    const { target, descriptor } = await listeningSocket(places.IPv4());
    onTestFinished(() => closeDescriptor(descriptor));
    const file = tempPath('cluster.mjs');
    writeFileSync(file, CLUSTER);
    const { address } = await startEcho();
    const primary = spawn(process.execPath, [file], {
      stdio: ['ignore', 'pipe', 'inherit', descriptor],
      env: { ...process.env, BACKEND: address },
    });
    onTestFinished(() => {
      primary.kill();
    });
    const lines = createInterface({ input: primary.stdout as Readable })[Symbol.asyncIterator]();
    for (let worker = 0; worker < 2; worker++) {
      const { value = '[]' } = await within('a worker', lines.next());
      expect(JSON.parse(value)).toMatchObject([{ address: '127.0.0.1', port: target }]);
    }
    for (let turn = 0; turn < 4; turn++) {
      const client = await connect(target);
      client.end('shared');
      expect(String(await readAll(client))).toBe('shared');
    }
  });
});

describe('fd: in a configuration', () => {
  it('is a descriptor for a listener, and a host for a backend', () => {
    expect(parseAddress('fd:3')).toEqual({ kind: 'fd', fd: 3 });
    expect(parseAddress('fd:3', 'backend')).toEqual({ kind: 'tcp', host: 'fd', port: 3 });
  });

  it.each(['fd:', 'fd:x', 'fd:-1', 'fd:3.5', 'fd:99999999999'])('refuses %s', (text) => {
    expect(() => parseAddress(text)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_INVALID_ADDRESS',
        message: expect.stringContaining('is not the number of a descriptor; write fd:3'),
      }),
    );
  });

  it.each([0, 1, 2])('refuses the standard stream %s', (fd) => {
    expect(() => parseAddress(`fd:${fd}`)).toThrow(`${fd} is a standard stream; write fd:3`);
  });

  it('is refused twice in one list', () => {
    const options = { listen: ['fd:3', 'fd:03'], backends: ['a:1'] };
    expect(() => parseOptions(options)).toThrow('fd:3 is the same listener as the one at [0]');
  });
});
