/** Proxies in worker threads that are terminated under load. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { within } from './helpers/deadline.js';

const ROUNDS = 8;
const CLIENTS = 20;

/**
 * Its own process: what this test is about would end it. The worker runs the built package, the main thread its
 * backend and clients, which send all the time. Prints the descriptors that were left over.
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
    accept: process.argv.at(-1),
    index: '${new URL('../dist/index.js', import.meta.url)}',
    backend: '127.0.0.1:' + backend.address().port,
  };
  const descriptors = () => readdirSync('/proc/self/fd').length;
  let before;
  for (let round = 0; round < ${ROUNDS}; round++) {
    const worker = new Worker(inWorker, { eval: true, workerData });
    const [port] = await once(worker, 'message');
    const clients = Array.from({ length: ${CLIENTS} }, () => {
      const client = net.connect({ port, host: '127.0.0.1' });
      client.on('error', () => {});
      client.on('data', (chunk) => client.write(chunk));
      client.write('x'.repeat(10_000));
      return client;
    });
    await Promise.all(clients.map((client) => once(client, 'data')));
    const closed = clients.map((client) => once(client, 'close').catch(() => {}));
    await worker.terminate();
    await Promise.all(closed);
    const late = net.connect({ port, host: '127.0.0.1' });
    const [error] = await once(late, 'error');
    if (error.code !== 'ECONNREFUSED') throw error;
    // What a first worker leaves for good, caches and the like, is not a leak.
    if (round === 0) before = descriptors();
  }
  const deadline = performance.now() + 5000;
  while (descriptors() > before && performance.now() < deadline) await new Promise(setImmediate);
  console.log('left over: ' + (descriptors() - before));
  process.exit(0);
`;

describe('worker threads', () => {
  it.each(['native', 'node'])(
    'can be terminated with sessions alive, %s accept: no crash, no descriptor and no open port is left',
    async (accept) => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', program, accept]);
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
      const [code, signal] = await within('the rounds', once(child, 'close'), 25_000).finally(
        () => {
          child.kill('SIGKILL');
        },
      );
      expect(output).toBe('left over: 0\n');
      expect({ code, signal }).toEqual({ code: 0, signal: null });
    },
  );
});
