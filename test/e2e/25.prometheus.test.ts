/** A real Prometheus reads the metrics, and finds nothing to complain of. */
import { execFile } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import { createStatus } from '../../src/index.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { startPool } from './helpers/pool.js';
import { describeWith, program } from './helpers/programs.js';
import { Prometheus, prometheusNeeds } from './helpers/prometheus.js';
import { engines } from './helpers/proxy.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';

const needs = { ...prometheusNeeds, ...redisNeeds };

/** What promtool says of metrics; nothing where all is well. */
function complaintsOf(metrics: string): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(program('promtool'), ['check', 'metrics'], (_, stdout, stderr) =>
      resolve(stdout + stderr),
    );
    child.stdin?.end(metrics);
  });
}

describeWith(needs, 'Prometheus', () => {
  const keep = stopAfterwards();

  test.each(engines)('has the figures of sessions and states, with %s', async (engine) => {
    const backend = keep(await startRedis());
    const { proxy, port } = await startPool(engine, {
      backends: [`${backend.address},name=a`],
      health: { type: 'redis', interval: '300ms', fastInterval: '100ms', timeout: '30s' },
    });
    const status = await createStatus(proxy, { address: '127.0.0.1:0' });
    onTestFinished(() => status.close());
    const target = `127.0.0.1:${status.address.port}`;
    const prometheus = keep(await Prometheus.start(target));
    const is = (expression: string, value: number) => prometheus.is(expression, value);
    for (let count = 0; count < 5; count++) await redis(port, 'PING');
    await is('up', 1);
    await is('spliceway_listener_sessions_opened_total', 5);
    await is('sum(spliceway_backend_sessions_opened_total)', 5);
    await is('spliceway_backend_state{state="up"}', 1);
    await is('spliceway_pool_up', 1);
    await is('spliceway_received_bytes_total > bool 0', 1);
    await is('scrape_samples_scraped > bool 30', 1);
    await backend.kill();
    await is('spliceway_pool_up', 0);
    await is('spliceway_pool_backends{state="down"}', 1);
    const metrics = await (await fetch(`${status.url}metrics`)).text();
    expect(await complaintsOf(metrics)).toBe('');
    // It does complain, where there is a reason to.
    expect(await complaintsOf('spliceway_total 1\n')).not.toBe('');
  });
});
