/** Proxies of the main thread and of a worker. Prints their engines. */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { createProxy } from 'spliceway';
import { relay } from './relay.cjs';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const [[of], own] = await Promise.all([once(worker, 'message'), relay(createProxy)]);
  console.log(own === of ? own : `${own} and ${of}`);
} else {
  parentPort?.postMessage(await relay(createProxy));
}
