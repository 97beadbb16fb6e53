/** The parts of the benchmark that can be wrong without anyone noticing. */
import { describe, expect, it } from 'vitest';
import { peers, workloads } from '../scripts/bench/catalogue.js';
import { figuresIn } from '../scripts/bench/core.js';
import { parseCoreList } from '../scripts/bench/measure/pinning.js';
import { criteria, judge } from '../scripts/bench/report/criteria.js';
import { renderPage } from '../scripts/bench/report/page.js';
import { renderPlot } from '../scripts/bench/report/plots.js';
import { ratioLines } from '../scripts/bench/report/ratios.js';
import type { Result, WorkloadResult } from '../scripts/bench/report/result.js';
import { bestRival, ratio, summarise } from '../scripts/bench/report/summary.js';
import { renderTable } from '../scripts/bench/report/table.js';
import { runWorkload } from '../scripts/bench/run-workload.js';
import {
  milliseconds,
  parseIperf3,
  parseRedis,
  parseWrk,
} from '../scripts/bench/workloads/output.js';
import { flowFigures, units } from '../scripts/bench/workloads/units.js';

describe('the cores to pin to', () => {
  it.each([
    ['0', [0]],
    ['0-3', [0, 1, 2, 3]],
    ['4-5,8,10-11', [4, 5, 8, 10, 11]],
  ])('are those that the kernel allows: %s', (list, cores) => {
    expect(parseCoreList(list)).toEqual(cores);
  });
});

describe('what the measurements of the core print', () => {
  it('is read among all else, the last of the same words', () => {
    const line = (value: number) => `{"what":"a pick","value":${value},"unit":"ns"}`;
    const output = ['- picks', line(9), line(8), '1 passed, 0 failed'].join('\n');
    expect(figuresIn(output)).toEqual([{ what: 'a pick', value: 8, unit: 'ns' }]);
  });
});

