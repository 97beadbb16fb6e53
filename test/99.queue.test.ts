/** Clients who wait for a place at a backend: in what order they are served, and what they are told who are not. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { LongOptions, PoolOptions, ProxyOptions } from '../src/config/options.js';
import type { Session } from '../src/session/session.js';
import { until, within, withTimeEnough } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, portOfListener, type RunningProxy, startProxy } from './helpers/proxies.js';
import { refusedAddress, startServer, type TestServer } from './helpers/servers.js';
import { ANY_PORT, wholeOf } from './helpers/services.js';
import { connect, readExactly, readToEnding, reset, socketPair } from './helpers/sockets.js';

/** Says its name, and then sends back what it gets. */
function startGreeter(name: string): Promise<TestServer> {
  return startServer((socket) => {
    socket.write(name);
    socket.pipe(socket);
  });
}

const greeting = async (client: Socket) => String(await readExactly(client, 1));

function figuresOf(proxy: RunningProxy, name = 'default') {
  const pool = proxy.stats().pools.find((one) => one.name === name);
  if (pool === undefined) throw new Error(`no figures of ${name}`);
  return pool.queue;
}

const untilWaiting = (proxy: RunningProxy, count: number) =>
  until(`${count} waiting`, () => figuresOf(proxy).length === count);

/** A client who got a place. */
async function served(proxy: RunningProxy): Promise<Socket> {
  const client = await connect(portOf(proxy));
  await greeting(client);
  return client;
}

/** Clients who wait, the one behind the other. */
async function wait(proxy: RunningProxy, count: number): Promise<Socket[]> {
  const before = figuresOf(proxy).length;
  const clients: Socket[] = [];
  for (let index = 1; index <= count; index++) {
    clients.push(await connect(portOf(proxy)));
    await untilWaiting(proxy, before + index);
  }
  return clients;
}

/** The next client that is told that nobody serves it, by the code of the error. */
async function nextRefusal(proxy: RunningProxy): Promise<string> {
  const [{ error }] = await within('noBackend', once(proxy, 'noBackend'));
  return error.code;
}

const nextWarning = async (proxy: RunningProxy): Promise<string> => {
  const [message] = await within('a warning', once(proxy, 'warning'));
  return message;
};

