/** Denying clients: nothing of them reaches a backend, whoever accepts. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { configFileSchema } from '../src/config/json-schema.js';
import { parseOptions } from '../src/config/schema.js';
import type { FilterContext, FilterFunction } from '../src/policy/filter-function.js';
import type { SessionSummary } from '../src/session/session.js';
import { until, within } from './helpers/deadline.js';
import { cutOff, startCounting } from './helpers/denying.js';
import { ways } from './helpers/engines.js';
import { nextSummary, portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startEcho, startNamed, type TestServer } from './helpers/servers.js';
import { connect, guarded, readAll, socketPair, write } from './helpers/sockets.js';
import { collectUncaught } from './helpers/uncaught.js';

const CLIENTS = 200;

/** As many at once. */
async function crowdIsCut(proxy: RunningProxy): Promise<void> {
  const texts = await Promise.all(Array.from({ length: CLIENTS }, () => cutOff(proxy)));
  expect(texts.join('')).toBe('');
}

/** One more, who is served: whatever was sent before it has been read by then. */
async function oneIsServed(proxy: RunningProxy, backend: { bytes(): number }): Promise<void> {
  const before = backend.bytes();
  const client = await connect(portOf(proxy));
  await write(client, 'hello');
  await until('the bytes of the one who is served', () => backend.bytes() >= before + 5);
}

/** Nobody but that one was there, and those few whose session went on before a program as slow as that had heard of it. */
function noneWasThere(proxy: RunningProxy, backend: TestServer & { bytes(): number }): void {
  const { unheard } = proxy.stats();
  expect(backend.bytes()).toBeLessThanOrEqual(5 + unheard * 'let me in'.length);
  expect(backend.sockets.length).toBeLessThanOrEqual(1 + unheard);
}

describe.each(ways)('a session that is destroyed in the listener of session, with %s', (way) => {
  it('reaches no backend with a byte: 200 clients that write at once', async () => {
    const backend = await startCounting();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const summaries: Promise<SessionSummary>[] = [];
    const deny = (session: { destroy(): void; closed: Promise<SessionSummary> }) => {
      session.destroy();
      summaries.push(session.closed);
    };
    proxy.on('session', deny);
    await crowdIsCut(proxy);
    const reasons = new Set((await Promise.all(summaries)).map(({ reason }) => reason));
    expect([...reasons]).toEqual(['destroyed']);
    expect(summaries).toHaveLength(CLIENTS);
    proxy.off('session', deny);
    await oneIsServed(proxy, backend);
    noneWasThere(proxy, backend);
  });

  it('reaches none though a listener before it throws', async () => {
    const backend = await startCounting();
    const proxy = await startProxy(way, { backends: [backend.address] });
    const uncaught = collectUncaught();
    proxy.once('session', () => {
      throw new Error('of the listener');
    });
    proxy.once('session', (session) => session.destroy());
    expect(await cutOff(proxy)).toBe('');
    await oneIsServed(proxy, backend);
    noneWasThere(proxy, backend);
    expect(uncaught).toEqual([new Error('of the listener')]);
  });

  it('reaches none through handoff() either', async () => {
    const backend = await startCounting();
    const proxy = await startProxy(way, { backends: [backend.address] });
    proxy.once('session', (session) => session.destroy());
    const { near, far } = await socketPair();
    far.write('let me in');
    const summary = await within('the end', proxy.handoff(near).closed);
    expect(summary).toMatchObject({ reason: 'destroyed', bytesUpstream: 0 });
    await oneIsServed(proxy, backend);
    expect(backend.sockets).toHaveLength(1);
  });
});

