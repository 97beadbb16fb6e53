/** With too few descriptors for all clients at once, each is served in its turn and none is refused. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { until, within } from './helpers/deadline.js';
import {
  exhaustDescriptors,
  limitOpenFiles,
  openDescriptors,
  untilBackTo,
} from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { connect, readExactly } from './helpers/sockets.js';

const CLIENTS = 400;

/** Backend and clients, in a process of their own with its own descriptors. Says how many were served. */
const program = `
  const net = require('node:net');
  const answers = {};
  const backend = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  backend.listen(0, '127.0.0.1', () => process.send(backend.address().port));
  process.once('message', ({ port, count }) => {
    let left = count;
    for (let index = 0; index < count; index++) {
      const client = net.connect({ port, host: '127.0.0.1' });
      let answer = '';
      client.on('data', (chunk) => (answer += chunk));
      client.on('error', (error) => (answer = error.code));
      client.on('close', () => {
        answers[answer] = (answers[answer] ?? 0) + 1;
        if (--left === 0) process.send(answers, () => process.exit());
      });
      client.end('question');
    }
  });`;

async function startPeers(): Promise<{ peers: ChildProcess; backendPort: number }> {
  const peers = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  onTestFinished(() => {
    peers.kill();
  });
  const [backendPort] = (await within('the peers', once(peers, 'message'))) as [number];
  return { peers, backendPort };
}

// The stream engine does not know when descriptors run out; see its maxSessions.
describe.each(ways.filter((way) => way !== 'stream'))('few descriptors with %s', (way) => {
  it('pauses listeners, lets clients queue in the kernel, and serves every one', async () => {
    const { peers, backendPort } = await startPeers();
    const begin = openDescriptors();
    limitOpenFiles(begin.total + 100);
    const proxy = await startProxy(way, { backends: [`127.0.0.1:${backendPort}`] });
    const before = openDescriptors();
    let paused = 0;
    let resumed = 0;
    let mostOpen = 0;
    proxy.on('listenerPaused', ({ openSessions, reason }) => {
      expect(reason).not.toBe('');
      mostOpen = Math.max(mostOpen, openSessions);
      paused += 1;
    });
    proxy.on('listenerResumed', () => {
      resumed += 1;
    });
    peers.send({ port: portOf(proxy), count: CLIENTS });
    const [answers] = await within('all answers', once(peers, 'message'));
    expect(answers).toEqual({ question: CLIENTS });
    expect(paused).toBeGreaterThan(0);
    expect(mostOpen).toBeLessThan(CLIENTS);
    await untilBackTo(before);
    // Told a moment after the last session, or at the next retry.
    await until('the end of the pause', () => resumed === paused);
    await until('the counters', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: CLIENTS, failed: 0, rejected: 0 });
  });
});

describe.each(ways.filter((way) => way === 'native'))('no descriptors with %s', (way) => {
  it('waits while the program has none left, says so once, and then serves who came', async () => {
    const { peers, backendPort } = await startPeers();
    // Room for all of them, once there is any.
    limitOpenFiles(openDescriptors().total + 300);
    const proxy = await startProxy(way, { backends: [`127.0.0.1:${backendPort}`] });
    const reasons: string[] = [];
    proxy.on('listenerPaused', ({ reason }) => reasons.push(reason));
    const resumed = once(proxy, 'listenerResumed');
    const giveBack = exhaustDescriptors();
    peers.send({ port: portOf(proxy), count: 30 });
    const answers = within('all answers', once(peers, 'message'));
    await until('the pause', () => reasons.length > 0);
    const pausedAt = performance.now();
    // Long enough to ask several times whether there is one.
    await until('a few retries', () => performance.now() - pausedAt > 500);
    giveBack();
    const [answered] = await answers;
    expect(answered).toEqual({ question: 30 });
    await within('the listener', resumed);
    expect(reasons).toEqual([expect.stringMatching(/cannot accept \(EMFILE\)$/)]);
  });
});

// Node accepts, in libuv, which disconnects clients by itself then and tells nobody.
describe.each(ways.filter((way) => way !== 'native'))('no descriptors with %s', (way) => {
  it('serves who comes after the program had none left', async () => {
    const { peers, backendPort } = await startPeers();
    limitOpenFiles(openDescriptors().total + 100);
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [`127.0.0.1:${backendPort}`, echo.address] });
    const ended = once(peers, 'exit');
    const giveBack = exhaustDescriptors();
    peers.send({ port: portOf(proxy), count: 30 });
    const [answered] = await within('an end for each', once(peers, 'message'));
    expect(answered).not.toHaveProperty('question');
    // Its backend goes with it, so that the next client comes to the other one.
    await within('the end of the peers', ended);
    giveBack();
    const client = await connect(portOf(proxy));
    client.write('x');
    expect(String(await readExactly(client, 1))).toBe('x');
  });
});
