/** Proxies in worker threads: terminated under load, and many of them in one process. */
import { cpSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/engine/native/addon.js';
import { within } from './helpers/deadline.js';
import { packageUrl, startProgram } from './helpers/program.js';
import { tempPath } from './helpers/temp.js';

const ROUNDS = 8;
const CLIENTS = 20;

/**
 * Its own process: what this test is about would end it. The worker runs the built package, the main thread its
 * backend and clients, which send all the time. Prints the descriptors that were left over. Whatever does not come ends
 * it, with a message that names the round and what was waited for.
 */
const program = `
  import { once } from 'node:events';
  import { readdirSync } from 'node:fs';
  import net from 'node:net';
  import { Worker } from 'node:worker_threads';

  const backend = net.createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  // A module as well: workers inherit --input-type.
  const inWorker = \`
    import { parentPort, workerData } from 'node:worker_threads';
    const { createProxy } = await import(workerData.index);
    const proxy = await createProxy({
      listen: '127.0.0.1:0', backends: [workerData.backend], engine: 'native', threads: 2,
      accept: workerData.accept,
    });
    parentPort.postMessage(proxy.addresses()[0].port);\`;
  const workerData = {
    ...JSON.parse(process.argv.at(-1)),
    backend: '127.0.0.1:' + backend.address().port,
  };
  let round = 0;
  const within = (what, promise) => {
    const text = 'round ' + round + ': ' + what + ' not within 60 s';
    const timer = setTimeout(() => { console.log(text); process.exit(1); }, 60_000);
    return promise.finally(() => clearTimeout(timer));
  };
  const descriptors = () => readdirSync('/proc/self/fd').length;
  let before;
  for (; round < ${ROUNDS}; round++) {
    const worker = new Worker(inWorker, { eval: true, workerData });
    const [port] = await within('the port', once(worker, 'message'));
    const clients = Array.from({ length: ${CLIENTS} }, () => {
      const client = net.connect({ port, host: '127.0.0.1' });
      client.on('error', () => {});
      client.on('data', (chunk) => client.write(chunk));
      client.write('x'.repeat(10_000));
      return client;
    });
    await within('data for each client', Promise.all(clients.map((client) => once(client, 'data'))));
    const closed = clients.map((client) => once(client, 'close').catch(() => {}));
    await within('the end of the worker', worker.terminate());
    await within('the end of each client', Promise.all(closed));
    const late = net.connect({ port, host: '127.0.0.1' });
    const [error] = await within('a refusal', once(late, 'error'));
    if (error.code !== 'ECONNREFUSED') throw error;
    // What a first worker leaves for good, caches and the like, is not a leak.
    if (round === 0) before = descriptors();
  }
  const deadline = performance.now() + 60_000;
  while (descriptors() > before && performance.now() < deadline) await new Promise(setImmediate);
  console.log('left over: ' + (descriptors() - before));
  process.exit(0);
`;

/**
 * Proxies of the main thread and of several workers, which all have the one addon, and of a copy of the package, which
 * has its own. Each serves clients while the others close.
 */
const everywhere = `
  import { once } from 'node:events';
  import net from 'node:net';
  import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

  // Each package is to load its own.
  delete process.env.SPLICEWAY_PREBUILD;
  const start = async ({ index, backend }) => {
    const { createProxy } = await import(index);
    const proxy = await createProxy({ listen: '127.0.0.1:0', backends: [backend], engine: 'native', threads: 2 });
    return { port: proxy.addresses()[0].port, close: () => proxy.close() };
  };
  const startInWorker = async (task) => {
    const worker = new Worker(task.program, { eval: true, workerData: task });
    const [port] = await once(worker, 'message');
    return { port, close: () => (worker.postMessage('close'), once(worker, 'exit')) };
  };
  const ask = (port) => new Promise((resolve, reject) => {
    const client = net.connect({ port, host: '127.0.0.1' });
    let answer = '';
    client.on('data', (data) => { answer += data; }).on('end', () => resolve(answer)).on('error', reject);
    client.end('hello');
  });

  if (!isMainThread) {
    const proxy = await start(workerData);
    parentPort.postMessage(proxy.port);
    await once(parentPort, 'message');
    await proxy.close();
    parentPort.close();
  } else {
    const { copy, ...task } = JSON.parse(process.argv.at(-1));
    const backend = net.createServer((socket) => socket.pipe(socket));
    await once(backend.listen(0, '127.0.0.1'), 'listening');
    task.backend = '127.0.0.1:' + backend.address().port;
    const proxies = await Promise.all([
      start(task), start({ ...task, index: copy }), startInWorker(task), startInWorker(task), startInWorker({ ...task, index: copy }),
    ]);
    let served = 0;
    while (proxies.length > 0) {
      for (const { port } of proxies) {
        const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port)));
        served += answers.filter((answer) => answer === 'hello').length;
      }
      await proxies.shift().close();
    }
    backend.close();
    process.disconnect();
    console.log('served: ' + served);
  }`;

describe('worker threads', () => {
  it.each(['native', 'node'])(
    'can be terminated with sessions alive, %s accept: no crash, no descriptor and no open port is left',
    async (accept) => {
      const { ended } = startProgram(program, { index: packageUrl, accept });
      expect(await ended).toEqual({
        code: 0,
        signal: null,
        output: 'left over: 0\n',
      });
    },
  );

  it('and the main thread have proxies at the same time, of the same addon and of a copy', async () => {
    const task = { index: copyOfPackage(), copy: copyOfPackage(), program: everywhere };
    const { ended } = startProgram(everywhere, task);
    const served = 20 * (5 + 4 + 3 + 2 + 1);
    expect(await within('the end', ended, 120_000)).toEqual({
      code: 0,
      signal: null,
      output: `served: ${served}\n`,
    });
  });
});

/** The built package and its addon once more, at another path: for the loader, another addon. */
function copyOfPackage(): string {
  const folder = tempPath('package');
  const root = new URL('..', import.meta.url);
  for (const part of ['package.json', 'dist']) {
    cpSync(new URL(part, root), path.join(folder, part), { recursive: true });
  }
  const addon = loadAddon();
  if (!addon.ok) throw new Error(addon.reason);
  cpSync(addon.file, path.join(folder, 'build/Release/spliceway.node'));
  symlinkSync(new URL('node_modules', root), path.join(folder, 'node_modules'));
  return pathToFileURL(path.join(folder, 'dist/index.js')).href;
}
