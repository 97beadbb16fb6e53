/** A policy that is a function of the user's, whoever accepts. */
import { connect as netConnect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { PickBatch } from '../src/engine/native/pick-batch.js';
import type { PickContext } from '../src/policy/pick-function.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startEcho, startNamed } from './helpers/servers.js';
import { connect, guarded, readAll, readExactly, socketPair } from './helpers/sockets.js';
import { collectUncaught } from './helpers/uncaught.js';

describe.each(ways)('a policy written as a function, with %s', (way) => {
  it('is asked for each client, and told of it', async () => {
    const [a, b] = [await startEcho(), await startEcho()];
    const contexts: PickContext[] = [];
    const proxy = await startProxy(way, {
      backends: [a.address, { address: b.address, weight: 3 }],
      policy: (context) => {
        // Copied, for they go on counting.
        contexts.push({ ...context, backends: context.backends.map((shown) => ({ ...shown })) });
        return 1;
      },
    });
    const client = await connect(portOf(proxy));
    client.write('x');
    await readExactly(client, 1);
    const second = await connect(portOf(proxy));
    second.end('y');
    await readAll(second);
    expect(contexts[0]).toMatchObject({
      client: { address: '127.0.0.1', port: client.localPort },
      listener: `127.0.0.1:${portOf(proxy)}`,
      backends: [
        { address: a.address, weight: 1, open: 0 },
        { address: b.address, weight: 3, open: 0 },
      ],
    });
    expect(contexts[0]?.tried.size).toBe(0);
    expect(contexts[1]?.backends[1]?.open).toBe(1);
    expect([a, b].map(({ sockets }) => sockets.length)).toEqual([0, 2]);
  });

  it('is asked again when its pick fails, and told what was tried', async () => {
    const [first, second] = [await refusedAddress(), await refusedAddress()];
    const { address } = await startNamed('g');
    const tried: number[][] = [];
    const proxy = await startProxy(way, {
      backends: [first, second, address],
      policy: (context) => {
        tried.push([...context.tried]);
        return [1, 0, 2][context.tried.size];
      },
    });
    const client = await connect(portOf(proxy));
    expect(String(await readAll(client.end()))).toBe('g');
    expect(tried).toEqual([[], [1], [1, 0]]);
    expect(proxy.stats().backends.map(({ failed }) => failed)).toEqual([1, 1, 0]);
  });

  it('sees the picks of a moment ago, so that it can spread a burst', async () => {
    const down = await refusedAddress();
    const echoes = [await startEcho(), await startEcho(), await startEcho()];
    let shown: PickContext['backends'] = [];
    const proxy = await startProxy(way, {
      backends: [down, ...echoes.map(({ address }) => address)],
      policy: ({ backends, tried }) => {
        shown = backends;
        const free = [...backends.keys()].filter((index) => !tried.has(index));
        return free.reduce((best, index) => (openOf(index) < openOf(best) ? index : best));
      },
    });
    const openOf = (index: number) => shown[index]?.open ?? 0;
    const sockets = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const client = await connect(portOf(proxy));
        client.write('x');
        await readExactly(client, 1);
        return client;
      }),
    );
    // With nobody on its way to it any more, the one that is down has none.
    expect(shown.map(({ open }) => open)).toEqual([0, 10, 10, 10]);
    expect(proxy.stats().backends.map(({ opened }) => opened)).toEqual([0, 10, 10, 10]);
    for (const client of sockets) client.destroy();
    await until('the end of all sessions', () => shown.every(({ open }) => open === 0));
  });

  it('that wants none of the backends has the client disconnected', async () => {
    const { address } = await startNamed('g');
    const proxy = await startProxy(way, { backends: [address], policy: () => undefined });
    const summary = nextSummary(proxy);
    expect((await readAll(await connect(portOf(proxy)))).length).toBe(0);
    expect((await summary).reason).toBe('no-backend');
    expect(proxy.stats().sessions).toEqual({ open: 0, opened: 1, failed: 1, rejected: 0 });
  });

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('a mistake');
      },
      'a mistake',
    ],
    ['rejects', () => Promise.reject(new Error('a mistake')), 'a mistake'],
    ['picks nonsense', () => 7, 'the policy picked 7, which is not an index from 0 to 0'],
    ['promises nonsense', async () => 7, 'the policy picked 7, which is not an index from 0 to 0'],
    ['does not answer in time', () => new Promise(() => {}), 'did not answer within 20 ms'],
  ])('that %s is warned of, and costs only that client', async (_what, pick, message) => {
    const uncaught = collectUncaught();
    const { address } = await startNamed('g');
    let isGood = false;
    const proxy = await startProxy(way, {
      backends: [address],
      policy: () => (isGood ? 0 : (pick() as number)),
      pickTimeout: 20,
    });
    const warnings: string[] = [];
    proxy.on('warning', (warning) => warnings.push(warning));
    const summary = nextSummary(proxy);
    expect((await readAll(await connect(portOf(proxy)))).length).toBe(0);
    const { reason, error } = await summary;
    expect(reason).toBe('no-backend');
    const cause = error?.cause as Error | undefined;
    expect(cause?.message).toContain(message);
    isGood = true;
    expect(String(await readAll((await connect(portOf(proxy))).end()))).toBe('g');
    // What is still being counted is said at the latest then.
    await proxy.close();
    expect(warnings).toEqual([
      expect.stringMatching(/^1 client was disconnected because the policy failed: .*pickTimeout$/),
    ]);
    expect(warnings[0]).toContain(message);
    expect(uncaught).toEqual([]);
  });

  it('that promises its answer is waited for', async () => {
    const [a, b] = [await startNamed('a'), await startNamed('b')];
    let isAsked = false;
    let answer = (_: number) => {};
    const proxy = await startProxy(way, {
      backends: [a.address, b.address],
      policy: () => {
        isAsked = true;
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
      pickTimeout: '1m',
    });
    const client = await connect(portOf(proxy));
    await until('the question', () => isAsked);
    expect([a, b].map(({ sockets }) => sockets.length)).toEqual([0, 0]);
    answer(1);
    expect(String(await readAll(client.end()))).toBe('b');
  });

  it('that promises its answer is asked again when its pick fails', async () => {
    const [down, { address }] = [await refusedAddress(), await startNamed('g')];
    const proxy = await startProxy(way, {
      backends: [down, address],
      policy: async ({ tried }) => tried.size,
    });
    const client = await connect(portOf(proxy));
    expect(String(await readAll(client.end()))).toBe('g');
    expect(proxy.stats().backends.map(({ failed }) => failed)).toEqual([1, 0]);
  });

  it('sees what is said of each backend', async () => {
    const { address } = await startNamed('g');
    const shown: object[] = [];
    const proxy = await startProxy(way, {
      backends: [
        { address, name: 'one', tags: { zone: 'eu-1' }, weight: 7 },
        { address: await refusedAddress(), name: 'two', backup: true },
      ],
      policy: ({ backends }) => {
        shown.push(...backends.map(({ address: _, ...others }) => others));
        return 0;
      },
    });
    expect(String(await readAll((await connect(portOf(proxy))).end()))).toBe('g');
    expect(shown).toEqual([
      { name: 'one', weight: 7, priority: 0, tags: { zone: 'eu-1' }, open: 0, health: 'up' },
      { name: 'two', weight: 1, priority: 1, tags: {}, open: 0, health: 'up' },
    ]);
  });

  it('picks for handoff() as well', async () => {
    const [a, b] = [await startNamed('a'), await startNamed('b')];
    const listeners: string[] = [];
    const proxy = await startProxy(way, {
      listen: [],
      backends: [a.address, b.address],
      policy: ({ listener }) => {
        listeners.push(listener);
        return 1;
      },
    });
    const { near, far } = await socketPair();
    proxy.handoff(near);
    expect(String(await readAll(far.end()))).toBe('b');
    expect(listeners).toEqual(['handoff']);
  });

  it('picks for a name that has to be looked up first', async () => {
    const echo = await startEcho();
    let isKnown = false;
    let ahead = 0;
    const proxy = await startProxy(
      way,
      {
        backends: [`later.test:${echo.port}`],
        policy: ({ tried }) => (tried.size ? undefined : 0),
      },
      {
        now: () => performance.now() + ahead,
        lookup: async () => {
          if (!isKnown) throw new Error('not known');
          return [{ address: '127.0.0.1', family: 4 }];
        },
      },
    );
    proxy.on('warning', () => {});
    isKnown = true;
    ahead = 1000;
    const client = await connect(portOf(proxy));
    expect(String(await readAll(client.end('now')))).toBe('now');
  });
});

