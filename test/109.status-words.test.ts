/** What strangers read at a status address: our words, and none of what servers say. */
import { describe, expect, it, vi } from 'vitest';
import { toldTo } from '../src/control/status/told.js';
import { statusOf } from '../src/control/status.js';
import { reasonOf } from '../src/pool/health/checks/reason.js';
import { until } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { startProxy, type TestOptions } from './helpers/proxies.js';
import { refusedAddress, startServer } from './helpers/servers.js';
import { get, startStatus } from './helpers/status.js';

vi.mock('node:dns/promises', () => ({
  lookup: (name: string) =>
    Promise.reject(Object.assign(new Error(`ENOTFOUND ${name}`), { code: 'ENOTFOUND' })),
}));

const often = { interval: '1h', fastInterval: '10ms', fall: 2 };

/** What the address says of one backend, whose checks have come to something. */
async function toldOf(address: string, health: TestOptions['health']) {
  const proxy = await startProxy('stream', { backends: [address], health });
  const status = await startStatus(proxy);
  await until('it is known', () => proxy.stats().backends[0]?.health.status !== 'checking');
  const { text, body } = await get(status, '/api/v1/status');
  const { downMs: _, ...own } = proxy.stats().backends[0]?.health ?? { reason: '' };
  return { own, text, health: body.backends[0].health };
}

describe('the status of strangers', () => {
  it('has no word of what a server has answered', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuser root has no table of 10.9.8.7';
    const server = await startServer((socket) => socket.resume().end(answer));
    const check = { type: 'http' as const, body: 'all is secret', ...often };
    const { own, text, health } = await toldOf(server.address, check);
    expect(own.reason).toContain('user root');
    expect(text).not.toMatch(/user root|10\.9\.8\.7|all is secret/);
    expect(health).toMatchObject({
      ...{ status: 'down', reason: 'the check failed ×2' },
      lastCheck: { passed: false, detail: 'the check failed' },
    });
  });

  it('has no word of a check that a program has written', async () => {
    const check = async () => 'as secret as "connect refused"';
    const health = { check, ...often };
    expect((await toldOf('127.0.0.1:9', health)).health).toMatchObject({
      ...{ status: 'up', reason: 'the check passed' },
      lastCheck: { passed: true, detail: 'the check passed' },
    });
  });

  it('says in our words why a backend is down', async () => {
    const check = { type: 'tcp' as const, ...often };
    const { own, health } = await toldOf(await refusedAddress(), check);
    expect(health.reason).toBe('connect refused ×2');
    expect(health).toMatchObject(own);
  });
});

it('a check whose own name has no address says so', async () => {
  const check = { type: 'tcp' as const, address: 'probe.test:1', ...often };
  const { own, health } = await toldOf('127.0.0.1:9', check);
  expect(health.reason).toBe('the name that its checks ask has no address (ENOTFOUND) ×2');
  expect(health).toMatchObject(own);
});

describe.each(engines)('words of health with %s', (engine) => {
  /** As it would be told. */
  const wordsFor = async (reason: string) => {
    const proxy = await startProxy(engine, { backends: ['127.0.0.1:9'] });
    const status = statusOf(proxy, '', 0, undefined);
    const backends = status.backends.map((backend) => ({
      ...backend,
      health: { ...backend.health, status: 'down' as const, reason },
    }));
    return toldTo({ ...status, backends }).backends[0]?.health.reason;
  };

  it('are told where they are our own', async () => {
    const codes = ['ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ENETUNREACH', 'EAGAIN', 'ENOENT'];
    const others = ['EACCES', 'EMFILE', 'EADDRNOTAVAIL'];
    const reasons = [...codes, ...others].map((code) =>
      reasonOf(Object.assign(new Error(), { code })),
    );
    const more = [
      ...['', 'set by hand', 'timed out while connecting', 'expected 200-399, got 503 ×3'],
      ...['connect failed ×5 (ECONNREFUSED), reset ×2 within 1.5 s; for 30 s', '200 ×2'],
      ...['timed out waiting for its greeting', 'timed out waiting for the answer ×3'],
    ];
    for (const reason of [...reasons, ...more]) expect(await wordsFor(reason)).toBe(reason);
  });

  it.each([
    ['connect refused by bob', 'the check failed'],
    ['connect refused\nbob ×3', 'the check failed ×3'],
    ['bob ×3', 'the check failed ×3'],
    ['bob ×3 ×4', 'the check failed ×4'],
    ['connect failed ×5 (bob); for 30 s', 'the check failed'],
    ['timed out waiting for "password of bob"', 'the check failed'],
    ["Access denied for user 'bob'@'10.9.8.7'", 'the check failed'],
  ])('are none of those of %j', async (reason, told) => {
    expect(await wordsFor(reason)).toBe(told);
  });
});