describe.each(ways)('a filter, with %s', (way) => {
  it('is asked for each client once, and told of it, before any backend hears of it', async () => {
    const backend = await startEcho();
    const asked: FilterContext[] = [];
    const proxy = await startProxy(way, {
      backends: [backend.address],
      filter: (context) => {
        asked.push(context);
        expect(backend.sockets).toHaveLength(0);
        return true;
      },
    });
    const client = await connect(portOf(proxy));
    client.end('x');
    expect(String(await readAll(client))).toBe('x');
    expect(asked).toMatchObject([
      {
        client: { address: '127.0.0.1', port: expect.any(Number) },
        listener: `127.0.0.1:${portOf(proxy)}`,
      },
    ]);
    expect(asked[0]?.signal.aborted).toBe(false);
    expect(proxy.stats().sessions).toMatchObject({ opened: 1, failed: 0, rejected: 0 });
  });

  it.each<[string, FilterFunction]>([
    ['at once', () => false],
    ['by a promise', async () => false],
  ])('that denies %s lets no byte through: 200 clients that write at once', async (_how, no) => {
    const backend = await startCounting();
    let answer = no;
    const warnings: string[] = [];
    const proxy = await startProxy(way, {
      backends: [backend.address],
      filter: (context) => answer(context),
    });
    proxy.on('warning', (line) => warnings.push(line));
    await crowdIsCut(proxy);
    await until('the end of all', () => proxy.stats().sessions.open === 0);
    expect(proxy.stats().sessions).toMatchObject({ failed: 0, rejected: CLIENTS });
    answer = () => true;
    await oneIsServed(proxy, backend);
    expect(backend.bytes()).toBe(5);
    expect(backend.sockets).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  it('is never asked for a client whose address nobody knows, for it has reset its connection', async () => {
    const backend = await startCounting();
    const asked = new Set<string>();
    const filter = ({ client }: FilterContext) => {
      asked.add(client.address);
      return client.address !== '127.0.0.1';
    };
    const proxy = await startProxy(way, { backends: [backend.address], filter });
    const program = `for (let i = 0; i < 20; i++) {
      const client = require('node:net').connect(${portOf(proxy)}, '127.0.0.1', () => client.resetAndDestroy());
    }`;
    // Nothing is accepted by Node meanwhile.
    const { status } = spawnSync(process.execPath, ['-e', program]);
    expect(status).toBe(0);
    expect(await cutOff(proxy)).toBe('');
    expect([...asked]).toEqual(['127.0.0.1']);
    expect(backend.sockets).toHaveLength(0);
  });

  it('that denies ends the session with a reason of its own', async () => {
    const proxy = await startProxy(way, { backends: ['127.0.0.1:1'], filter: () => false });
    const summary = nextSummary(proxy);
    await cutOff(proxy);
    const { reason, error, backend } = await summary;
    expect({ reason, backend }).toEqual({ reason: 'denied', backend: undefined });
    expect(error?.code).toBe('ERR_SPLICEWAY_SESSION_DENIED');
    expect(error?.cause).toBeUndefined();
  });

  it.each<[string, () => unknown, string]>([
    [
      'throws',
      () => {
        throw new Error('a mistake');
      },
      'a mistake',
    ],
    ['rejects', () => Promise.reject(new Error('no answer')), 'no answer'],
    ['answers with nothing', () => undefined, 'the filter answered with undefined'],
    ['answers with what looks true', () => 'yes', 'the filter answered with a string'],
    ['promises what is no boolean', async () => 1, 'the filter answered with a number'],
  ])('that %s denies, warns, and ends nothing else', async (_what, answer, message) => {
    const uncaught = collectUncaught();
    const backend = await startCounting();
    let isGood = false;
    const proxy = await startProxy(way, {
      backends: [backend.address],
      filter: () => isGood || (answer() as boolean),
    });
    const summary = nextSummary(proxy);
    const warnings: string[] = [];
    proxy.on('warning', (line) => warnings.push(line));
    await cutOff(proxy);
    const { reason, error } = await summary;
    expect(reason).toBe('denied');
    expect(error).toMatchObject({ cause: { message } });
    expect(proxy.stats().listeners[0]).toMatchObject({ open: 0, rejected: 1 });
    isGood = true;
    await oneIsServed(proxy, backend);
    expect(backend.bytes()).toBe(5);
    await proxy.close();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`1 client was denied because the filter failed: ${message}`);
    expect(uncaught).toEqual([]);
  });

  it('is not asked for a session that was destroyed in the listener of session', async () => {
    let asked = 0;
    const proxy = await startProxy(way, {
      backends: ['127.0.0.1:1'],
      filter: () => {
        asked += 1;
        return true;
      },
    });
    proxy.once('session', (session) => session.destroy());
    await cutOff(proxy);
    expect(asked).toBe(0);
  });

  it('is not asked for handoff(): the program has decided', async () => {
    const { address } = await startNamed('a');
    const proxy = await startProxy(way, { listen: [], backends: [address], filter: () => false });
    const { near, far } = await socketPair();
    proxy.handoff(near);
    expect(String(await readAll(guarded(far).end()))).toBe('a');
  });

  it('goes with a policy of the program', async () => {
    const [a, b] = [await startNamed('a'), await startNamed('b')];
    const proxy = await startProxy(way, {
      backends: [a.address, b.address],
      filter: async () => true,
      policy: () => 1,
    });
    expect(String(await readAll((await connect(portOf(proxy))).end()))).toBe('b');
  });
});

it('a filter that is no function is refused, and a file has none', () => {
  const options = { listen: ':0', backends: ['127.0.0.1:1'], filter: 'nobody' };
  expect(() => parseOptions(options)).toThrow(
    '"nobody" is not a function; only a program has a filter, ({ client, listener, signal }) => true, false or a promise',
  );
  expect(JSON.stringify(configFileSchema())).not.toContain('"filter"');
});
