/** close() whatever a proxy is in the middle of, and a thousand proxies one after the other. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseOptions } from '../src/config/schema.js';
import { createProxyFromConfig } from '../src/proxy/create.js';
import { until, within } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { optionsOf, ways } from './helpers/engines.js';
import { packageUrl, startProgram } from './helpers/program.js';
import { portOf, type RunningProxy, startProxy } from './helpers/proxies.js';
import { startBlackhole, startEcho, startServer, startSink } from './helpers/servers.js';
import { connect, readExactly, reset } from './helpers/sockets.js';

const CYCLES = 1000;
const LOOKS = 8;
const MIB = 1024 * 1024;

interface State {
  /** The address of its backend. */
  readonly backend: () => Promise<string>;
  /** What a client does, until the session is in that state. */
  readonly reach: (proxy: RunningProxy) => Promise<unknown>;
}

const echo = async () => (await startEcho()).address;
const sink = async () => (await startSink()).address;
const opened = (proxy: RunningProxy) =>
  until('the session', () => proxy.stats().sessions.opened === 1);

const states: Readonly<Record<string, State>> = {
  'nobody is there': { backend: echo, reach: async () => {} },
  'a session is connecting': {
    backend: startBlackhole,
    reach: async (proxy) => {
      await connect(portOf(proxy));
      await opened(proxy);
    },
  },
  'a name is being looked up': {
    backend: async () => 'never.test:1',
    reach: async (proxy) => {
      await connect(portOf(proxy));
      await opened(proxy);
    },
  },
  'a session is idle': {
    backend: echo,
    reach: async (proxy) => {
      const client = await connect(portOf(proxy));
      client.write('x');
      await readExactly(client, 1);
    },
  },
  'a session is full both ways': {
    backend: async () =>
      (await startServer((s) => s.write(Buffer.alloc(32 * MIB)), { paused: true })).address,
    reach: async (proxy) => {
      const client = await connect(portOf(proxy));
      client.pause().write(Buffer.alloc(32 * MIB));
      const { bytes } = proxy.stats();
      await until('bytes both ways', () => {
        Object.assign(bytes, proxy.stats().bytes);
        return bytes.upstream > 0 && bytes.downstream > 0;
      });
    },
  },
  'the client of a session has ended': {
    backend: async () =>
      (await startServer((s) => s.resume().once('end', () => s.write('heard')))).address,
    reach: async (proxy) => {
      const client = await connect(portOf(proxy));
      client.end();
      await readExactly(client, 5);
    },
  },
  'the client of a session has reset, and its backend does not read': {
    backend: sink,
    reach: async (proxy) => {
      const client = await connect(portOf(proxy));
      client.write(Buffer.alloc(32 * MIB));
      await until('bytes', () => proxy.stats().bytes.upstream > 0);
      reset(client);
    },
  },
};

describe.each(ways)('close with %s', (way) => {
  describe.each(Object.keys(states))('while %s', (name) => {
    const { backend, reach } = states[name] as State;

    it.each([
      ['at once', {}],
      ['draining for no time', { drain: 0 }],
      ['draining for a moment', { drain: '50ms' }],
    ])('%s', async (_, options) => {
      const address = await backend();
      const before = openDescriptors();
      const proxy = await startProxy(
        way,
        { backends: [address] },
        { lookup: firstNoneThenNever() },
      );
      proxy.on('warning', () => {});
      proxy.on('session', (session) => session.on('error', () => {}));
      const reached = reach(proxy);
      await reached;
      const whileOpen = openDescriptors();
      await within('closing', proxy.close(options));
      expect(proxy.stats().sessions.open).toBe(0);
      await expect(connect(portOf(proxy))).rejects.toThrow('ECONNREFUSED');
      // Its own are closed; those of the clients and the backend are the test's.
      expect(openDescriptors().total).toBeLessThan(whileOpen.total);
      expect(openDescriptors().pipes).toBeLessThanOrEqual(before.pipes);
    });
  });

  it('leaves nothing of a proxy that could not listen', async () => {
    const taken = await startServer();
    const address = await echo();
    const config = (listen: string[]) =>
      parseOptions({ listen, backends: [address], threads: 2, ...optionsOf(way) });
    // What is loaded and started once, for all proxies.
    await (await createProxyFromConfig(config(['127.0.0.1:0']))).close();
    const before = openDescriptors();
    const threads = threadCount();
    const failing = config(['127.0.0.1:0', taken.address]);
    await expect(createProxyFromConfig(failing)).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_LISTEN',
    });
    await untilBackTo(before);
    expect(threadCount()).toBe(threads);
  });

  it(`happens to ${CYCLES} proxies, one after the other, and nothing grows`, async () => {
    const task = { index: packageUrl, options: optionsOf(way), backend: await echo() };
    const { ended } = startProgram(manyProxies, task);
    const { code, output } = await within('the end of the program', ended, 120_000);
    expect(code, output).toBe(0);
    const looks = JSON.parse(output) as Record<
      'descriptors' | 'threads' | 'heap' | 'outside',
      number
    >[];
    /** What the allocator keeps for the next thread goes up and down; the least of some looks does not. */
    const growthOf = (what: keyof (typeof looks)[0]) => {
      const values = looks.map((look) => look[what]);
      return Math.min(...values.slice(LOOKS / 2)) - Math.min(...values.slice(0, LOOKS / 2));
    };
    expect(looks).toHaveLength(LOOKS);
    expect(growthOf('descriptors')).toBe(0);
    expect(growthOf('threads')).toBe(0);
    expect(growthOf('heap')).toBeLessThan(5 * MIB);
    // 64 KiB for each proxy would be over it; each of its two loops has more.
    expect(growthOf('outside')).toBeLessThan(32 * MIB);
  });
});

/** In a process of its own, so that no memory is counted but that of proxies. */
const manyProxies = `
  import { once } from 'node:events';
  import { readdirSync } from 'node:fs';
  import net from 'node:net';
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const { index, options, backend } = JSON.parse(process.argv.at(-1));
  const { createProxy } = await import(index);
  const results = [];
  for (let cycle = 1; cycle <= ${CYCLES}; cycle++) {
    const proxy = await createProxy({ listen: '127.0.0.1:0', backends: [backend], threads: 2, ...options });
    // A slow machine may be warned of, on the same stream as the results.
    proxy.on('warning', () => {});
    const client = net.connect(proxy.addresses()[0].port, '127.0.0.1').end('x').resume();
    await once(client, 'close');
    await proxy.close();
    if (cycle % ${CYCLES / LOOKS} !== 0) continue;
    collect();
    const { external, heapUsed, heapTotal, rss } = process.memoryUsage();
    results.push({
      descriptors: readdirSync('/proc/self/fd').length,
      threads: readdirSync('/proc/self/task').length,
      heap: heapUsed,
      outside: rss - heapTotal - external,
    });
  }
  console.log(JSON.stringify(results));
  process.disconnect();
`;

/** The proxy does not wait for the name when it starts, and the first client does. */
function firstNoneThenNever(): () => Promise<never> {
  let calls = 0;
  return () => {
    calls += 1;
    return calls === 1 ? Promise.reject(new Error('not known')) : new Promise(() => {});
  };
}

function threadCount(): number {
  return readdirSync('/proc/self/task').length;
}
