/**
 * The program under test: a proxy for each service, in one process. Takes JSON with the engine and each service's
 * backends; prints its ports, then a line of figures each second. On standard input: `block MS` holds JavaScript up,
 * `collect` frees garbage first and has a line of figures at once.
 */
import { createInterface } from 'node:readline';
import { getHeapStatistics } from 'node:v8';
import { createProxy } from '../../dist/index.js';

const { engine, backends } = JSON.parse(process.argv.at(-1) ?? '{}');

const proxies = await Promise.all(
  Object.entries(/** @type {Record<string, string[]>} */ (backends)).map(
    async ([name, addresses]) => {
      const proxy = await createProxy({
        ...{ listen: '127.0.0.1:0', backends: addresses, engine, threads: 2 },
        ...{
          connectTimeout: '2s',
          idleTimeout: '20s',
          halfCloseTimeout: '15s',
          handshakeTimeout: '15s',
        },
        // The stream engine cannot ask what the descriptors allow.
        ...(engine === 'stream' && { maxSessions: 150 }),
      });
      return /** @type {const} */ ([name, proxy]);
    },
  ),
);
for (const [, proxy] of proxies) {
  for (const event of /** @type {const} */ (['warning', 'backendError', 'noBackend'])) {
    proxy.on(event, () => {});
  }
}

/** @param {object} line */
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
print({
  ports: Object.fromEntries(proxies.map(([name, proxy]) => [name, proxy.addresses()[0]?.port])),
});

function figures() {
  const stats = proxies.map(([, proxy]) => proxy.stats());
  /** @param {(of: import('../../dist/index.js').ProxyStats) => number} of */
  const sum = (of) => stats.reduce((total, each) => total + of(each), 0);
  // Not process.memoryUsage(), which opens a file, and there are moments without a descriptor.
  const heap = getHeapStatistics();
  return {
    open: sum(({ sessions }) => sessions.open),
    opened: sum(({ sessions }) => sessions.opened),
    failed: sum(({ sessions }) => sessions.failed),
    bytes: sum(({ bytes }) => bytes.upstream + bytes.downstream),
    heap: heap.used_heap_size,
    heapReserved: heap.total_heap_size,
  };
}

setInterval(() => print(figures()), 1000).unref();

createInterface(process.stdin).on('line', (line) => {
  const [command, argument] = line.split(' ');
  if (command === 'block') {
    const until = performance.now() + Number(argument);
    while (performance.now() < until);
  }
  if (command === 'collect') {
    globalThis.gc?.();
    print({ ...figures(), collected: true });
  }
});

process.once('SIGTERM', async () => {
  await Promise.all(proxies.map(([, proxy]) => proxy.close({ drain: '10s' })));
  process.exit(0);
});
