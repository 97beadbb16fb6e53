/** Histograms in the status: a few numbers each. */
import { describe, expect, it } from 'vitest';
import { summaryOf } from '../src/control/summary.js';
import { startControl } from './helpers/control.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { openClient } from './helpers/services.js';

describe('a summary', () => {
  it('of no values has no percentiles', () => {
    expect(summaryOf({ count: 0, sum: 0, buckets: [] })).toEqual({ count: 0, sum: 0 });
  });

  it('has the values that so many are not above', () => {
    const buckets = [
      { upTo: 0.001, count: 500 },
      { upTo: 0.002, count: 400 },
      { upTo: 0.01, count: 98 },
      { upTo: 0.5, count: 1 },
      { upTo: 2, count: 1 },
    ];
    const summary = summaryOf({ count: 1000, sum: 4.5, buckets });
    expect(summary).toEqual({
      ...{ count: 1000, sum: 4.5 },
      ...{ p50: 0.001, p90: 0.002, p99: 0.01, p999: 0.5 },
    });
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });

  it('says nothing of values above the last edge', () => {
    const summary = summaryOf({ count: 100, sum: 1e6, buckets: [{ upTo: 1000, count: 95 }] });
    expect(summary).toEqual({ count: 100, sum: 1e6, p50: 1000, p90: 1000 });
  });
});

describe.each(ways)('the summaries of a status with %s', (way) => {
  it('count what the histograms do, and are no longer for it', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const { client } = await startControl(proxy);
    for (let count = 0; count < 3; count++) (await openClient(portOf(proxy))).end();
    await until('all are counted', () => proxy.stats().pools[0]?.histograms.bytes.count === 3);
    const status = await client.status();
    const { summaries } = status.pools[0] ?? {};
    const ofTime = { count: 3, sum: expect.any(Number), p50: expect.any(Number) };
    expect(summaries).toMatchObject({
      ...{ connect: ofTime, firstByte: ofTime, duration: ofTime },
      ...{ queue: { count: 0, sum: 0 }, bytes: { count: 3, p50: 100, p999: 100 } },
    });
    expect(status.loops.map(({ turns }) => Object.keys(turns).slice(0, 2))).toEqual(
      proxy.stats().loops.map(() => ['count', 'sum']),
    );
    expect(JSON.stringify(status)).not.toContain('upTo');
  });
});
