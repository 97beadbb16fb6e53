/** Connections to backends come from the addresses that their pool says. */
import { describe, expect, it } from 'vitest';
import type { LongOptions } from '../src/config/options.js';
import { createProxy } from '../src/index.js';
import type { HealthConfig } from '../src/model/health.js';
import { type Backend, literalAddress } from '../src/pool/backend.js';
import { CheckTurns } from '../src/pool/health/check-turns.js';
import { Checker } from '../src/pool/health/checker.js';
import type { Check } from '../src/pool/health/checks/check.js';
import { NO_SOURCE, reasonOf } from '../src/pool/health/checks/reason.js';
import { until } from './helpers/deadline.js';
import { engines, ways } from './helpers/engines.js';
import { fourPorts, holdingServer, ownNetwork, runInOwnNetwork } from './helpers/own-network.js';
import { portOfListener, startProxy } from './helpers/proxies.js';
import { startServer } from './helpers/servers.js';
import { ANY_PORT, answersAt, figuresOf, wholeOf } from './helpers/services.js';
import { itWhere } from './helpers/where.js';

/** Of nobody (RFC 5737). */
const ABSENT = '192.0.2.9';

/** Says where its client comes from. */
const startSeer = () =>
  startServer((socket) => {
    socket.resume();
    socket.end(`${socket.remoteAddress};`);
  });

describe.each(ways)('source addresses with %s', (way) => {
  async function start(settings: Partial<NonNullable<LongOptions['pools']>[string]>) {
    const seer = await startSeer();
    const services = {
      listeners: { in: { address: ANY_PORT, pool: 'db' } },
      pools: { db: { backends: [`${seer.address},name=a`], ...settings } },
    };
    const proxy = await startProxy(way, services);
    const warnings: string[] = [];
    proxy.on('warning', (warning) => warnings.push(String(warning)));
    return { seer, services, proxy, port: portOfListener(proxy, 'in'), warnings };
  }

  it('are used in turn, those of the family', async () => {
    const { port } = await start({ from: ['127.0.0.2', '::1', '127.0.0.3'] });
    expect(await answersAt(port, 4)).toBe('127.0.0.2;127.0.0.3;127.0.0.2;127.0.0.3;');
  });

  it('may be one, and another one after an update', async () => {
    const { port, proxy, services } = await start({ from: '127.0.0.2' });
    expect(await answersAt(port, 2)).toBe('127.0.0.2;127.0.0.2;');
    const update = (from?: string) =>
      proxy.update(wholeOf(way, { ...services, pools: { db: { ...services.pools.db, from } } }));
    await update('127.0.0.4');
    expect(await answersAt(port, 2)).toBe('127.0.0.4;127.0.0.4;');
    await update();
    expect(await answersAt(port, 1)).toBe('127.0.0.1;');
  });

  it('do not matter where none is of the family', async () => {
    const { port } = await start({ from: '::1' });
    expect(await answersAt(port, 1)).toBe('127.0.0.1;');
  });

  it('that this machine does not have are passed over, and a warning names them', async () => {
    const { port, proxy, warnings } = await start({ from: [ABSENT, '127.0.0.3'] });
    expect(await answersAt(port, 2)).toBe('127.0.0.3;127.0.0.3;');
    await until('the warning', () => warnings.length > 0);
    expect(warnings[0]).toMatch(
      /^\d connections? to backend db\/a could not come from 192\.0\.2\.9, which is no address of this machine \(EADDRNOTAVAIL\); /,
    );
    expect(figuresOf(proxy, 'db', 'a')).toMatchObject({ failed: 0, noPort: 0 });
  });

  it('all of which this machine does not have leave a backend alone, which has not failed', async () => {
    const { port, proxy } = await start({ from: ABSENT, connectBudget: '300ms' });
    expect(await answersAt(port, 1)).toBe('');
    await until('the figure', () => figuresOf(proxy, 'db', 'a').noPort > 0);
    expect(figuresOf(proxy, 'db', 'a')).toMatchObject({ failed: 0, opened: 0 });
  });

  it('are those of checks, too', async () => {
    const seen: (string | undefined)[] = [];
    const server = await startServer((socket) => {
      seen.push(socket.remoteAddress);
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    });
    for (const type of ['tcp', 'http'] as const) {
      seen.length = 0;
      const proxy = await startProxy(way, {
        listeners: { in: { address: ANY_PORT, pool: 'db' } },
        pools: { db: { backends: [server.address], from: ['::1', '127.0.0.5'], health: type } },
      });
      await until('a check', () => seen.length > 0);
      expect(seen[0]).toBe('127.0.0.5');
      await proxy.close();
    }
  });

  it('of checks are passed over where this machine does not have them', async () => {
    for (const [from, asked] of [
      [[ABSENT, '127.0.0.5'], '127.0.0.5'],
      [[ABSENT], '127.0.0.1'],
    ] as const) {
      const seen: (string | undefined)[] = [];
      const server = await startServer((socket) => {
        seen.push(socket.remoteAddress);
        socket.resume().on('end', () => socket.end());
      });
      const health = { type: 'tcp', startDown: true } as const;
      const proxy = await startProxy(way, {
        listeners: { in: { address: ANY_PORT, pool: 'db' } },
        pools: { db: { backends: [`${server.address},name=a`], from: [...from], health } },
      });
      await until('it to be up', () => proxy.pool('db').backend('a').health === 'up');
      expect(seen[0]).toBe(asked);
    }
  });
});

