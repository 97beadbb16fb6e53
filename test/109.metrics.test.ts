/** Metrics: what each says, of which moment, and in which words. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { withMetrics } from '../scripts/metrics-docs/page.js';
import { contentTypes, exposition } from '../src/control/status/metrics/exposition.js';
import { histogramLimits } from '../src/control/status/metrics/limits.js';
import type { Snapshot } from '../src/control/status/metrics/snapshot.js';
import { takeSnapshot } from '../src/control/status/metrics/snapshot.js';
import { collectorNames, metricTable } from '../src/control/status/metrics/table.js';
import { edgesFrom, Measured } from '../src/engine/histogram.js';
import { TURNS_FROM } from '../src/engine/loops.js';
import { until } from './helpers/deadline.js';
import { engines, ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';
import { get, scrape, seriesIn, startStatus } from './helpers/status.js';

const SOMEWHERE = '127.0.0.1:9';
const all = new Set(collectorNames);

const metrics = metricTable.flatMap((collector) =>
  collector.metrics.map((metric) => ({ collector, metric })),
);

describe('the table of metrics', () => {
  it('has each name once, in the words of the field', () => {
    const names = metrics.map(({ metric }) => metric.name);
    expect(new Set(names).size).toBe(names.length);
    for (const { collector, metric } of metrics) {
      const { name, type, help } = metric;
      expect(name).toMatch(/^(spliceway|process)(_[a-z]+)+$/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      expect(name).not.toMatch(/_(ms|milliseconds|kilobytes|percent)(_|$)/);
      expect(help, name).toMatch(/^[A-Z].*\.$/);
      const labels = [...collector.labels, ...(metric.labels ?? [])];
      const known = [
        'listener',
        'address',
        'pool',
        'backend',
        'state',
        'reason',
        'result',
        'side',
        'phase',
        'le',
        'loop',
        'version',
        'engine',
      ];
      expect(known, name).toEqual(expect.arrayContaining(labels));
    }
  });

  it('has no two metrics that have a sample in common, in any format', () => {
    // As OpenMetrics has them: a counter is a family without its ending, and what is made of it.
    const suffixes = { counter: ['', '_total', '_created'], gauge: [''] };
    const histogram = ['', '_bucket', '_sum', '_count', '_created'];
    const samples = metrics.flatMap(({ metric: { name, type } }) => {
      const family = name.replace(/_total$/, '');
      return { ...suffixes, histogram }[type].map((suffix) => `${family}${suffix}`);
    });
    const twice = samples.filter((sample, index) => samples.indexOf(sample) !== index);
    expect(twice).toEqual([]);
  });

  it('is that of docs/metrics.md: npm run docs:metrics writes it', () => {
    const page = readFileSync(new URL('../docs/metrics.md', import.meta.url), 'utf8');
    expect(withMetrics(page, metricTable)).toBe(page);
    expect(withMetrics(page, metricTable.slice(1))).not.toBe(page);
  });
});

describe('the limits of histograms', () => {
  it('are edges of theirs, for which they are exact', () => {
    for (const [name, limits] of Object.entries(histogramLimits)) {
      const isBytes = name === 'bytes';
      const first = { ...Measured, turns: TURNS_FROM }[name as keyof typeof histogramLimits];
      const edges = edgesFrom(first).map((edge) => edge / (isBytes ? 1 : 1e6));
      expect(edges, name).toEqual(expect.arrayContaining([...limits]));
      expect([...limits].sort((one, other) => one - other)).toEqual(limits);
    }
  });
});

describe.each(ways)('the metrics with %s', (way) => {
  it('say how sessions have ended, and how long and large they were', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const status = await startStatus(proxy);
    for (let count = 0; count < 3; count++) {
      const client = await openClient(portOf(proxy));
      client.end();
    }
    const endOf = 'reason="finished",side="client",phase="half-closed"';
    const key = (labels: string) => `spliceway_sessions_ended_total{${labels}}`;
    const isCounted = ({ sessions, pools: [pool] }: ReturnType<typeof proxy.stats>) =>
      sessions.open === 0 && pool?.histograms.bytes.count === 3 && pool.histograms.bytes.sum === 30;
    await until('all have ended', () => isCounted(proxy.stats()));
    const series = await scrape(status);
    expect(series.get(key(endOf))).toBe(3);
    const listener = `listener="default",address="127.0.0.1:${portOf(proxy)}"`;
    expect(series.get(`spliceway_listener_sessions_ended_total{${listener},${endOf}}`)).toBe(3);
    const ofPool = (name: string) => series.get(`spliceway_pool_${name}{pool="default"}`);
    expect(ofPool('session_bytes_count')).toBe(3);
    expect(ofPool('session_bytes_sum')).toBe(30);
    expect(ofPool('connect_duration_seconds_count')).toBe(3);
    expect(ofPool('session_duration_seconds_count')).toBe(3);
    const upTo = (le: string) =>
      series.get(`spliceway_pool_session_bytes_bucket{pool="default",le="${le}"}`);
    expect([upTo('100'), upTo('+Inf')]).toEqual([3, 3]);
    const buckets = [...series].filter(([name]) =>
      name.startsWith('spliceway_pool_session_bytes_b'),
    );
    expect(buckets.map(([, value]) => value)).toEqual(buckets.map(() => 3));
    const loops = [...series.keys()].filter((name) => name.startsWith('spliceway_loop_wakeups'));
    expect(loops).toHaveLength(way === 'stream' ? 0 : 2);
  });

  it('say of sessions and bytes what the stats say', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, {
      listeners: { sql: { address: [ANY_PORT, ANY_PORT], pool: 'db' } },
      pools: { db: { backends: [`${echo.address},name=a,weight=3`] } },
    });
    const status = await startStatus(proxy);
    const [first, second] = proxy.addresses();
    const clients = [
      await openClient(first?.port ?? 0),
      await openClient(first?.port ?? 0),
      await openClient(second?.port ?? 0),
    ];
    expect(await echoed(clients[0] as (typeof clients)[0], 'x'.repeat(1000))).toHaveLength(1000);
    clients[1]?.destroy();
    await until('two are open', () => proxy.stats().sessions.open === 2);
    const stats = proxy.stats();
    const series = await scrape(status);
    const sumOf = (name: string) =>
      [...series].reduce(
        (sum, [key, value]) => (key.startsWith(`${name}{`) ? sum + value : sum),
        0,
      );
    expect(series.get('spliceway_sessions')).toBe(2);
    expect(series.get('spliceway_sessions_opened_total')).toBe(3);
    expect(series.get('spliceway_received_bytes_total')).toBe(stats.bytes.upstream);
    expect(series.get('spliceway_sent_bytes_total')).toBe(stats.bytes.downstream);
    expect(stats.bytes.upstream).toBeGreaterThanOrEqual(1015);
    for (const name of [
      'sessions',
      'sessions_opened_total',
      'received_bytes_total',
      'sent_bytes_total',
    ]) {
      const expected = series.get(`spliceway_${name}`);
      expect(sumOf(`spliceway_listener_${name}`), name).toBe(expected);
      // What a backend has received is what clients are sent.
      const other = name.replace(/^(received|sent)/, (word) =>
        word === 'sent' ? 'received' : 'sent',
      );
      expect(sumOf(`spliceway_backend_${other}`), name).toBe(expected);
    }
    const labels = '{pool="db",backend="a"}';
    expect(series.get(`spliceway_backend_weight${labels}`)).toBe(3);
    const address = `127.0.0.1:${second?.port}`;
    const ofSecond = `{listener="sql",address="${address}"}`;
    expect(series.get(`spliceway_listener_sessions_opened_total${ofSecond}`)).toBe(1);
    expect(series.get(`spliceway_listener_up${ofSecond}`)).toBe(1);
  });

  it('say of states what operators and checks say, one of each backend', async () => {
    const proxy = await startProxy(way, {
      listeners: { web: { address: ANY_PORT, pool: 'site' } },
      pools: { site: { backends: [`${SOMEWHERE},name=a,max-sessions=5`, '127.0.0.1:10,name=b'] } },
    });
    const status = await startStatus(proxy);
    const stateOf = (series: ReadonlyMap<string, number>, backend: string) =>
      [...series.keys()].filter(
        (key) =>
          key.startsWith(`spliceway_backend_state{pool="site",backend="${backend}",`) &&
          series.get(key) === 1,
      );
    const counted = (series: ReadonlyMap<string, number>, state: string) =>
      series.get(`spliceway_pool_backends{pool="site",state="${state}"}`);
    const before = await scrape(status);
    expect(stateOf(before, 'a')).toEqual([
      'spliceway_backend_state{pool="site",backend="a",state="up"}',
    ]);
    expect([counted(before, 'up'), counted(before, 'down')]).toEqual([2, 0]);
    expect(before.get('spliceway_pool_up{pool="site"}')).toBe(1);
    expect(before.get('spliceway_backend_sessions_limit{pool="site",backend="a"}')).toBe(5);
    expect(before.has('spliceway_backend_sessions_limit{pool="site",backend="b"}')).toBe(false);
    proxy.pool('site').backend('a').setHealth('down');
    void proxy.pool('site').backend('b').maintenance();
    const after = await scrape(status);
    expect(stateOf(after, 'a')).toEqual([
      'spliceway_backend_state{pool="site",backend="a",state="down"}',
    ]);
    expect(stateOf(after, 'b')).toEqual([
      'spliceway_backend_state{pool="site",backend="b",state="maintenance"}',
    ]);
    expect(['up', 'down', 'maintenance'].map((state) => counted(after, state))).toEqual([0, 1, 1]);
    expect(after.get('spliceway_pool_up{pool="site"}')).toBe(0);
    expect(after.get('spliceway_config_generation')).toBe(proxy.generation);
  });

  it('say that a listener is paused', async () => {
    const proxy = await startProxy(way, { backends: [SOMEWHERE] });
    const status = await startStatus(proxy);
    // It takes a second descriptor, which the stream engine does not make.
    if (way !== 'stream') proxy.listener().pause();
    const labels = `{listener="default",address="127.0.0.1:${portOf(proxy)}"}`;
    const isUp = async () => (await scrape(status)).get(`spliceway_listener_up${labels}`);
    expect(await isUp()).toBe(way === 'stream' ? 1 : 0);
    if (way !== 'stream') proxy.listener().resume();
    expect(await isUp()).toBe(1);
  });

  it('say that no listener takes clients once the proxy stops', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(way, { backends: [echo.address] });
    const status = await startStatus(proxy);
    const client = await openClient(portOf(proxy));
    const labels = `{listener="default",address="127.0.0.1:${portOf(proxy)}"}`;
    const isUp = async () => (await scrape(status)).get(`spliceway_listener_up${labels}`);
    expect(await isUp()).toBe(1);
    const closed = proxy.close({ drain: '1h' });
    expect(await isUp()).toBe(0);
    client.end();
    await closed;
    expect(await isUp()).toBe(0);
  });

  it('have one row of a backend that is removed while another has its name', async () => {
    const echo = await startEcho();
    const other = await startEcho();
    const pools = (address: string) => ({ db: { backends: [`${address},name=a`, SOMEWHERE] } });
    const listeners = { sql: { address: ANY_PORT, pool: 'db' } };
    const proxy = await startProxy(way, { listeners, pools: pools(echo.address) });
    const status = await startStatus(proxy);
    proxy.pool('db').backend(SOMEWHERE).setHealth('down');
    const client = await openClient(portOf(proxy));
    const key = 'spliceway_backend_sessions_opened_total{pool="db",backend="a"}';
    expect((await scrape(status)).get(key)).toBe(1);
    await proxy.update(
      (present) => ({ ...present, pools: pools(other.address) }) as typeof present,
    );
    expect(proxy.stats().backends.filter(({ name }) => name === 'a')).toHaveLength(2);
    const both = await scrape(status);
    expect(both.get(key)).toBe(0);
    expect(both.get('spliceway_sessions')).toBe(1);
    // It never shows again, also when the other one is gone: its figures would count as new.
    await proxy.pool('db').remove('a');
    await until('the other one is gone', () => proxy.stats().backends.length === 2);
    expect((await scrape(status)).has(key)).toBe(false);
    client.end();
    await until('it is gone', () => proxy.stats().backends.length === 1);
    expect((await scrape(status)).has(key)).toBe(false);
  });

  it('have those of a backend that is removed, until its last session has left', async () => {
    const echo = await startEcho();
    const backends = [`${echo.address},name=a`, SOMEWHERE];
    const proxy = await startProxy(way, { backends });
    const status = await startStatus(proxy);
    proxy.pool().backend(SOMEWHERE).setHealth('down');
    const client = await openClient(portOf(proxy));
    await proxy.pool().remove('a');
    const left = await scrape(status);
    const key = 'spliceway_backend_sessions_opened_total{pool="default",backend="a"}';
    expect(left.get('spliceway_backend_state{pool="default",backend="a",state="removed"}')).toBe(1);
    expect(left.get(key)).toBe(1);
    expect(proxy.stats().backends.at(-1)).not.toHaveProperty('isReplaced');
    // One of the same name at the same place is another one all the same.
    await proxy.pool().add(`${echo.address},name=a`);
    expect(proxy.stats().backends.at(-1)).toMatchObject({ name: 'a', isReplaced: true, opened: 1 });
    expect((await scrape(status)).get(key)).toBe(0);
    client.end();
  });
});

describe.each(engines)('a scrape with %s', (engine) => {
  it('is text, or OpenMetrics for whoever prefers that', async () => {
    const proxy = await startProxy(engine, { backends: [SOMEWHERE] });
    const status = await startStatus(proxy);
    const asked = (Accept: string) => get(status, '/metrics', { headers: { Accept } });
    const prometheus =
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
    const open = await asked(prometheus);
    expect(open.headers['content-type']).toBe(contentTypes.openmetrics);
    expect(open.text).toMatch(/\n# EOF\n$/);
    expect(open.text).toContain('# TYPE spliceway_sessions_unserved counter\n');
    expect(open.text).toContain('\nspliceway_sessions_unserved_total 0\n');
    for (const accept of ['*/*', 'text/plain', 'text/html', 'application/json', ';;q=x,']) {
      const plain = await asked(accept);
      expect(plain.headers['content-type'], accept).toBe(contentTypes.text);
      expect(plain.text).not.toContain('EOF');
      expect(plain.text).toContain('# TYPE spliceway_sessions_unserved_total counter\n');
    }
    expect(seriesIn(open.text).size).toBe(seriesIn((await asked('*/*')).text).size);
  });

  it('has each metric with its words and type, and each collector by itself', async () => {
    const echo = await startEcho();
    const proxy = await startProxy(engine, { backends: [echo.address], health: 'tcp' });
    // Of which there are round trips.
    await openClient(portOf(proxy));
    const lastReload = () => ({ succeeded: false, succeededAt: 1500 });
    const status = await startStatus(proxy, { lastReload });
    await until('a check has come', () =>
      proxy.stats().backends.every(({ health }) => health.lastCheck !== undefined),
    );
    const { text } = await get(status, '/metrics');
    for (const { collector, metric } of metrics) {
      // The stream engine has no loops, and Node tells nothing of connections.
      if (engine === 'stream' && ['loops', 'transport'].includes(collector.name)) continue;
      if (/_ended_total$/.test(metric.name) && !/queue/.test(metric.name)) continue;
      if (metric.name.endsWith('_limit') || metric.name === 'process_max_fds') continue;
      expect(text).toContain(`# HELP ${metric.name} ${metric.help}\n`);
      expect(text).toContain(`# TYPE ${metric.name} ${metric.type}\n`);
    }
    expect(text).toContain('\nspliceway_config_last_reload_successful 0\n');
    expect(text).toContain('\nspliceway_config_last_reload_success_timestamp_seconds 1.5\n');
    const parts: string[] = [];
    for (const name of collectorNames) {
      const { text: part } = await get(status, `/metrics?collect[]=${name}`);
      parts.push(part);
    }
    const keys = (said: string) => [...seriesIn(said).keys()];
    expect(parts.flatMap(keys)).toEqual(keys(text));
    const two = await get(status, '/metrics?collect[]=pools&collect[]=listeners');
    expect(keys(two.text)).toEqual([parts[1], parts[2]].flatMap((part) => keys(part ?? '')));
  });

  it('escapes what names may have', async () => {
    const path = 'unix:/tmp/a "b" \\n\\ c';
    const proxy = await startProxy(engine, { backends: [{ address: path }] });
    const status = await startStatus(proxy);
    const series = await scrape(status, '?collect[]=backends');
    const name = String.raw`unix:/tmp/a \"b\" \\n\\ c`;
    expect(series.get(`spliceway_backend_weight{pool="default",backend="${name}"}`)).toBe(1);
  });
});

