/** Denying clients: nothing of them reaches a backend, whoever accepts. */
import { spawnSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configFileSchema } from '../src/config/json-schema.js';
import { parseOptions } from '../src/config/schema.js';
import type { FilterContext, FilterFunction, Session, SessionSummary } from '../src/index.js';
import { randomBytes } from './helpers/bytes.js';
import { until, within } from './helpers/deadline.js';
import { optionsOf, ways } from './helpers/engines.js';
import { packageUrl, startProgram } from './helpers/program.js';
import { nextSummary, portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startEcho, startNamed, startServer, type TestServer } from './helpers/servers.js';
import { connect, guarded, readAll, readToEnding, socketPair, write } from './helpers/sockets.js';
import { collectUncaught } from './helpers/uncaught.js';

const CLIENTS = 200;

/** A backend that keeps count of the bytes that it reads. */
async function startCounting(): Promise<TestServer & { bytes(): number }> {
  let bytes = 0;
  const server = await startServer((socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
  });
  return { ...server, bytes: () => bytes };
}

/** A client that says something as soon as it can: what it is told before it is cut off, at whatever moment. */
function cutOff(proxy: RunningProxy): Promise<string> {
  const client = guarded(netConnect(portOf(proxy), '127.0.0.1'));
  client.write('let me in');
  let text = '';
  client.on('data', (chunk) => {
    text += String(chunk);
  });
  const end = new Promise<string>((resolve) => client.on('close', () => resolve(text)));
  return within('the end of the connection', end);
}

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
  await until('the bytes of the one who is served', () => backend.bytes() === before + 5);
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
    expect(backend.bytes()).toBe(5);
    expect(backend.sockets).toHaveLength(1);
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
    expect(backend.sockets).toHaveLength(1);
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

  it('that never settles denies after connectTimeout', async () => {
    const backend = await startCounting();
    const proxy = await startProxy(way, {
      backends: [backend.address],
      connectTimeout: 20,
      filter: () => new Promise<boolean>(() => {}),
    });
    const summary = nextSummary(proxy);
    await cutOff(proxy);
    expect(await summary).toMatchObject({
      reason: 'denied',
      error: { cause: { message: 'the filter did not answer within 20 ms' } },
    });
    expect(backend.sockets).toHaveLength(0);
  });

  it('that takes its time holds many, with their bytes, and serves them when it knows', async () => {
    const backend = await startEcho();
    const answers: ((isIn: boolean) => void)[] = [];
    const proxy = await startProxy(way, {
      backends: [backend.address],
      connectTimeout: 0,
      filter: () => new Promise<boolean>((answer) => answers.push(answer)),
    });
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, async (_, index) => {
        const client = await connect(portOf(proxy));
        client.end(`client ${index}`);
        return client;
      }),
    );
    await until('a question for each', () => answers.length === CLIENTS);
    expect(backend.sockets).toHaveLength(0);
    for (const answer of answers) answer(true);
    const echoes = await Promise.all(clients.map((client) => readAll(client)));
    expect(echoes.map(String)).toEqual(clients.map((_, index) => `client ${index}`));
  });

  it('holds no more than maxSessions: who comes then waits, unasked', async () => {
    const backend = await startEcho();
    const answers: ((isIn: boolean) => void)[] = [];
    const proxy = await startProxy(way, {
      backends: [backend.address],
      maxSessions: 2,
      connectTimeout: 0,
      filter: () => new Promise<boolean>((answer) => answers.push(answer)),
    });
    const paused = once(proxy, 'listenerPaused');
    const clients = await Promise.all(
      [0, 1, 2].map(async (index) => {
        const client = await connect(portOf(proxy));
        client.end(`client ${index}`);
        return client;
      }),
    );
    await within('the pause', paused);
    await until('two questions', () => answers.length >= 2);
    expect(answers).toHaveLength(2);
    for (const answer of answers) answer(false);
    await until('the third question', () => answers.length === 3);
    answers[2]?.(true);
    const texts = await Promise.all(
      clients.map(async (client) => String((await readToEnding(client)).data)),
    );
    expect(texts.filter((text) => text !== '')).toHaveLength(1);
  });

  it('that answers after the client has left asks no policy for it', async () => {
    let answer: ((isIn: boolean) => void) | undefined;
    let picks = 0;
    const proxy = await startProxy(way, {
      backends: ['127.0.0.1:1'],
      filter: () =>
        new Promise<boolean>((resolve) => {
          answer = resolve;
        }),
      policy: () => {
        picks += 1;
        return undefined;
      },
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    await until('the question', () => answer !== undefined);
    client.resetAndDestroy();
    expect((await summary).reason).toBe('reset');
    answer?.(true);
    await new Promise(setImmediate);
    expect(picks).toBe(0);
  });

  it('is told by its signal that the client has left, and waits no longer', async () => {
    const signals: AbortSignal[] = [];
    const proxy = await startProxy(way, {
      backends: ['127.0.0.1:1'],
      connectTimeout: '1h',
      filter: ({ signal }) => {
        signals.push(signal);
        return new Promise<boolean>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      },
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    await until('the question', () => signals.length > 0);
    expect(signals[0]?.aborted).toBe(false);
    client.resetAndDestroy();
    expect((await summary).reason).toBe('reset');
    expect(signals[0]?.reason).toMatchObject({
      code: 'ERR_SPLICEWAY_SESSION_RESET',
      message: 'the client has left',
    });
  });

  it('waits for a client that has only ended its side, until connectTimeout', async () => {
    const signals: AbortSignal[] = [];
    const proxy = await startProxy(way, {
      backends: ['127.0.0.1:1'],
      connectTimeout: 100,
      filter: ({ signal }) => {
        signals.push(signal);
        return new Promise<boolean>(() => {});
      },
    });
    const summary = nextSummary(proxy);
    (await connect(portOf(proxy))).end();
    expect(await summary).toMatchObject({ reason: 'denied' });
    expect(signals[0]?.reason).toMatchObject({
      message: 'the filter did not answer within 100 ms',
    });
  });

  it('is told by its signal that its time is over, and that the proxy closes', async () => {
    const contexts: FilterContext[] = [];
    const filter = (context: FilterContext) => {
      contexts.push(context);
      return new Promise<boolean>(() => {});
    };
    const backends = ['127.0.0.1:1'];
    const late = await startProxy(way, { backends, connectTimeout: 20, filter });
    await cutOff(late);
    expect(contexts[0]?.signal.reason).toMatchObject({
      message: 'the filter did not answer within 20 ms',
    });
    const closed = await startProxy(way, { backends, connectTimeout: 0, filter });
    const cut = cutOff(closed);
    await until('the question', () => contexts.length === 2);
    await closed.close();
    await cut;
    // Also where it was not looked at before.
    expect(contexts[1]?.signal.reason).toMatchObject({
      code: 'ERR_SPLICEWAY_SESSION_DESTROYED',
      message: expect.stringContaining('close()'),
    });
  });

  it('that never settles keeps no process alive once its proxy is closed', async () => {
    const { ended } = startProgram(
      `const { createProxy } = await import(${JSON.stringify(packageUrl)});
       const { connect } = await import('node:net');
       const proxy = await createProxy({
         ...${JSON.stringify({ listen: '127.0.0.1:0', ...optionsOf(way) })},
         backends: ['127.0.0.1:1'],
         connectTimeout: '1h',
         filter: () => {
           setImmediate(() => proxy.close());
           return new Promise(() => {});
         },
       });
       connect(proxy.addresses()[0].port, '127.0.0.1').on('error', () => {});`,
      {},
    );
    expect(await within('the end of the program', ended)).toMatchObject({ code: 0, output: '' });
  });

  it('that ends the session itself is waited for no longer', async () => {
    let session: Session | undefined;
    let signal: AbortSignal | undefined;
    const proxy = await startProxy(way, {
      backends: ['127.0.0.1:1'],
      connectTimeout: '1h',
      filter: (context) => {
        session?.destroy();
        signal = context.signal;
        return new Promise<boolean>(() => {});
      },
    });
    proxy.once('session', (begun) => {
      session = begun;
    });
    const summary = nextSummary(proxy);
    await cutOff(proxy);
    expect((await summary).reason).toBe('destroyed');
    expect(signal?.reason).toMatchObject({ code: 'ERR_SPLICEWAY_SESSION_DESTROYED' });
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

it('with stream, at most 128 KiB of a client are read before the filter has answered', async () => {
  const backend = await startServer((socket) => socket.end());
  let answer: ((isIn: boolean) => void) | undefined;
  let held: Socket | undefined;
  const onAccepted = (message: unknown) => {
    held = (message as { socket: Socket }).socket;
  };
  const proxy = await startProxy('stream', {
    backends: [backend.address],
    connectTimeout: 0,
    filter: () =>
      new Promise<boolean>((resolve) => {
        answer = resolve;
      }),
  });
  subscribe('net.server.socket', onAccepted);
  onTestFinished(() => void unsubscribe('net.server.socket', onAccepted));
  const client = await connect(portOf(proxy));
  const bytes = randomBytes(32 * 1024 * 1024, 1);
  client.end(bytes);
  await until('the question', () => answer !== undefined);
  await until('bytes of the client', () => (held?.bytesRead ?? 0) > 0);
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
  expect(held?.bytesRead).toBeLessThanOrEqual(128 * 1024);
  answer?.(true);
  const server = await backend.socket(0);
  expect((await readAll(server)).equals(bytes)).toBe(true);
});

it('a filter that is no function is refused, and a file has none', () => {
  const options = { listen: ':0', backends: ['127.0.0.1:1'], filter: 'nobody' };
  expect(() => parseOptions(options)).toThrow(
    '"nobody" is not a function; only a program has a filter, ({ client, listener, signal }) => true, false or a promise',
  );
  expect(configFileSchema().properties).not.toHaveProperty('filter');
});
