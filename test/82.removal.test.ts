/** What becomes of the sessions of a backend or listener that goes. */
import { describe, expect, it } from 'vitest';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { isAsked } from './helpers/kernel.js';
import {
  nextSession,
  nextSummary,
  portOfListener,
  type RunningProxy,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import { startEcho, startLate } from './helpers/servers.js';
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
import { connect, readAll, readToEnding } from './helpers/sockets.js';

type OnRemove = 'keep' | 'close' | { after: number };

const listeners = { in: { address: ANY_PORT } };

/** What makes a backend go. Each resolves when that is in effect; drains may go on. */
const removals = [
  'removed',
  'moved',
  'removed with its pool',
  'drained',
  'in maintenance',
] as const;

describe.each(ways)('sessions with %s', (way) => {
  const whole = (options: TestServices) => wholeOf(way, options);

  /** A proxy whose pool `db` has the backend `a`, which echoes and has one session, and `b`, which says so. */
  async function startWithSession(onRemove: OnRemove = 'keep') {
    const echo = await startEcho();
    const [b = '', c = ''] = await namedBackends('bc');
    const a = `${echo.address},name=a`;
    const services = (backends: readonly string[]): TestServices => ({
      listeners: { in: { address: ANY_PORT, pool: 'db' } },
      pools: { db: { backends, onRemove } },
    });
    const proxy = await startProxy(way, services([a, b]));
    const port = portOfListener(proxy, 'in');
    const started = nextSession(proxy);
    const client = await openClient(port);
    const session = await started;
    expect(session.backend).toBe('a');
    const remove = async (how: (typeof removals)[number]): Promise<void> => {
      const backend = proxy.pool('db').backend('a');
      if (how === 'removed') await proxy.update(whole(services([b])));
      else if (how === 'moved') {
        await proxy.update(whole(services([c.replace('name=c', 'name=a')])));
      } else if (how === 'removed with its pool') {
        await proxy.update(
          whole({
            listeners: { in: { address: ANY_PORT, pool: 'web' } },
            pools: { web: { backends: [b] } },
          }),
        );
      } else if (how === 'drained') void backend.drain();
      else void backend.maintenance();
    };
    return { proxy, port, client, session, remove, echo };
  }

  describe.each(removals)('of a backend that is %s', (how) => {
    it('go on, by default', async () => {
      const { proxy, port, client, session, remove, echo } = await startWithSession();
      await remove(how);
      expect(await answersAt(port, 3)).toBe(how === 'moved' ? 'ccc' : 'bbb');
      expect(await echoed(client, 'still here')).toBe('still here');
      expect(session).toMatchObject({ state: 'open', backend: 'a' });
      await until('the others to end', () => proxy.stats().sessions.open === 1);
      client.end();
      await readAll(client);
      expect(await within('the end', session.closed)).toMatchObject({
        reason: 'finished',
        backend: 'a',
        bytesUpstream: 15,
        bytesDownstream: 15,
      });
      expect(echo.sockets).toHaveLength(1);
    });

    it('end at once, where the pool says so', async () => {
      const { client, session, remove } = await startWithSession('close');
      const ending = readToEnding(client);
      await remove(how);
      expect((await ending).how).toBe('ECONNRESET');
      expect(await within('the end', session.closed)).toMatchObject({
        reason: 'destroyed',
        backend: 'a',
        bytesUpstream: 5,
      });
    });

    it('end when their time is over', async () => {
      const { client, session, remove } = await startWithSession({ after: 300 });
      const ending = readToEnding(client);
      await remove(how);
      expect((await ending).how).toBe('ECONNRESET');
      expect((await within('the end', session.closed)).reason).toBe('destroyed');
    });
  });

  it('go on while they have time', async () => {
    const { client, remove } = await startWithSession({ after: 3_600_000 });
    await remove('removed');
    expect(await echoed(client, 'still')).toBe('still');
  });

  it('end as remove() says, whatever their pool does', async () => {
    const { proxy, client, session } = await startWithSession('keep');
    const ending = readToEnding(client);
    expect(await proxy.pool('db').remove('a', 'close')).toMatchObject({ removed: ['db/a'] });
    expect((await ending).how).toBe('ECONNRESET');
    expect((await session.closed).reason).toBe('destroyed');
  });

  it('go on as remove() says, whatever their pool does', async () => {
    const { proxy, client } = await startWithSession('close');
    await proxy.pool('db').remove('a', 'keep');
    expect(await echoed(client, 'still')).toBe('still');
  });

  it('of other backends are left alone', async () => {
    const echoes = [await startEcho(), await startEcho()];
    const backends = echoes.map(({ address }, index) => `${address},name=${'ab'[index]}`);
    const proxy = await startProxy(way, {
      listeners,
      pools: { default: { backends, onRemove: 'close' } },
    });
    const started = nextSession(proxy);
    const first = await openClient(portOfListener(proxy, 'in'));
    const second = await openClient(portOfListener(proxy, 'in'));
    const isFirst = (await started).backend === 'a';
    const [cut, left] = isFirst ? [first, second] : [second, first];
    const ending = readToEnding(cut);
    await proxy.pool().remove('a');
    expect((await ending).how).toBe('ECONNRESET');
    expect(await echoed(left, 'still')).toBe('still');
  });

  describe('of a listener that is removed', () => {
    async function startTwo(onRemove: OnRemove) {
      const echo = await startEcho();
      const pools = { default: { backends: [echo.address], onRemove } };
      const both = { ...listeners, web: { address: ANY_PORT } };
      const proxy = await startProxy(way, { listeners: both, pools });
      const kept = await openClient(portOfListener(proxy, 'in'));
      const started = nextSession(proxy);
      const client = await openClient(portOfListener(proxy, 'web'));
      const session = await started;
      const remove = () => proxy.update(whole({ listeners, pools }));
      return { proxy, kept, client, session, remove };
    }

    it('go on, by default', async () => {
      const { proxy, kept, client, session, remove } = await startTwo('keep');
      await remove();
      expect(await echoed(client, 'still')).toBe('still');
      expect(await echoed(kept, 'still')).toBe('still');
      expect(proxy.stats().sessions).toMatchObject({ open: 2, opened: 2 });
      client.end();
      expect((await within('the end', session.closed)).reason).toBe('finished');
    });

    it.each<[string, OnRemove]>([
      ['at once', 'close'],
      ['when their time is over', { after: 300 }],
    ])('end %s, as their pool says', async (_, onRemove) => {
      const { proxy, kept, client, session, remove } = await startTwo(onRemove);
      const ending = readToEnding(client);
      await remove();
      expect((await ending).how).toBe('ECONNRESET');
      expect((await within('the end', session.closed)).reason).toBe('destroyed');
      expect(await echoed(kept, 'still')).toBe('still');
      expect(proxy.stats().sessions).toMatchObject({ open: 1, opened: 2 });
    });
  });

  describe('on their way to a backend', () => {
    /** A client on its way to `late`, which does not answer yet; `b` does. */
    async function startOnTheWay() {
      const late = await startLate();
      const [b = ''] = await namedBackends('b');
      const proxy = await startProxy(way, {
        listeners,
        pools: {
          default: {
            backends: [`127.0.0.1:${late.port},name=late`, `${b}`],
            connectTimeout: 0,
            connectBudget: 0,
            abortOnClose: false,
          },
        },
      });
      const summary = nextSummary(proxy);
      const client = await connect(portOfListener(proxy, 'in'));
      const answer = readAll(client);
      await until('the client on its way', () => isAsked(late.port));
      return { proxy, late, summary, client, answer };
    }

    it.each<[string, (proxy: RunningProxy) => Promise<unknown>]>([
      ['is removed', (proxy) => proxy.pool().remove('late', 'close')],
      ['is drained', (proxy) => proxy.pool().backend('late').drain('close')],
      ['is in maintenance', (proxy) => proxy.pool().backend('late').maintenance('close')],
      ['is removed for good soon', (proxy) => proxy.pool().remove('late', { after: 200 })],
    ])('that %s go to another one', async (_, remove) => {
      const { proxy, summary, client, answer } = await startOnTheWay();
      const result = await remove(proxy);
      if (typeof result === 'object' && result !== null && 'cut' in result) {
        expect(result).toEqual({ cut: 0, isEmpty: true });
      }
      expect(String(await answer)).toBe('b');
      client.end();
      expect(await summary).toMatchObject({ reason: 'finished', backend: 'b' });
      // It has not failed: it was left.
      const known = proxy.stats().backends.find(({ name }) => name === 'late');
      expect(known?.failed ?? 0).toBe(0);
      expect(proxy.stats().sessions).toMatchObject({ opened: 1, failed: 0 });
    });

    it('that is removed go on to it, where they may', async () => {
      const { proxy, late, client, summary, answer } = await startOnTheWay();
      await proxy.pool().remove('late');
      await late.accept();
      expect(String(await answer)).toBe('late');
      client.end();
      expect(await summary).toMatchObject({ reason: 'finished', backend: 'late' });
    });
  });

  describe('of a drained backend', () => {
    it('are waited for', async () => {
      const { proxy, port, client } = await startWithSession();
      const backend = proxy.pool('db').backend('a');
      const drained = backend.drain();
      expect(backend.state).toBe('drain');
      expect(figuresOf(proxy, 'db', 'a')).toMatchObject({ state: 'drain', open: 1 });
      expect(await answersAt(port, 3)).toBe('bbb');
      client.end();
      expect(await within('the drain', drained)).toEqual({ cut: 0, isEmpty: true });
      expect(await answersAt(port, 2)).toBe('bb');
      backend.ready();
      expect(backend.state).toBe('ready');
      await openClient(port);
      expect(figuresOf(proxy, 'db', 'a')).toMatchObject({ opened: 2, open: 1 });
    });

    it('are counted when they are cut', async () => {
      const { proxy, port } = await startWithSession();
      expect(await answersAt(port, 1)).toBe('b');
      await openClient(port);
      const backend = proxy.pool('db').backend('a');
      const drained = backend.drain({ after: 200 });
      expect(await within('the drain', drained)).toEqual({ cut: 2, isEmpty: true });
      expect(figuresOf(proxy, 'db', 'a')).toMatchObject({ opened: 2, open: 0 });
    });

    it('are none when it has none', async () => {
      const { proxy, client, session } = await startWithSession();
      client.end();
      await session.closed;
      const backend = proxy.pool('db').backend('a');
      expect(await within('the drain', backend.drain())).toEqual({ cut: 0, isEmpty: true });
    });

    it('go on where it is called off, by ready() or the end; another drain goes on with the first', async () => {
      const { proxy, client } = await startWithSession();
      const backend = proxy.pool('db').backend('a');
      const calledOff = { cut: 0, isEmpty: false };
      const first = backend.drain({ after: 3_600_000 });
      backend.ready();
      expect(await first).toEqual(calledOff);
      const second = backend.drain('keep');
      const third = backend.maintenance();
      expect(backend.state).toBe('maintenance');
      expect(await echoed(client, 'still')).toBe('still');
      const closed = proxy.close();
      expect(await Promise.all([second, third])).toEqual([calledOff, calledOff]);
      await closed;
    });

    it('end when the last drain says so; who waits for the first one hears of it', async () => {
      const { proxy } = await startWithSession();
      const backend = proxy.pool('db').backend('a');
      const first = backend.drain('keep');
      expect(await within('the drain', backend.drain('close'))).toEqual({ cut: 1, isEmpty: true });
      expect(await within('the drain', first)).toEqual({ cut: 1, isEmpty: true });
    });

    it('are waited for when it is removed meanwhile', async () => {
      const { proxy, client, remove } = await startWithSession();
      const drained = proxy.pool('db').backend('a').drain();
      await remove('removed');
      client.end();
      expect(await within('the drain', drained)).toEqual({ cut: 0, isEmpty: true });
    });

    it('find none where all are drained, and one when one is ready', async () => {
      const { proxy, port } = await startWithSession();
      void proxy.pool('db').backend('a').drain();
      await proxy.pool('db').backend('b').drain();
      const summary = nextSummary(proxy);
      await connect(port);
      expect((await summary).reason).toBe('no-backend');
      proxy.pool('db').backend('b').ready();
      expect(await answersAt(port, 1)).toBe('b');
    });
  });

  describe('that begin', () => {
    /** Clients are served by one of two, whoever takes the other's place meanwhile. */
    async function expectService(
      backends: readonly string[],
      change: (proxy: RunningProxy, to: number) => Promise<unknown> | undefined,
    ): Promise<void> {
      const proxy = await startProxy(way, { listeners, pools: { default: { backends } } });
      const port = portOfListener(proxy, 'in');
      const asking = keepAsking(() => port, 8);
      for (let round = 0; round < 200; round++) {
        await change(proxy, round % 2);
        await asking.turn();
      }
      const answers = await asking.stop();
      expect(answers.filter((answer) => !['a', 'b'].includes(answer))).toEqual([]);
      expect(proxy.stats().sessions.failed).toBe(0);
    }

    it('find a backend while all of a pool are replaced', async () => {
      const backends = await namedBackends('ab');
      await expectService(backends.slice(1), (proxy, to) =>
        proxy.update(whole({ listeners, pools: { default: { backends: [backends[to] ?? ''] } } })),
      );
    });

    it('find a backend while one is made ready and the other drained', async () => {
      await expectService(await namedBackends('ab'), (proxy, to) => {
        const [from, other] = to === 0 ? ['a', 'b'] : ['b', 'a'];
        proxy.pool().backend(`${other}`).ready();
        void proxy.pool().backend(`${from}`).drain();
        return undefined;
      });
    });
  });
});
