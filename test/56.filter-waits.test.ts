/** A filter that answers with a promise: its client is held, within bounds, and nobody waits in vain. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FilterContext } from '../src/policy/filter-function.js';
import type { Session } from '../src/session/session.js';
import { randomBytes } from './helpers/bytes.js';
import { until, within } from './helpers/deadline.js';
import { cutOff, startCounting } from './helpers/denying.js';
import { optionsOf, ways } from './helpers/engines.js';
import { packageUrl, startProgram } from './helpers/program.js';
import { nextSummary, portOf, startProxy } from './helpers/proxies.js';
import { startEcho, startServer } from './helpers/servers.js';
import { connect, readAll, readToEnding } from './helpers/sockets.js';

const CLIENTS = 200;

describe.each(ways)('a filter that waits, with %s', (way) => {
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
