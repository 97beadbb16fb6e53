/** 20,000 connections in a row leave nothing behind. The slow one, so it has a file to itself. */
import { describe, expect, it } from 'vitest';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import { memoryInUse } from './helpers/memory.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startServer } from './helpers/servers.js';
import { ask } from './helpers/sockets.js';

const CONNECTIONS = 20_000;
const AT_ONCE = 100;
const MIB = 1024 * 1024;

/** Milliseconds of processor time, of all threads, that this process takes over a while of doing nothing. */
async function idleCpuMs(windowMs: number): Promise<number> {
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, windowMs));
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

describe.each(ways)('endurance with %s', (way) => {
  it(`serves ${CONNECTIONS} connections and holds no more than before`, {
    timeout: 900_000,
  }, async () => {
    let open = 0;
    // The list that the helper keeps of its connections would look like a leak.
    const server = await startServer((socket) => {
      (server.sockets as unknown[]).length = 0;
      open += 1;
      socket.pipe(socket);
      socket.once('close', () => {
        open -= 1;
      });
    });
    const proxy = await startProxy(way, { backends: [server.address] });
    let right = 0;
    const batch = async () => {
      const answers = await Promise.all(
        Array.from({ length: AT_ONCE }, () => ask(portOf(proxy), 'question')),
      );
      right += answers.filter((answer) => answer === 'question').length;
    };
    const quiet = () =>
      until('all to be closed', () => open === 0 && proxy.stats().sessions.open === 0);

    const before = openDescriptors();
    // Caches, pools and the heap's reserve fill up; what counts is growth from here on.
    const warmUps = 40;
    for (let warmUp = 0; warmUp < warmUps; warmUp++) await batch();
    await quiet();
    const memoryBefore = memoryInUse();
    for (let done = warmUps * AT_ONCE; done < CONNECTIONS; done += AT_ONCE) await batch();
    await quiet();

    expect(right).toBe(CONNECTIONS);
    expect(proxy.stats().sessions).toEqual({
      open: 0,
      opened: CONNECTIONS,
      failed: 0,
      rejected: 0,
    });
    expect(proxy.stats().bytes).toEqual({
      upstream: 8 * CONNECTIONS,
      downstream: 8 * CONNECTIONS,
    });
    await untilBackTo(before);
    expect(memoryInUse().heap - memoryBefore.heap).toBeLessThan(10 * MIB);
    // 2 KiB for each of the 16,000 sessions since would be over it. V8 keeps pages beside its heap, at times 25 MiB of them,
    // and gives them back in its own time; what leaks never comes back, however many more there are.
    const grown = () => memoryInUse().outside - memoryBefore.outside;
    for (let more = 0; grown() >= 30 * MIB && more < 40; more++) await batch();
    await quiet();
    expect(grown()).toBeLessThan(30 * MIB);
    // A loop that spins takes all of it.
    expect(await idleCpuMs(500)).toBeLessThan(150);
  });
});