describe.each(ways)('the queue of a pool with %s', (way) => {
  type Settings = Omit<PoolOptions, 'backends'>;

  /** One backend, with room for some. */
  async function start(
    room: number,
    settings: Settings = {},
    process: Pick<ProxyOptions, 'threads'> = {},
  ) {
    const server = await startGreeter('a');
    const backends = [`${server.address},name=a,max-sessions=${room}`];
    const proxy = await startProxy(way, {
      backends,
      queue: 10,
      connectTimeout: '60s',
      ...settings,
      ...process,
    });
    return { server, proxy, backends };
  }

  it('serves those who came first, when a place comes free', async () => {
    const { proxy } = await start(2);
    const first = [await served(proxy), await served(proxy)];
    const waiting = await wait(proxy, 3);
    for (const [index, client] of [...first, waiting[0] as Socket].entries()) {
      reset(client);
      expect(await greeting(waiting[index] as Socket)).toBe('a');
      expect(figuresOf(proxy)).toMatchObject({ length: 2 - index, served: index + 1 });
    }
    await until('the end of those who left', () => proxy.stats().sessions.open === 2);
    expect(proxy.stats().sessions.failed).toBe(0);
    expect(figuresOf(proxy)).toEqual({ length: 0, served: 3, timedOut: 0, refused: 0, left: 0 });
  });

  it('has those who come go behind those who wait', async () => {
    const { proxy } = await start(1, { queue: 100 });
    const first = await served(proxy);
    const order: number[] = [];
    const leaveWhenServed = async (client: Socket, number: number) => {
      await greeting(client);
      order.push(number);
      reset(client);
    };
    const waiting = await wait(proxy, 20);
    const all = waiting.map(leaveWhenServed);
    reset(first);
    const late = await Promise.all(Array.from({ length: 20 }, () => connect(portOf(proxy))));
    await Promise.all([...all, ...late.map((client) => leaveWhenServed(client, 20))]);
    expect(order.slice(0, 20)).toEqual(waiting.map((_, index) => index));
    expect(order).toHaveLength(40);
    await until('all ended', () => proxy.stats().sessions.open === 0);
  });

  it('lets nobody wait for longer than its time', async () => {
    const { proxy } = await start(1, { queue: { length: 10, timeout: '20ms' } });
    await served(proxy);
    const [refusal, warning] = [nextRefusal(proxy), nextWarning(proxy)];
    const late = await connect(portOf(proxy));
    expect(await readToEnding(late)).toEqual({ data: Buffer.of(), how: 'end' });
    expect(await refusal).toBe('ERR_SPLICEWAY_QUEUE_TIMEOUT');
    expect(await warning).toMatch(/^1 client was disconnected because no place came free in pool/);
    expect(figuresOf(proxy)).toEqual({ length: 0, served: 0, timedOut: 1, refused: 0, left: 0 });
    expect(proxy.stats().sessions.failed).toBe(1);
  });

  it('takes no more than may wait', async () => {
    const { proxy } = await start(1, { queue: 2 });
    const first = await served(proxy);
    const [next] = await wait(proxy, 2);
    const [refusal, warning] = [nextRefusal(proxy), nextWarning(proxy)];
    const third = await connect(portOf(proxy));
    expect(await readToEnding(third)).toEqual({ data: Buffer.of(), how: 'end' });
    expect(await refusal).toBe('ERR_SPLICEWAY_QUEUE_FULL');
    expect(await warning).toMatch(/^1 client was disconnected .* and so is its queue \(2\);/);
    expect(figuresOf(proxy)).toEqual({ length: 2, served: 0, timedOut: 0, refused: 1, left: 0 });
    reset(first);
    expect(await greeting(next as Socket)).toBe('a');
  });

  it('forgets a client that leaves', async () => {
    const { proxy } = await start(1);
    const first = await served(proxy);
    const [gone, left] = await wait(proxy, 2);
    reset(gone as Socket);
    await untilWaiting(proxy, 1);
    reset(first);
    expect(await greeting(left as Socket)).toBe('a');
    expect(figuresOf(proxy)).toEqual({ length: 0, served: 1, timedOut: 0, refused: 0, left: 1 });
    expect(proxy.stats().sessions.failed).toBe(0);
  });

  it('forgets a client that ends its stream and has sent nothing, and serves one that has', async () => {
    const { proxy } = await start(1);
    const first = await served(proxy);
    const [silent, asking] = await wait(proxy, 2);
    silent?.end();
    asking?.end('question');
    await untilWaiting(proxy, 1);
    reset(first);
    expect(await readToEnding(asking as Socket)).toEqual({
      data: Buffer.from('aquestion'),
      how: 'end',
    });
    expect(figuresOf(proxy)).toMatchObject({ served: 1, left: 1 });
  });

  it('does not count as a search: its budget stands still', async () => {
    await withTimeEnough(30, async (ms) => {
      const { proxy } = await start(1, { connectBudget: ms });
      for (let client = 0; client < 2; client++) await connect(portOf(proxy));
      const isOver = () => proxy.stats().sessions.failed > 0;
      await until('one who waits', () => isOver() || figuresOf(proxy).length === 1);
      // The search itself took that long.
      if (isOver()) return false;
      await new Promise((resolve) => setTimeout(resolve, 3 * ms));
      if (isOver()) return false;
      expect(figuresOf(proxy).length).toBe(1);
      expect(proxy.stats().sessions).toMatchObject({ open: 2, failed: 0 });
      return true;
    });
  });

  it('has clients wait whom all others have failed', async () => {
    const server = await startGreeter('a');
    const backends = [await refusedAddress(), `${server.address},max-sessions=1`];
    const proxy = await startProxy(way, { backends, queue: 10, ejectFor: 0 });
    const first = await served(proxy);
    const [next] = await wait(proxy, 1);
    reset(first);
    expect(await greeting(next as Socket)).toBe('a');
  });

  it('is as short as it is now for those who come', async () => {
    const { proxy, backends } = await start(1, { queue: 3 });
    const first = await served(proxy);
    const waiting = await wait(proxy, 2);
    await proxy.update((present) => ({ ...present, queue: 1, backends }) as never);
    const refusal = nextRefusal(proxy);
    expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_QUEUE_FULL');
    expect(figuresOf(proxy)).toMatchObject({ length: 2, refused: 1 });
    reset(first);
    expect(await greeting(waiting[0] as Socket)).toBe('a');
  });

  it('lasts as long as is said now, also for those who wait', async () => {
    const { proxy } = await start(1);
    await served(proxy);
    const [client] = await wait(proxy, 1);
    const refusal = nextRefusal(proxy);
    const queue = { length: 10, timeout: '20ms' };
    await proxy.update((present) => ({ ...present, queue }) as never);
    expect((await readToEnding(client as Socket)).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_QUEUE_TIMEOUT');
  });

  describe('serves those who wait', () => {
    async function startWaiting() {
      const started = await start(1);
      await served(started.proxy);
      const [client] = await wait(started.proxy, 1);
      return { ...started, isServed: greeting(client as Socket) };
    }

    it('when a backend is added', async () => {
      const { proxy, isServed } = await startWaiting();
      await proxy.pool().add((await startGreeter('b')).address);
      expect(await isServed).toBe('b');
    });

    it('when its limit is raised', async () => {
      const { proxy, isServed } = await startWaiting();
      proxy.pool().backend('a').setMaxSessions(2);
      expect(await isServed).toBe('a');
    });

    it('when the limit is another in the options', async () => {
      const { proxy, server, isServed } = await startWaiting();
      const backends = [`${server.address},name=a,max-sessions=2`];
      await proxy.update((present) => ({ ...present, backends }) as never);
      expect(await isServed).toBe('a');
    });

    it.each(['down', 'drained'])('when another one is %s no more', async (state) => {
      const [a, b] = [await startGreeter('a'), await startGreeter('b')];
      const backends = [a, b].map(
        ({ address }, index) => `${address},name=${'ab'[index]},max-sessions=1`,
      );
      const proxy = await startProxy(way, { backends, queue: 10, connectTimeout: '60s' });
      const other = proxy.pool().backend('b');
      if (state === 'down') other.setHealth('down');
      else void other.drain();
      await served(proxy);
      const [client] = await wait(proxy, 1);
      if (state === 'down') other.setHealth('auto');
      else other.ready();
      expect(await greeting(client as Socket)).toBe('b');
    });
  });

  it('ends where no backend is up any more', async () => {
    const { proxy } = await start(1);
    await served(proxy);
    const clients = await wait(proxy, 2);
    const refusal = nextRefusal(proxy);
    proxy.pool().backend('a').setHealth('down');
    for (const client of clients) expect((await readToEnding(client)).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_NO_BACKEND');
    expect(figuresOf(proxy)).toMatchObject({ length: 0, served: 0, timedOut: 0, refused: 0 });
  });

  it('is not there where no backend is up', async () => {
    const { proxy } = await start(1);
    proxy.pool().backend('a').setHealth('down');
    const refusal = nextRefusal(proxy);
    expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_NO_BACKEND');
  });

  it('is not there where no backend is up, and those that are down are tried', async () => {
    const { proxy } = await start(1, { whenAllDown: 'try' });
    proxy.pool().backend('a').setHealth('down');
    await served(proxy);
    const refusal = nextRefusal(proxy);
    expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_NO_BACKEND');
  });

  it('asks a policy of a program again', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const asked: number[][] = [];
    const proxy = await startProxy(way, {
      backends: [a, b].map(({ address }) => ({ address, maxSessions: 1 })),
      queue: 10,
      connectTimeout: '60s',
      policy: ({ tried }) => {
        asked.push([...tried]);
        return [0, 1].find((index) => !tried.has(index));
      },
    });
    const first = [await served(proxy), await served(proxy)];
    const [client, next] = await wait(proxy, 2);
    asked.length = 0;
    reset(first[1] as Socket);
    expect(await greeting(client as Socket)).toBe('b');
    // It had no room the last time, which is no failure.
    expect(asked.slice(0, 2)).toEqual([[], [0]]);
    reset(first[0] as Socket);
    expect(await greeting(next as Socket)).toBe('a');
  });

  it('asks a policy that answers with a promise, the one client after the other', async () => {
    const { proxy } = await start(1, {
      policy: ({ tried }) => Promise.resolve(tried.size === 0 ? 0 : undefined),
    });
    const first = await served(proxy);
    const waiting = await wait(proxy, 3);
    let last = first;
    for (const client of waiting) {
      reset(last);
      expect(await greeting(client)).toBe('a');
      last = client;
    }
    expect(figuresOf(proxy)).toMatchObject({ length: 0, served: 3 });
  });

  it('asks a policy that takes its time for as many clients at once as there are places', async () => {
    const answers: (() => void)[] = [];
    let isSlow = false;
    const { proxy } = await start(3, {
      pickTimeout: '60s',
      policy: ({ tried }) => {
        const picked = tried.size === 0 ? 0 : undefined;
        if (!isSlow) return picked;
        return new Promise((resolve) => answers.push(() => resolve(picked)));
      },
    });
    const first = [await served(proxy), await served(proxy), await served(proxy)];
    const waiting = await wait(proxy, 4);
    isSlow = true;
    for (const client of first) reset(client);
    await until('it is asked for three', () => answers.length === 3);
    for (const answer of answers.reverse()) answer();
    await Promise.all(waiting.slice(0, 3).map((client) => greeting(client)));
    expect(figuresOf(proxy)).toMatchObject({ length: 1, served: 3 });
  });

  it.each([
    ['nobody listens for sessions', false],
    ['a program listens for sessions', true],
  ])('asks a policy that a function has taken the place of, where %s', async (_, isHeard) => {
    const { proxy, backends } = await start(1, { connectBudget: '60s' }, { threads: 1 });
    if (isHeard) proxy.on('session', () => {});
    const first = await served(proxy);
    const waiting = await wait(proxy, 3);
    let asked = 0;
    const policy = ({ tried }: { tried: ReadonlySet<number> }) => {
      asked += 1;
      return tried.size === 0 ? 0 : undefined;
    };
    await proxy.update((present) => ({ ...present, policy, backends }) as never);
    await untilWaiting(proxy, 3);
    // Not before there is a place.
    expect(asked).toBe(0);
    let last = first;
    for (const client of waiting) {
      reset(last);
      expect(await greeting(client)).toBe('a');
      last = client;
    }
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(figuresOf(proxy)).toMatchObject({ length: 0, served: 3, refused: 0, left: 0 });
    expect(proxy.stats().sessions.failed).toBe(0);
  });

  it('is for those alone whom the filter lets in', async () => {
    let isOpen = true;
    const server = await startGreeter('b');
    const proxy = await startProxy(way, {
      backends: [`${server.address},max-sessions=1`],
      queue: 10,
      connectTimeout: '60s',
      filter: () => isOpen,
    });
    const first = await served(proxy);
    const [client] = await wait(proxy, 1);
    isOpen = false;
    expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('ECONNRESET');
    expect(figuresOf(proxy)).toMatchObject({ length: 1, refused: 0 });
    reset(first);
    expect(await greeting(client as Socket)).toBe('b');
  });

  it('has room for sockets that are handed over', async () => {
    const { proxy } = await start(1);
    const first = await served(proxy);
    const { near, far } = await socketPair();
    const session = proxy.handoff(near);
    await untilWaiting(proxy, 1);
    const [client] = await wait(proxy, 1);
    reset(first);
    expect(await greeting(far)).toBe('a');
    session.destroy();
    expect(await greeting(client as Socket)).toBe('a');
  });

  it('lets those behind go first where a place is of no use to who is the first', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const backends = [a, b].map(
      ({ address }, index) => `${address},name=${'ab'[index]},max-sessions=1`,
    );
    const proxy = await startProxy(way, { backends, queue: 10, connectTimeout: '60s' });
    const first = [await served(proxy), await served(proxy)];
    const { near, far } = await socketPair();
    proxy.handoff(near, { backend: 'a' });
    await untilWaiting(proxy, 1);
    const [client] = await wait(proxy, 1);
    reset(first[1] as Socket);
    expect(await greeting(client as Socket)).toBe('b');
    expect(figuresOf(proxy).length).toBe(1);
    reset(first[0] as Socket);
    expect(await greeting(far)).toBe('a');
  });

  it('is left by a session that is destroyed', async () => {
    const { proxy } = await start(1);
    await served(proxy);
    const { near, far } = await socketPair();
    const session = proxy.handoff(near);
    await untilWaiting(proxy, 1);
    session.destroy();
    expect((await within('the end', session.closed)).reason).toBe('destroyed');
    expect((await readToEnding(far)).how).toBe('ECONNRESET');
    await untilWaiting(proxy, 0);
    expect(figuresOf(proxy)).toMatchObject({ served: 0, timedOut: 0, left: 0 });
  });

  it('says why a session ends that a program knows', async () => {
    const { proxy } = await start(1, { queue: { length: 1, timeout: '20ms' } });
    const known: Session[] = [];
    proxy.on('session', (session) => known.push(session));
    await served(proxy);
    await connect(portOf(proxy));
    await until('the session', () => known.length === 2);
    const { reason, error } = await within('the end', (known[1] as Session).closed);
    expect([reason, error?.code]).toEqual(['no-backend', 'ERR_SPLICEWAY_QUEUE_TIMEOUT']);
  });

  it('gives a socket back that was handed over and has waited in vain', async () => {
    const { proxy } = await start(1, { queue: { length: 1, timeout: '20ms' } });
    await served(proxy);
    const { near, far } = await socketPair();
    far.write('question');
    const session = proxy.handoff(near, { onFailure: 'return' });
    const { reason, error, socket } = await within('the end', session.closed);
    expect(reason).toBe('no-backend');
    expect(error?.code).toBe('ERR_SPLICEWAY_QUEUE_TIMEOUT');
    expect(String(await readExactly(socket as Socket, 8))).toBe('question');
  });

  it('ends with the proxy', async () => {
    const { proxy } = await start(1);
    await served(proxy);
    const [client] = await wait(proxy, 1);
    await within('close', proxy.close());
    expect((await readToEnding(client as Socket)).how).toBe('ECONNRESET');
  });

  it('goes on while the proxy drains', async () => {
    const { proxy } = await start(1);
    const first = await served(proxy);
    const [client] = await wait(proxy, 1);
    const closed = proxy.close({ drain: '60s' });
    reset(first);
    expect(await greeting(client as Socket)).toBe('a');
    reset(client as Socket);
    await within('close', closed);
  });

  it('holds the sessions of all backends to the limit of the pool', async () => {
    const backends = [(await startGreeter('a')).address, (await startGreeter('b')).address];
    const proxy = await startProxy(way, { backends, maxPoolSessions: 3, queue: 10 });
    const first = [await served(proxy), await served(proxy), await served(proxy)];
    const [client, next] = await wait(proxy, 2);
    expect(proxy.stats().pools[0]).toMatchObject({ name: 'default', maxPoolSessions: 3 });
    reset(first[0] as Socket);
    await greeting(client as Socket);
    expect(figuresOf(proxy).length).toBe(1);
    await proxy.update((present) => ({ ...present, maxPoolSessions: undefined }) as never);
    await greeting(next as Socket);
    expect(proxy.stats().pools[0]?.maxPoolSessions).toBeUndefined();
  });

  it('disconnects at the limit of the pool where nobody may wait', async () => {
    const { address } = await startGreeter('a');
    const proxy = await startProxy(way, { backends: [address], maxPoolSessions: 1 });
    await served(proxy);
    const refusal = nextRefusal(proxy);
    expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_NO_BACKEND');
  });

  describe('of a pool that is removed', () => {
    const listeners = { in: { address: ANY_PORT, pool: 'old' } };
    // At another address, which does not go on with the same socket.
    const others = { out: { address: '127.0.0.2:0', pool: 'new' } };

    it('ends', async () => {
      const { address } = await startGreeter('a');
      const pool = { backends: [`${address},max-sessions=1`], queue: 10, connectTimeout: '60s' };
      const proxy = await startProxy(way, { listeners, pools: { old: pool } });
      const port = portOfListener(proxy, 'in');
      const first = await connect(port);
      expect(await greeting(first)).toBe('a');
      const client = await connect(port);
      const { near, far } = await socketPair();
      const session = proxy.handoff(near, { pool: 'old' });
      await until('both waiting', () => figuresOf(proxy, 'old').length === 2);
      const b = await startGreeter('b');
      await proxy.update(
        wholeOf(way, { listeners: others, pools: { new: { backends: [b.address] } } }),
      );
      const { data, how } = await readToEnding(client);
      expect([String(data), how]).toEqual(['', 'end']);
      expect((await within('the end', session.closed)).reason).toBe('no-backend');
      expect((await readToEnding(far)).how).toBe('end');
      first.write('still');
      expect(String(await readExactly(first, 5))).toBe('still');
    });

    it('leaves its sessions to no other pool', async () => {
      const [a, b] = [await startGreeter('a'), await startGreeter('b')];
      const old: LongOptions['pools'] = { old: { backends: [a.address] } };
      const proxy = await startProxy(way, { listeners, pools: old });
      const session = await connect(portOfListener(proxy, 'in'));
      await greeting(session);
      for (const name of ['one', 'two']) {
        const pools = { [name]: { backends: [b.address], maxPoolSessions: 1 } };
        const into = { in: { address: ANY_PORT, pool: name } };
        await proxy.update(wholeOf(way, { listeners: into, pools }));
        const client = await connect(portOfListener(proxy, 'in'));
        expect(await greeting(client)).toBe('b');
        reset(client);
        await until('its end', () => proxy.stats().sessions.open === 1);
      }
      session.end();
    });
  });

  it('serves a crowd within the limit, each once', async () => {
    let [open, most] = [0, 0];
    const server = await startServer((socket) => {
      open += 1;
      most = Math.max(most, open);
      // Before the proxy can know that there is room.
      socket.once('data', () => {
        open -= 1;
        socket.end('x');
      });
    });
    const proxy = await startProxy(way, {
      backends: [`${server.address},max-sessions=7`],
      queue: 200,
      connectTimeout: '60s',
    });
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const client = await connect(portOf(proxy));
        client.end('?');
        return String((await readToEnding(client)).data);
      }),
    );
    expect(answers.every((answer) => answer === 'x')).toBe(true);
    expect(most).toBeLessThanOrEqual(7);
    await until('all ended', () => proxy.stats().sessions.open === 0);
    expect(figuresOf(proxy)).toMatchObject({ length: 0, timedOut: 0, refused: 0, left: 0 });
  });
});

// Where the loops pick, they wait for a port; see test/101.
describe.each(ways.filter((way) => way !== 'native'))('a queue with %s is not there', (way) => {
  it.each([
    ['this machine lacks the source address', (address: string) => [address], ['192.0.2.9']],
    ['the only backend has no address', () => ['gone.test:1'], ['127.0.0.1']],
  ])('where %s', async (_, backendsAt, from) => {
    const backends = backendsAt((await startGreeter('a')).address);
    const settings = { backends, from, queue: 10, connectTimeout: '60s' };
    const lookup = () => Promise.reject(new Error('not known'));
    const proxy = await startProxy(way, settings, { lookup });
    const refusal = nextRefusal(proxy);
    expect((await readToEnding(await connect(portOf(proxy)))).how).toBe('end');
    expect(await refusal).toBe('ERR_SPLICEWAY_NO_BACKEND');
    expect(figuresOf(proxy)).toEqual({ length: 0, served: 0, timedOut: 0, refused: 0, left: 0 });
  });
});
