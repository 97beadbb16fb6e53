/**
 * Draws docs/health/slow-start.svg: which part of the new sessions each of three servers gets while one of them is killed,
 * starts again and has a slow start. It wants nginx and wrk, and takes a minute.
 *
 *   node scripts/slow-start/main.js
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setUpOrExit } from '../setup.js';

await setUpOrExit();
// Only now: they use what the set-up may just have made.
const { createProxy } = await import('../../dist/index.js');
const { accepts, freePort } = await import('../lib/port.js');
const { startProgram } = await import('../lib/program.js');
const { inRoot } = await import('../lib/root.js');
const { nginxConfiguration } = await import('../soak/nginx.js');
const { renderPlot } = await import('./plot.js');

/** @import { Sample } from './plot.js' */

/** Seconds. */
const times = { killed: 5, startedAgain: 10, end: 52 };
const slowStart = '30s';
const names = ['web-1', 'web-2', 'web-3'];

const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-slow-start-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** @param {string} name @param {number} port */
async function startServer(name, port) {
  const own = path.join(folder, name);
  mkdirSync(own, { recursive: true });
  const args = ['-e', 'stderr', '-p', own, '-c', nginxConfiguration(own, port)];
  return await startProgram('nginx', args, () => accepts(port));
}

const ports = await Promise.all(names.map(() => freePort()));
const servers = await Promise.all(names.map((name, place) => startServer(name, ports[place] ?? 0)));
const proxy = await createProxy({
  listen: '127.0.0.1:0',
  backends: names.map((name, place) => ({ name, address: `127.0.0.1:${ports[place]}` })),
  health: { type: 'http', path: '/', interval: '1s' },
  slowStart,
});
proxy.on('backendError', () => {});
proxy.on('backend', ({ backend, from, to, reason }) => {
  process.stdout.write(`${backend}: ${from} -> ${to}: ${reason}\n`);
});
const { port } = /** @type {{ port: number }} */ (proxy.addresses()[0]);
const load = await startProgram(
  'wrk',
  [
    ...['-t', '1', '-c', '20', '-d', `${times.end + 60}s`, '-H', 'Connection: close'],
    `http://127.0.0.1:${port}/`,
  ],
  () => proxy.stats().sessions.opened > 100,
);

/** @type {Sample[]} */
const samples = [];
const opened = () => proxy.stats().backends.map((backend) => backend.opened);
let before = opened();
const begin = performance.now();
for (let second = 1; second <= times.end; second++) {
  await delay(begin + second * 1000 - performance.now());
  const now = opened();
  const more = now.map((count, place) => count - (before[place] ?? 0));
  const sum = more.reduce((all, count) => all + count, 0);
  names.forEach((name, place) => {
    samples.push({ second, backend: name, percent: (100 * (more[place] ?? 0)) / sum });
  });
  before = now;
  if (second === times.killed) process.kill(servers[1]?.pid ?? 0, 'SIGKILL');
  if (second === times.startedAgain) servers[1] = await startServer('web-2', ports[1] ?? 0);
}
await load.stop();
await proxy.close();
for (const server of servers) await server.stop();

const file = inRoot('docs', 'health', 'slow-start.svg');
mkdirSync(path.dirname(file), { recursive: true });
writeFileSync(file, `${await renderPlot(samples, { ...times, slowStart })}\n`);
process.stdout.write(`Written to ${file}\n`);