describe('a check that has no source address to come from', () => {
  const failing = (code: string) => new Error(reasonOf(Object.assign(new Error(code), { code })));

  /** @returns the reports that counted of so many checks, and where they came from */
  async function reportsOf(checks: number, from: readonly string[], check: Check) {
    const address = { kind: 'tcp', host: '127.0.0.1', port: 1 } as const;
    const backend = { name: 'a', host: '127.0.0.1', addresses: [literalAddress(address)] };
    const config = { timeoutMs: 60_000, intervalMs: 1, fastIntervalMs: 1, jitterPercent: 0 };
    const reports: string[] = [];
    const asked: (string | undefined)[] = [];
    let rounds = 0;
    await new Promise<void>((resolve) => {
      const checker = new Checker(
        backend as unknown as Backend,
        {
          config: config as HealthConfig,
          check: (target, signal) => {
            asked.push(target.from);
            if (target.from === undefined || from.length === 0) rounds += 1;
            if (rounds > checks) {
              checker.stop();
              resolve();
            }
            return check(target, signal);
          },
          turns: new CheckTurns(1, () => {}),
          from: () => from,
          onReport: ({ passed, detail }) => {
            reports.push(`${passed} ${detail}`);
            return false;
          },
        },
        0,
      );
    });
    return { reports, asked };
  }

  it.each(['EADDRNOTAVAIL', 'EADDRINUSE'])('never counts as a failure: %s', async (code) => {
    const from = ['127.0.0.2', '::1', '127.0.0.3'];
    const { reports, asked } = await reportsOf(15, from, () => Promise.reject(failing(code)));
    expect(reports).toEqual([]);
    expect(asked.slice(0, 6)).toEqual([...Array(2)].flatMap(() => [from[0], from[2], undefined]));
  });

  it('does not count when it fails without one, where a firewall may be', async () => {
    const { reports } = await reportsOf(15, ['127.0.0.2'], ({ from }) =>
      Promise.reject(failing(from === undefined ? 'ECONNREFUSED' : 'EADDRINUSE')),
    );
    expect(reports).toEqual([]);
  });

  it('counts after a while where the pool has none', async () => {
    const { reports } = await reportsOf(15, [], () => Promise.reject(failing('EADDRINUSE')));
    expect(reports).toEqual(Array(5).fill(`false ${NO_SOURCE}`));
  });
});

describe('a source address', () => {
  it.each([
    ['10.0.0.256', /"10\.0\.0\.256" is not a source address; write one address as/],
    ['10.0.0.1:80', /is not a source address/],
    ['eth0', /is not a source address/],
    ['fe80::1%eth0', /is not a source address/],
    ['0.0.0.0', /is no address of one machine/],
    ['::ffff:10.0.0.1', /is an IPv4 address; write it as 10\.0\.0\.1/],
    [['10.0.0.1', '10.0.0.1'], /the source address 10\.0\.0\.1 is there twice/],
    [['2001:db8::1', '2001:DB8:0::1'], /the source address 2001:db8::1 is there twice/],
    [[], /there are 0 source addresses; give 1 to 64/],
    [Array.from({ length: 65 }, (_, host) => `10.0.0.${host}`), /there are 65 source addresses/],
    [7, /7 is not a source address/],
  ])('%j is refused', async (from, message) => {
    await expect(
      createProxy({ listen: ANY_PORT, backends: ['127.0.0.1:1'], from: from as string }),
    ).rejects.toThrow(message);
  });
});

/**
 * In a network of four ports for each pair of addresses: clients of one backend that holds them, one more than one source
 * address has ports; then as many as there are ports in all, and one more.
 */
const program = (engine: string) => `
  import { mkdtempSync, rmSync } from 'node:fs';
  import { tmpdir } from 'node:os';
  // Clients have no ports, so that all are the proxy's.
  const folder = mkdtempSync(tmpdir() + '/spliceway-');
  ${holdingServer(
    `engine: '${engine}', listen: 'unix:' + folder + '/in', backends: ['127.0.0.1:7000'],
    from: ['127.0.0.101', '127.0.0.102']`,
  )}
  const warned = once(proxy, 'warning');
  const come = (count) => {
    for (let client = 0; client < count; client++) {
      clients.push(connect(folder + '/in').on('error', () => {}));
    }
  };
  come(5);
  await holds(5);
  const { noPort: before } = proxy.stats().backends[0];
  come(3);
  await holds(8);
  come(1);
  const [warning] = await warned;
  const [{ failed, noPort }] = proxy.stats().backends;
  const from = held.map((socket) => socket.remoteAddress).sort();
  await end({ before, noPort, warning, failed, from });
  rmSync(folder, { recursive: true });
`;

describe.each(engines)('ports of source addresses with %s', (engine) => {
  itWhere(ownNetwork, 'are used up before a backend counts as without one', async () => {
    const told = await runInOwnNetwork(fourPorts, program(engine));
    expect(told).toMatchObject({ before: 0, failed: 0, errors: [] });
    expect(told.noPort).toBeGreaterThan(0);
    expect(told.from).toEqual([...Array(4).fill('127.0.0.101'), ...Array(4).fill('127.0.0.102')]);
    expect(told.warning).toMatch(
      /^no local port was left for \d+ connections? to backend 127.0.0.1:7000 at 127.0.0.1:7000;/,
    );
    expect(told.warning).toContain('(from)');
  });
});