describe('what load generators print', () => {
  it('is read from iperf3: what the receiving end counted', () => {
    const end = { sum_sent: { bytes: 5, seconds: 1 }, sum_received: { bytes: 4, seconds: 2 } };
    expect(parseIperf3(JSON.stringify({ end }))).toEqual({ amount: 4, seconds: 2 });
  });

  it('is read from iperf3 when its server is busy, or there is something wrong', () => {
    const busy = 'error - the server is busy running a test. try again later';
    expect(parseIperf3(JSON.stringify({ end: {}, error: busy }))).toBe('busy');
    expect(() => parseIperf3(JSON.stringify({ end: {}, error: 'refused' }))).toThrow('refused');
  });

  const wrk = (more: string) => `  Latency Distribution
     50%  612.00us
     99%    1.25ms
  20418 requests in 2.10s, 4.50MB read${more}
Requests/sec:   9722.64
`;

  it('is read from wrk', () => {
    expect(parseWrk(wrk(''))).toEqual({ amount: 20_418, seconds: 2.1, p99Ms: 1.25 });
  });

  it('is refused from wrk when more than a few requests failed', () => {
    const errors = (count: number) =>
      `\n  Socket errors: connect 0, read ${count}, write 0, timeout 0`;
    expect(parseWrk(wrk(errors(3))).amount).toBe(20_418);
    expect(() => parseWrk(wrk(errors(300)))).toThrow('wrk failed');
    expect(() => parseWrk(wrk('\n  Non-2xx or 3xx responses: 1'))).toThrow('wrk failed');
  });

  it.each([
    ['812.00us', 0.812],
    ['1.25ms', 1.25],
    ['2.00s', 2000],
    ['1.50m', 90_000],
  ])('has times with units: %s', (text, expected) => {
    expect(milliseconds(text)).toBeCloseTo(expected);
  });

  it('is read from redis-benchmark', () => {
    const text = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"GET","50000.00","0.5","0.1","0.4","0.8","1.1","2.5"
`;
    expect(parseRedis(text, 100_000)).toEqual({ amount: 100_000, seconds: 2, p99Ms: 1.1 });
    expect(() => parseRedis('Could not connect', 1)).toThrow('no rate');
  });
});

describe('figures', () => {
  it('of bytes are Gbit/s and processor seconds for a GB', () => {
    const figures = flowFigures('bytes', { amount: 5e9, seconds: 2 }, 1);
    expect(figures).toMatchObject({ rate: 20, cost: 0.2 });
  });

  it('of requests are requests/s and processor microseconds for each', () => {
    const figures = flowFigures('requests', { amount: 1000, seconds: 2, p99Ms: 3 }, 0.01);
    expect(figures).toMatchObject({ rate: 500, cost: 10, p99: 3 });
  });

  it('have no cost where there is no proxy', () => {
    expect(flowFigures('bytes', { amount: 1, seconds: 1 }, undefined)).not.toHaveProperty('cost');
  });
});

/** Rate and cost of each repetition, by peer. */
function bulk(workload: string, values: Record<string, [rate: number, cost?: number][]>) {
  const samples = Object.entries(values).flatMap(([peer, runs]) =>
    runs.map(([rate, cost], repetition) => {
      return { peer, repetition, figures: { rate, ...(cost === undefined ? {} : { cost }) } };
    }),
  );
  return { workload, title: `title of ${workload}`, unit: 'bytes', samples } as WorkloadResult;
}

function resultOf(...results: WorkloadResult[]): Result {
  return {
    full: false,
    machine: {
      date: '2030-01-02T03:04:05.000Z',
      processor: 'a processor',
      cores: 2,
      memoryBytes: 2 ** 30,
      kernel: 'Linux 6.0',
      architecture: 'x64',
      node: '20.19.0',
      spliceway: '1.2.3',
      tools: { haproxy: 'HAProxy version 2.6', wrk: undefined },
      openFiles: { soft: 1000, hard: 1000 },
      pipeMaxSize: '1048576',
      pipeUserPagesSoft: '16384',
      congestionControl: 'cubic',
      pinning: 'none',
      commit: undefined,
      changed: undefined,
    },
    repetitions: 3,
    seconds: 2,
    notes: ['left out: something'],
    peers: peers.map(({ name, title, kind }) => ({ name, title, kind })),
    results,
  };
}

const example = bulk('bulk-1', {
  // The machine runs at half its speed in the second repetition.
  none: [[20], [10], [20]],
  native: [
    [18, 0.2],
    [9, 0.4],
    [18, 0.2],
  ],
  'haproxy-best': [
    [12, 0.25],
    [6, 0.5],
    [15, 0.25],
  ],
  pipe: [
    [10, 1],
    [5, 2],
    [10, 1],
  ],
});

describe('a summary', () => {
  it('has medians with the lowest and highest, in the order of the catalogue', () => {
    const summaries = summarise(example, resultOf(example).peers);
    expect(summaries.map(({ peer }) => peer.name)).toEqual([
      'none',
      'native',
      'haproxy-best',
      'pipe',
    ]);
    expect(summaries[1]?.figures.rate).toEqual({ median: 18, lowest: 9, highest: 18 });
    expect(summaries[0]?.figures).not.toHaveProperty('cost');
  });

  it('takes ratios within a repetition, and the median of those', () => {
    expect(ratio(example.samples, 'native', 'haproxy-best', 'rate')).toBeCloseTo(1.5);
    expect(ratio(example.samples, 'native', 'none', 'cost')).toBeUndefined();
    expect(ratio(example.samples, 'native', 'absent', 'rate')).toBeUndefined();
  });

  it('knows the best of the others for each figure, and never takes Spliceway or no proxy for one', () => {
    const [rate, cost] = units.bytes;
    const mixed = bulk('bulk-1', {
      none: [[99]],
      native: [[50, 0.1]],
      go: [[30, 0.9]],
      nginx: [[20, 0.5]],
    });
    const summaries = summarise(mixed, resultOf(mixed).peers);
    expect(rate && bestRival(summaries, rate)).toBe('go');
    expect(cost && bestRival(summaries, cost)).toBe('nginx');
    const best = ratioLines(mixed, resultOf(mixed).peers).find(({ to }) => to === 'best');
    expect(best?.values).toEqual([50 / 30, 0.1 / 0.5]);
  });
});

describe('the criteria', () => {
  const verdictOf = (result: Result, claim: string) =>
    judge(result).find((verdict) => verdict.claim.includes(claim));

  it('name workloads, figures and peers that there are', () => {
    for (const { workload, figure, of, to } of criteria) {
      const unit = workloads.flat().find(({ name }) => name === workload)?.unit;
      expect(unit && units[unit].map(({ key }) => key)).toContain(figure);
      const names = ['best', ...peers.map(({ name }) => name)];
      expect(names).toContain(of);
      if (to !== undefined) expect(names).toContain(to);
    }
  });

  it('hold, fail, or were not measured', () => {
    const result = resultOf(example);
    expect(verdictOf(result, 'bulk-1: Spliceway, CPU s/GB at most 0.8 x HAProxy')).toMatchObject({
      measured: '0.80',
      holds: 'yes',
    });
    expect(verdictOf(result, 'bulk-1: Spliceway, CPU s/GB at most 0.33 x Node')?.holds).toBe('yes');
    expect(verdictOf(result, 'at least 0.85 x no proxy')?.holds).toBe('yes');
    expect(verdictOf(result, 'bulk-1: Spliceway, CPU s/GB at most 0.45 x Go')?.holds).toBe(
      'not measured',
    );
    const slow = bulk('bulk-8', { native: [[9, 0.2]], go: [[10, 0.3]] });
    expect(verdictOf(resultOf(slow), 'bulk-8: Spliceway, Gbit/s')).toMatchObject({
      measured: '0.90 (Go io.Copy)',
      holds: 'no',
    });
  });

  it('take the worst repetition for what must never happen', () => {
    const samples = [0, 0, 1].map((late, repetition) => ({
      peer: 'library',
      repetition,
      figures: { kept: 1, refused: 0, late, slowest: 5, slowestUnblocked: 5 },
    }));
    const stall = { workload: 'blocked-loop', title: '', unit: 'stall', samples } as const;
    const result = resultOf(stall);
    expect(verdictOf(result, 'sessions late')).toMatchObject({ measured: '1', holds: 'no' });
    expect(verdictOf(result, 'sessions refused')).toMatchObject({ measured: '0', holds: 'yes' });
  });
});

describe('what is written', () => {
  it('is a table with a row a peer, and ratios below', () => {
    const table = renderTable(resultOf(example), example);
    expect(table).toContain('18.00 (9.00 to 18.00)');
    expect(table).toMatch(/Spliceway \/ no proxy\s+│\s+0\.90x/);
    expect(table).toMatch(/Spliceway \/ best proxy\s+│\s+1\.50x\s+│\s+0\.80x/);
  });

  it('is a page with the machine, the versions, every workload and what it does not show', () => {
    const page = renderPage(resultOf(example), 'pictures');
    expect(page).toContain('| haproxy | HAProxy version 2.6 |');
    expect(page).not.toContain('| wrk |');
    expect(page).toContain('- left out: something');
    expect(page).toContain('(pictures/bulk-1.svg)');
    expect(page).toContain('| Spliceway | 18.00 (9.00 to 18.00) | 0.200 (0.200 to 0.400) |');
    expect(page).toContain('## What this does not show');
    expect(page).toContain('A part of the benchmark only');
    expect(page).not.toMatch(/undefined|NaN/);
  });

  it('is a plot with a bar a peer', async () => {
    const svg = await renderPlot(resultOf(example), example);
    expect(svg).toMatch(/^<svg/);
    for (const text of ['Spliceway', 'HAProxy, tuned', 'no proxy', 'Gbit/s', '18.00']) {
      expect(svg).toContain(text);
    }
  });
});

describe('a run of one workload', () => {
  it('starts a peer whose speed depends on its start for each repetition, and others once', async () => {
    const told: string[] = [];
    const address = { host: '127.0.0.1', port: 1 };
    const peer = (name: string, more: object) => ({
      ...{ name, title: name, kind: 'rival' as const, needs: {}, ...more },
      start: async () => {
        told.push(`start ${name}`);
        return { ...address, stop: async () => void told.push(`stop ${name}`) };
      },
    });
    const samples = await runWorkload(
      {
        ...{ name: 'load', title: 'load', unit: 'bytes', needs: {}, peers: [] },
        startServer: async () => ({ address, listenHost: '127.0.0.1', stop: async () => {} }),
        warmUp: async () => void told.push('warm up'),
        measure: async () => ({ rate: 1 }),
      },
      {
        peers: [peer('steady', {}), peer('lucky', { hasLuck: true })],
        ...{ repetitions: 2, seconds: 1, onSample: () => {} },
        onFailure: (_, error) => expect.fail(String(error)),
      },
    );
    expect(samples).toHaveLength(4);
    const one = ['start lucky', 'warm up', 'stop lucky'];
    expect(told).toEqual(['start steady', 'warm up', ...one, ...one, 'stop steady']);
  });
});

describe('the catalogue', () => {
  it('gives every peer and workload a name of its own', () => {
    const names = [...peers, ...workloads.flat()].map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has workloads for peers that there are', () => {
    const names = peers.map(({ name }) => name);
    for (const workload of workloads.flat()) {
      for (const peer of workload.peers) expect(names).toContain(peer);
    }
  });
});
