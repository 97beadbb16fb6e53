/** Backends and listeners that come and go: what they had is another's then, and no figure is lost. */
import { describe, expect, it } from 'vitest';
import { BACKEND_ROWS, LISTENER_ROWS } from '../src/engine/tables.js';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import {
  portOfListener,
  type RunningProxy,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import {
  ANY_PORT,
  answersAt,
  echoed,
  figuresOf,
  keepAsking,
  namedBackends,
  openClient,
  wholeOf,
} from './helpers/services.js';

const listeners = { in: { address: ANY_PORT } };

/** Watches figures of the whole process, which count up. */
function watchTotals(proxy: RunningProxy) {
  const read = () => {
    const { sessions, bytes, unheard } = proxy.stats();
    return [
      sessions.opened,
      sessions.failed,
      sessions.rejected,
      bytes.upstream,
      bytes.downstream,
      unheard,
    ];
  };
  let before = read();
  return {
    /** Fails where one has gone back since. */
    check: () => {
      const now = read();
      for (const [index, figure] of now.entries()) {
        expect(figure).toBeGreaterThanOrEqual(before[index] ?? 0);
      }
      before = now;
    },
  };
}

describe.each(ways)('rows with %s', (way) => {
  const whole = (options: TestServices) => wholeOf(way, options);

  it('add up to the figures of the process, also of listeners that are gone', async () => {
    const echo = await startEcho();
    const pools = { default: { backends: [echo.address] } };
    const both = { ...listeners, web: { address: ANY_PORT } };
    const proxy = await startProxy(way, { listeners, pools });
    const totals = watchTotals(proxy);
    for (let round = 1; round <= 20; round++) {
      await proxy.update(whole({ listeners: both, pools }));
      totals.check();
      const client = await openClient(portOfListener(proxy, 'web'));
      totals.check();
      await proxy.update(whole({ listeners, pools }));
      totals.check();
      expect(proxy.stats().sessions).toMatchObject({ open: 1, opened: round });
      expect(await echoed(client, 'still')).toBe('still');
      client.end();
      await until('the end', () => proxy.stats().sessions.open === 0);
      totals.check();
    }
    await until('all counted', () => proxy.stats().bytes.downstream === 20 * 10);
    expect(proxy.stats()).toMatchObject({
      sessions: { open: 0, opened: 20, failed: 0 },
      bytes: { upstream: 200, downstream: 200 },
      listeners: [{ name: 'in', opened: 0 }],
    });
    await proxy.close();
    totals.check();
  });

  it('of a backend are kept for its sessions, and begin at nothing for the next', async () => {
    const [echo, other] = [await startEcho(), await startEcho()];
    const backends = [`${echo.address},name=a`, `${other.address},name=b`];
    const proxy = await startProxy(way, { listeners, pools: { default: { backends } } });
    const port = portOfListener(proxy, 'in');
    const pool = proxy.pool();
    pool.backend('b').setMaxSessions(1);
    await pool.backend('b').drain();
    const client = await openClient(port);
    await pool.remove('a');
    await pool.add({ address: echo.address, name: 'a' });
    expect(await echoed(client, 'bytes of the one before')).toHaveLength(23);
    expect(figuresOf(proxy, 'default', 'a')).toMatchObject({
      open: 0,
      opened: 0,
      bytesUpstream: 0,
    });
    await openClient(port);
    expect(figuresOf(proxy, 'default', 'a')).toMatchObject({
      open: 1,
      opened: 1,
      bytesUpstream: 5,
    });
    client.end();
    await until('the end', () => proxy.stats().sessions.open === 1);
    // Its row, free now, comes with none of what was said of it: neither figures nor limits.
    await pool.remove('b');
    await pool.add({ address: other.address, name: 'c' });
    await pool.backend('a').drain({ after: 1 });
    for (let clients = 0; clients < 3; clients++) await openClient(port);
    expect(figuresOf(proxy, 'default', 'c')).toMatchObject({ open: 3, opened: 3, rejected: 0 });
  });

  it('are enough for a backend that is added and removed 3000 times', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    const port = portOfListener(proxy, 'in');
    const before = openDescriptors();
    const pool = proxy.pool();
    for (let round = 0; round < 3000; round++) {
      await pool.add(b);
      await pool.remove('b');
    }
    expect(proxy.stats().generation).toBe(6001);
    expect(await answersAt(port, 2)).toBe('aa');
    await untilBackTo(before);
  });

  it('are enough for a listener that is added and removed 3000 times', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: [a] } };
    const proxy = await startProxy(way, { listeners, pools });
    const before = openDescriptors();
    const both = { ...listeners, web: { address: ANY_PORT } };
    for (let round = 0; round < 3000; round++) {
      await proxy.update(whole({ listeners: both, pools }));
      if (round % 100 === 0) expect(await answersAt(portOfListener(proxy, 'web'), 1)).toBe('a');
      await proxy.update(whole({ listeners, pools }));
    }
    expect(proxy.stats().sessions.opened).toBe(30);
    await untilBackTo(before);
  });

  it('are enough for more backends than there are rows, as long as they are not there at once', async () => {
    const [a = ''] = await namedBackends('a');
    const several = 4000;
    const more = Array.from(
      { length: several },
      (_, index) => `127.1.${index >> 8}.${index & 255}:1`,
    );
    const proxy = await startProxy(way, { listeners, pools: { default: { backends: [a] } } });
    for (let round = 0; round * several <= BACKEND_ROWS; round++) {
      await proxy.update(whole({ listeners, pools: { default: { backends: [a, ...more] } } }));
      await proxy.update(whole({ listeners, pools: { default: { backends: [a] } } }));
      // Of the sessions of a row only the loops know.
      expect(await answersAt(portOfListener(proxy, 'in'), 1)).toBe('a');
    }
  });

  it('are not enough for more listeners than there are rows, which changes nothing', async () => {
    const [a = ''] = await namedBackends('a');
    const pools = { default: { backends: [a] } };
    const proxy = await startProxy(way, { listeners, pools });
    const before = openDescriptors();
    const address = Array.from({ length: LISTENER_ROWS }, () => ANY_PORT);
    for (let round = 0; round < 2; round++) {
      await expect(
        proxy.update(whole({ listeners: { ...listeners, web: { address } }, pools })),
      ).rejects.toMatchObject({
        code: 'ERR_SPLICEWAY_RESOURCE_LIMIT',
        message: expect.stringContaining('there are more addresses to listen on than'),
      });
    }
    await untilBackTo(before);
    expect(proxy.stats().generation).toBe(1);
    expect(await answersAt(portOfListener(proxy, 'in'), 1)).toBe('a');
  });

  it('and all else are as before after 1000 updates under load', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const services = (round: number): TestServices => ({
      listeners: {
        in: { address: ANY_PORT, idleTimeout: 600_000 + (round % 2) },
        ...(round % 3 === 0 ? {} : { [`web-${round % 3}`]: { address: ANY_PORT, pool: 'web' } }),
      },
      pools: {
        default: { backends: [`${a},weight=${1 + (round % 5)}`, ...(round % 2 === 0 ? [b] : [c])] },
        web: { backends: [[a, b, c][round % 3] ?? a] },
      },
    });
    const proxy = await startProxy(way, services(0));
    proxy.on('warning', () => {});
    const port = portOfListener(proxy, 'in');
    const totals = watchTotals(proxy);
    await answersAt(port, 1);
    await until('the end', () => proxy.stats().sessions.open === 0);
    const before = openDescriptors();
    const asking = keepAsking(() => port);
    for (let round = 1; round <= 1002; round++) {
      const { answered } = asking;
      await proxy.update(whole(services(round)));
      if (round % 50 !== 0) continue;
      totals.check();
      await until('somebody served', () => asking.answered > answered);
    }
    const answers = await asking.stop();
    // Nobody was cut off.
    expect(answers.filter((answer) => !['a', 'b', 'c'].includes(answer))).toEqual([]);
    await until('the last end', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats()).toMatchObject({
      generation: 1003,
      sessions: { opened: answers.length + 1, failed: 0 },
    });
    await untilBackTo(before);
  });
});
