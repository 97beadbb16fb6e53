/** With too few descriptors for all clients at once, each is served in its turn and none is refused. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { within } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';

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

/** The soft limit of open files of this process, for the rest of the test. */
function limitOpenFiles(limit: number): void {
  const prlimit = (value: string) => execFileSync('prlimit', ['--pid', `${process.pid}`, value]);
  const before = execFileSync('sh', ['-c', 'ulimit -Sn'], { encoding: 'utf8' }).trim();
  prlimit(`--nofile=${limit}:`);
  onTestFinished(() => {
    prlimit(`--nofile=${before}:`);
  });
}

// The stream engine does not know when descriptors run out; see its maxSessions.
describe.each(ways.filter((way) => way !== 'stream'))('few descriptors with %s', (way) => {
  it('pauses listeners, lets clients queue in the kernel, and serves every one', async () => {
    const peers = spawn(process.execPath, ['-e', program], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    onTestFinished(() => {
      peers.kill();
    });
    const [backendPort] = (await within('the peers', once(peers, 'message'))) as [number];
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
    const [answers] = await within('all answers', once(peers, 'message'), 20_000);
    expect(answers).toEqual({ question: CLIENTS });
    expect(paused).toBeGreaterThan(0);
    expect(mostOpen).toBeLessThan(CLIENTS);
    await untilBackTo(before);
    expect(resumed).toBe(paused);
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: CLIENTS, failed: 0, rejected: 0 });
  });
});
