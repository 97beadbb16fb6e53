/** Updates that cannot be: all goes on as it was, and nothing is left of what they had begun. */
import { describe, expect, it } from 'vitest';
import type { ProxyOptions } from '../src/config/options.js';
import { until } from './helpers/deadline.js';
import { type OpenDescriptors, openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { ways } from './helpers/engines.js';
import {
  portOfListener,
  type RunningProxy,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import { refusedAddress, startEcho, startNamed } from './helpers/servers.js';
import {
  ANY_PORT,
  answersAt,
  echoed,
  keepAsking,
  namedBackends,
  openClient,
  wholeOf,
} from './helpers/services.js';
import { connect } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

/** All that can be seen of a configuration from outside. */
function shownBy(proxy: RunningProxy) {
  const { generation, listeners, backends } = proxy.stats();
  return {
    generation,
    listeners: listeners.map(({ name, address }) => [name, address]),
    backends: backends.map(({ pool, name, address, weight, state }) => [
      pool,
      name,
      address,
      weight,
      state,
    ]),
    options: proxy.options,
    addresses: proxy.addresses(),
  };
}

/** Fails where the update does not, or leaves a trace. */
async function expectRefusal(
  proxy: RunningProxy,
  options: ProxyOptions | ((present: ProxyOptions) => ProxyOptions),
  code: string,
  message: string,
): Promise<void> {
  const before: OpenDescriptors = openDescriptors();
  const shown = shownBy(proxy);
  await expect(proxy.update(options)).rejects.toMatchObject({
    code: `ERR_SPLICEWAY_${code}`,
    message: expect.stringContaining(message),
  });
  expect(shownBy(proxy)).toEqual(shown);
  await untilBackTo(before);
}

const listeners = { in: { address: ANY_PORT } };

describe.each(ways)('an update that cannot be, with %s', (way) => {
  const whole = (options: TestServices) => wholeOf(way, options);

  /** One listener and a backend that answers `a`. */
  async function startOne() {
    const [a = '', b = ''] = await namedBackends('ab');
    const pools = { default: { backends: [a] } };
    const proxy = await startProxy(way, { listeners, pools });
    return { proxy, a, b, pools, port: portOfListener(proxy, 'in') };
  }

  it('is one with wrong options, which are all named', async () => {
    const { proxy, pools, port, a } = await startOne();
    const wrong = { ...listeners, web: { address: ANY_PORT, pool: 'defalt', idelTimeout: 1 } };
    const refusal = proxy.update(whole({ listeners: wrong, pools }));
    await expect(refusal).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_INVALID_OPTION' });
    await expectRefusal(
      proxy,
      whole({ listeners: { in: { address: ANY_PORT, pool: 'defalt' } }, pools }),
      'INVALID_OPTION',
      'listeners.in.pool: there is no pool defalt (did you mean "default"?)',
    );
    await expectRefusal(
      proxy,
      whole({ listeners, pools: { default: { backends: [a, 'b:x'] } } }),
      'INVALID_ADDRESS',
      'pools.default.backends[1]',
    );
    await expectRefusal(
      proxy,
      () => whole({ listeners, pools: { default: { backends: [] } } }),
      'INVALID_OPTION',
      'pools.default.backends: the pool is empty',
    );
    expect(await answersAt(port, 2)).toBe('aa');
  });

  it('is one for an address in use, with all else that it would have changed', async () => {
    const { proxy, b, port } = await startOne();
    const taken = await startNamed('x');
    const options = whole({
      listeners: {
        first: { address: ANY_PORT, pool: 'new' },
        web: { address: ['127.0.0.2:0', taken.address], pool: 'new' },
      },
      pools: { new: { backends: [b] } },
    });
    const message = `cannot listen on ${taken.address}: the address is in use`;
    await expectRefusal(proxy, options, 'LISTEN', message);
    const asking = keepAsking(() => port, 2);
    for (let round = 0; round < 10; round++) {
      const { answered } = asking;
      await expect(proxy.update(options)).rejects.toThrow(message);
      await until('somebody served', () => asking.answered > answered);
    }
    expect(new Set(await asking.stop())).toEqual(new Set(['a']));
    // The same goes when it is free.
    await taken.close();
    await proxy.update(
      whole({
        listeners: { ...listeners, web: { address: taken.address, pool: 'new' } },
        pools: { default: { backends: [b] }, new: { backends: [b] } },
      }),
    );
    expect(await answersAt(taken.port, 1)).toBe('b');
  });

  it('is one for a unix path that another program has', async () => {
    const { proxy, pools, port } = await startOne();
    const path = tempPath('taken.sock');
    await startEcho({ listen: { path } });
    await expectRefusal(
      proxy,
      whole({ listeners: { in: { address: [ANY_PORT, `unix:${path}`] } }, pools }),
      'LISTEN',
      'a program is listening on this path',
    );
    expect(await answersAt(port, 1)).toBe('a');
    expect(await echoed(await connect(path), 'there')).toBe('there');
  });

  it.each<[string, object]>([
    ['threads', { threads: 3 }],
    ['engine', { engine: 'auto', accept: 'auto' }],
    ['transfer', { transfer: 'copy' }],
    ['busyPoll', { busyPoll: '10us' }],
    ['maxSessions', { maxSessions: 100 }],
    ['maxSessionsPerClient', { maxSessionsPerClient: 10 }],
    ['resolveEvery', { resolveEvery: '1s' }],
    ['keepAlive', { keepAlive: '5m' }],
  ])('is one of what the process stands on: %s', async (key, other) => {
    const { proxy, pools, port } = await startOne();
    await expectRefusal(
      proxy,
      { ...whole({ listeners, pools }), ...other },
      'INVALID_OPTION',
      `${key}: cannot change while the proxy runs (it is `,
    );
    expect(await answersAt(port, 1)).toBe('a');
  });

  it('is one with a socket that the process would have been started with', async () => {
    const { proxy, pools } = await startOne();
    await expectRefusal(
      proxy,
      whole({ listeners: { ...listeners, web: { address: 'fd:3' } }, pools }),
      'INVALID_OPTION',
      'fd:3 can be listened on from the start alone',
    );
  });

  it('is one of the permissions of a socket that is open', async () => {
    const [a = ''] = await namedBackends('a');
    const address = `unix:${tempPath('in.sock')}`;
    const pools = { default: { backends: [a] } };
    const proxy = await startProxy(way, { listeners: { in: { address } }, pools });
    await expectRefusal(
      proxy,
      whole({ listeners: { in: { address: { address, mode: '0600' } } }, pools }),
      'INVALID_OPTION',
      'mode, user and group cannot change while it is open',
    );
  });

  it('is one that would have the proxy connect to itself', async () => {
    const { proxy, pools, port, a } = await startOne();
    const own = `127.0.0.1:${port}`;
    await expectRefusal(
      proxy,
      whole({ listeners, pools: { default: { backends: [a, own] } } }),
      'INVALID_OPTION',
      `${own} is the proxy itself`,
    );
    await expect(proxy.pool().add(own)).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_INVALID_OPTION',
      message: expect.stringContaining(`${own} is the proxy itself`),
    });
    // From the other side: a listener where a backend was.
    const later = await refusedAddress();
    await proxy.pool().add(later);
    await expectRefusal(
      proxy,
      whole({
        listeners: { ...listeners, web: { address: later } },
        pools: { default: { backends: [a, later] } },
      }),
      'INVALID_OPTION',
      `${later} is the proxy itself`,
    );
    await proxy.update(whole({ listeners, pools }));
    expect(await answersAt(port, 2)).toBe('aa');
  });

  it('leaves the next one in line alone', async () => {
    const { proxy, a, b, port } = await startOne();
    const results = await Promise.allSettled([
      proxy.update({ ...whole({ listeners, pools: { default: { backends: [a] } } }), threads: 9 }),
      proxy.update(whole({ listeners, pools: { default: { backends: [b] } } })),
    ]);
    expect(results).toMatchObject([{ status: 'rejected' }, { value: { generation: 2 } }]);
    expect(await answersAt(port, 2)).toBe('bb');
  });

  it('is one when the proxy is closed', async () => {
    const { proxy, pools } = await startOne();
    await proxy.close();
    await expect(proxy.update(whole({ listeners, pools }))).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_CLOSED',
    });
  });

  it('is one that is asked for while the proxy drains', async () => {
    const backend = await startEcho();
    const pools = { default: { backends: [backend.address] } };
    const proxy = await startProxy(way, { listeners, pools });
    const client = await openClient(portOfListener(proxy, 'in'));
    const closing = proxy.close({ drain: '10m' });
    await expect(proxy.update(whole({ listeners, pools }))).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_CLOSED',
    });
    expect(await echoed(client, 'on')).toBe('on');
    client.end();
    await closing;
  });

  it('is one whose names are still looked up when the proxy closes', async () => {
    const before = openDescriptors();
    const [a = ''] = await namedBackends('a');
    let isAsked = () => {};
    let answer = () => {};
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve;
    });
    const lookup = () => {
      isAsked();
      return new Promise<{ address: string; family: number }[]>((resolve) => {
        answer = () => resolve([{ address: '127.0.0.1', family: 4 }]);
      });
    };
    const pools = { default: { backends: [a], connectTimeout: 0 } };
    const proxy = await startProxy(way, { listeners, pools }, { lookup });
    const updated = proxy.update(
      whole({
        listeners: { ...listeners, web: { address: ANY_PORT } },
        pools: { default: { backends: [a, 'slow.test:1'], connectTimeout: 0 } },
      }),
    );
    await asked;
    const refused = expect(updated).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_CLOSED' });
    await proxy.close();
    answer();
    await refused;
    // The server of the backend is open.
    await untilBackTo({ ...before, total: before.total + 1 });
    expect(proxy.stats()).toMatchObject({ generation: 1, listeners: [{ name: 'in' }] });
  });
});
