/** TCP keepalive: whether a silent peer is still there is asked on both sides, with times that were chosen. */
import { execFile } from 'node:child_process';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { join } from '../src/proxy/join.js';
import { until, within } from './helpers/deadline.js';
import { engines, optionsOf, ways } from './helpers/engines.js';
import { listeningSocket } from './helpers/inherited.js';
import { keepAliveTimer } from './helpers/kernel.js';
import { namespacesWith, namespaceWords } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { connect, guarded, readExactly, socketPair, write } from './helpers/sockets.js';
import { itWhere } from './helpers/where.js';

const HOUR_S = 3600;

/** In how many seconds the other end of an idle connection asks whether this one is there; `undefined` for never. */
const askedIn = ({ localPort = 0, remotePort = 0 }: Socket) =>
  keepAliveTimer(remotePort, localPort);

/** It has been read that no sooner than a moment ago. */
function expectAbout(seconds: number | undefined, most: number): void {
  expectBetween(seconds, most, most);
}

/** Of a socket that has its own time, or will have. */
function expectUpTo(seconds: number | undefined, most: number): void {
  expectBetween(seconds, most / 2, most);
}

function expectBetween(seconds: number | undefined, least: number, most: number): void {
  expect(seconds).toBeGreaterThan(least - 120);
  expect(seconds).toBeLessThanOrEqual(most);
}

describe.each(ways)('a peer that is silent, with %s', (way) => {
  it('is asked whether it is there: the client after keepAlive', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address], keepAlive: '1h' });
    const client = await connect(portOf(proxy));
    await write(client, 'x');
    await readExactly(client, 1);
    // Until it has acknowledged, the timer is another one.
    await until('an idle connection', () => askedIn(client) !== undefined);
    expectUpTo(askedIn(client), HOUR_S);
  });

  it('is asked whether it is there: the backend as well', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address], keepAlive: '1s' });
    const client = await connect(portOf(proxy));
    await write(client, 'x');
    await readExactly(client, 1);
    const [backend] = echo.sockets;
    await until('the question', () => askedIn(backend as Socket) !== undefined);
    expect(askedIn(backend as Socket)).toBeLessThanOrEqual(1);
    // It answers, so all goes on.
    await write(client, 'y');
    expect(String(await readExactly(client, 1))).toBe('y');
  });

  it('is asked after a minute by default', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const client = await connect(portOf(proxy));
    await until('an idle connection', () => askedIn(client) !== undefined);
    expectUpTo(askedIn(client), 60);
  });

  it('is asked as well when it had connected before the proxy took the listener', async () => {
    const { target, descriptor } = await listeningSocket({ port: 0, host: '127.0.0.1' });
    const echo = await startEcho();
    const client = await connect(target);
    const listen = `fd:${descriptor}`;
    await startProxy(way, { listen, backends: [echo.address], keepAlive: '1h' });
    await write(client, 'x');
    await readExactly(client, 1);
    await until('an idle connection', () => askedIn(client) !== undefined);
    expectUpTo(askedIn(client), HOUR_S);
  });

  it('is never asked with keepAlive: 0', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address], keepAlive: 0 });
    const client = await connect(portOf(proxy));
    await write(client, 'x');
    await readExactly(client, 1);
    const [backend] = echo.sockets;
    expect(askedIn(client)).toBeUndefined();
    expect(askedIn(backend as Socket)).toBeUndefined();
  });
});

// Loops have them asked in their own time later: test/native/keep_alive_test.cc.
describe.each(ways.filter((way) => way !== 'native'))(
  'one of many silent peers, with %s',
  (way) => {
    it('is asked at a time of its own', async () => {
      const echo = await startEcho();
      const proxy = await startProxy(way, { backends: [echo.address], keepAlive: '9h' });
      const clients = await Promise.all(Array.from({ length: 8 }, () => connect(portOf(proxy))));
      for (const client of clients) await write(client, 'x');
      for (const client of clients) await readExactly(client, 1);
      const asked = way === 'stream' ? [clients, echo.sockets] : [clients];
      for (const peers of asked) {
        const times = () => peers.map((peer) => askedIn(peer));
        await until('idle connections', () => times().every((time) => time !== undefined));
        const known = times().map(Number);
        expect(Math.max(...known) - Math.min(...known)).toBeGreaterThan(HOUR_S / 4);
      }
    });
  },
);