/** As of a proxy with so many backends. */
async function largeSnapshot(count: number): Promise<Snapshot> {
  const proxy = await startProxy('stream', { backends: [SOMEWHERE] });
  const { stats, ...snapshot } = await takeSnapshot({ proxy });
  const [one] = stats.backends;
  if (one === undefined) throw new Error('it has no backend');
  const backends = Array.from({ length: count }, (_, index) => ({ ...one, name: `b-${index}` }));
  return { ...snapshot, stats: { ...stats, backends } };
}

describe('a sample of live sessions', () => {
  const connection = { roundTrip: 0.002, longestRoundTrip: 0.1, retransmitted: 0.25 };
  const told = {
    ...{ pool: 'db', backend: 'db-1', sessions: 3 },
    ...{ toClients: connection, toBackend: { ...connection, roundTrip: 0.0001 } },
  };

  it('is told of both sides, for all who ask soon after each other', async () => {
    const proxy = await startProxy('stream', { backends: [SOMEWHERE] });
    const asked = vi.spyOn(proxy, 'transport').mockResolvedValue([
      told,
      { ...told, backend: 'db-2', toClients: undefined },
      // Of a pool that is gone: it has no name any more.
      { ...told, pool: undefined },
    ]);
    const status = await startStatus(proxy);
    const series = await scrape(status, '?collect[]=transport');
    expect(
      Object.fromEntries([...series].filter(([name]) => /round_trip|ratio/.test(name))),
    ).toEqual({
      'spliceway_transport_round_trip_seconds{pool="db",backend="db-1",side="client"}': 0.002,
      'spliceway_transport_round_trip_seconds{pool="db",backend="db-1",side="backend"}': 0.0001,
      'spliceway_transport_round_trip_seconds{pool="db",backend="db-2",side="backend"}': 0.0001,
      'spliceway_transport_longest_round_trip_seconds{pool="db",backend="db-1",side="client"}': 0.1,
      'spliceway_transport_longest_round_trip_seconds{pool="db",backend="db-1",side="backend"}': 0.1,
      'spliceway_transport_longest_round_trip_seconds{pool="db",backend="db-2",side="backend"}': 0.1,
      'spliceway_transport_retransmitted_ratio{pool="db",backend="db-1",side="client"}': 0.25,
      'spliceway_transport_retransmitted_ratio{pool="db",backend="db-1",side="backend"}': 0.25,
      'spliceway_transport_retransmitted_ratio{pool="db",backend="db-2",side="backend"}': 0.25,
    });
    await scrape(status);
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is taken only where somebody asks for it', async () => {
    const proxy = await startProxy('stream', { backends: [SOMEWHERE] });
    const asked = vi.spyOn(proxy, 'transport');
    const status = await startStatus(proxy);
    await scrape(status, '?collect[]=process&collect[]=backends');
    expect(asked).not.toHaveBeenCalled();
  });

  it('is left out where a loop tells nothing, which holds up no scrape', async () => {
    const proxy = await startProxy('stream', { backends: [SOMEWHERE] });
    const stalled = new Promise<never>(() => {});
    const asked = vi.spyOn(proxy, 'transport').mockReturnValueOnce(stalled);
    const status = await startStatus(proxy);
    for (let round = 0; round < 2; round++) {
      const series = await scrape(status);
      expect(series.get('spliceway_config_generation')).toBe(1);
      expect([...series.keys()].filter((name) => name.includes('transport'))).toEqual([]);
    }
    // It is asked once, however long that takes.
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it('is left out where asking for it fails', async () => {
    const proxy = await startProxy('stream', { backends: [SOMEWHERE] });
    vi.spyOn(proxy, 'transport').mockRejectedValue(new Error('stalled'));
    const status = await startStatus(proxy);
    expect((await scrape(status)).get('spliceway_config_generation')).toBe(1);
  });
});

describe('ten thousand backends', () => {
  it('are written in small pieces, each in a turn of its own', async () => {
    const snapshot = await largeSnapshot(10_000);
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    let text = '';
    let pieces = 0;
    for await (const piece of exposition(snapshot, all, 'text')) {
      pieces += 1;
      expect(piece.split('\n').length).toBeLessThan(1100);
      text += piece;
    }
    isOver = true;
    expect(pieces).toBeGreaterThan(100);
    expect(turns).toBeGreaterThanOrEqual(pieces - 1);
    const series = seriesIn(text);
    expect(series.get('spliceway_backend_weight{pool="default",backend="b-9999"}')).toBe(1);
    expect(series.get('spliceway_pool_backends{pool="default",state="up"}')).toBe(10_000);
    // Its head is there once, however many pieces it has.
    for (const { metric } of metrics) {
      const heads = text.split(`# TYPE ${metric.name} `).length - 1;
      expect(heads, metric.name).toBeLessThanOrEqual(1);
    }
  });
});