describe.runIf(ways.includes('native'))('a crowd that a function picks for', () => {
  it('is picked for in a few turns, not one each', async () => {
    const { address } = await startEcho();
    let turns = 0;
    const pickedIn = new Set<number>();
    let picks = 0;
    const proxy = await startProxy('native', {
      backends: [address],
      policy: () => {
        pickedIn.add(turns);
        picks += 1;
        return 0;
      },
    });
    const count = () => {
      turns += 1;
      if (picks < 30) setImmediate(count);
    };
    count();
    const clients = Array.from({ length: 30 }, () =>
      guarded(netConnect({ port: portOf(proxy), host: '127.0.0.1', allowHalfOpen: true })),
    );
    // After the ticks in which Node makes the connections, and before it looks for events.
    await new Promise<void>((resolve) => {
      process.nextTick(() => {
        while (proxy.stats().sessions.opened < clients.length);
        resolve();
      });
    });
    for (const client of clients) expect(String(await readAll(client.end('x')))).toBe('x');
    expect(picks).toBe(30);
    // The loops count a session before they tell of it, so the last ones may come a turn later.
    expect(pickedIn.size).toBeLessThan(4);
  });
});

describe('a batch of picks', () => {
  const batch = () => {
    const calls: number[][] = [];
    return {
      calls,
      batch: new PickBatch({ connect: (picks) => calls.push([...picks]), queue: () => {} }),
    };
  };

  it('goes to the loops in one call, and a single pick by itself', () => {
    const { calls, batch: picks } = batch();
    picks.hold(() => {
      for (const name of [4, 5, 6]) picks.add({ name }, name - 4);
      expect(calls).toEqual([]);
    });
    picks.add({ name: 7 }, 1);
    picks.hold(() => {});
    expect(calls).toEqual([
      [4, 0, 5, 1, 6, 2],
      [7, 1],
    ]);
  });

  it('leaves out a session that ended meanwhile, and goes when something throws', () => {
    const { calls, batch: picks } = batch();
    const leaving: { name: number | undefined } = { name: 1 };
    const failing = () =>
      picks.hold(() => {
        picks.add(leaving, 0);
        picks.add({ name: 2 }, 0);
        leaving.name = undefined;
        throw new Error('an observer');
      });
    expect(failing).toThrow('an observer');
    expect(calls).toEqual([[2, 0]]);
  });
});