describe.each(engines)('sockets of the program, with %s', (engine) => {
  it('are as it made them, and the backend of a handoff is asked', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, {
      ...{ listen: [], backends: [echo.address], keepAlive: '1s' },
    });
    const [bare, kept] = [await socketPair(), await socketPair()];
    kept.near.setKeepAlive(true, HOUR_S * 1000);
    for (const { near, far } of [bare, kept]) {
      proxy.handoff(near);
      await write(far, 'x');
      await readExactly(far, 1);
    }
    await until('the questions', () =>
      echo.sockets.every((backend) => askedIn(backend) !== undefined),
    );
    expect(echo.sockets).toHaveLength(2);
    expect(askedIn(bare.far)).toBeUndefined();
    await until('an idle connection', () => askedIn(kept.far) !== undefined);
    expectAbout(askedIn(kept.far), HOUR_S);
  });

  it('are as it made them in a join', async () => {
    const [left, right] = [await socketPair(), await socketPair()];
    right.near.setKeepAlive(true, HOUR_S * 1000);
    join(left.near, right.near, { engine });
    await write(guarded(left.far), 'x');
    await readExactly(right.far, 1);
    expect(askedIn(left.far)).toBeUndefined();
    await until('an idle connection', () => askedIn(right.far) !== undefined);
    expectAbout(askedIn(right.far), HOUR_S);
  });
});

/** An address of those for documentation (RFC 5737). */
const GONE = '192.0.2.1';
const kinds = ['--net'];

/**
 * In a network of its own, in which packets to an address get lost once peers there have been heard: of each way a
 * client, and a backend. Prints why their sessions ended.
 */
const VANISHING = `
  import { execFileSync } from 'node:child_process';
  import { once } from 'node:events';
  import { connect, createServer } from 'node:net';
  const { packageUrl, ways, gone } = JSON.parse(process.argv.at(-1));
  const { createProxy } = await import(packageUrl);
  const ip = (...words) => execFileSync('ip', words);
  ip('link', 'set', 'lo', 'up');
  ip('addr', 'add', gone, 'dev', 'lo');
  const echo = async (host) => {
    const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    await once(server.listen(0, host), 'listening');
    return host + ':' + server.address().port;
  };
  const [near, far] = [await echo('127.0.0.1'), await echo(gone)];
  const closed = [];
  for (const way of ways) {
    for (const [backends, localAddress] of [[near, gone], [far, '127.0.0.1']]) {
      const options = { listen: '127.0.0.1:0', backends, keepAlive: '1s', threads: 1 };
      const proxy = await createProxy({ ...options, ...way });
      const session = once(proxy, 'session');
      const { address, port } = proxy.addresses()[0];
      const client = connect({ host: address, port, localAddress }).on('error', () => {});
      client.write('x');
      await once(client, 'data');
      closed.push((await session)[0].closed);
    }
  }
  ip('addr', 'del', gone, 'dev', 'lo');
  // A packet goes out, comes in, and is for nobody here.
  ip('route', 'add', gone, 'dev', 'lo');
  const ends = await Promise.all(closed);
  console.log(JSON.stringify(ends.map(({ reason, error }) => reason + ' ' + error.systemCode)));
  process.exit();`;

itWhere(
  namespacesWith(kinds),
  'a peer that has vanished, client or backend, is noticed by every engine',
  async () => {
    const task = { packageUrl, ways: ways.map(optionsOf), gone: GONE };
    const [command = '', ...words] = [
      ...(namespaceWords(kinds) ?? []),
      ...[process.execPath, '--input-type=module', '-e', VANISHING, JSON.stringify(task)],
    ];
    const { stdout } = await within('the ends', promisify(execFile)(command, words));
    expect(JSON.parse(stdout)).toEqual(ways.flatMap(() => Array(2).fill('reset ETIMEDOUT')));
  },
);
