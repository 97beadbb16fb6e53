/** Two processes that share a listener. Prints their engine, once clients of both have been served. */
import cluster from 'node:cluster';
import { once } from 'node:events';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { createProxy } from 'spliceway';

if (cluster.isPrimary) {
  const backend = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {net.AddressInfo} */ (backend.address());
  const workers = [1, 2].map(() => cluster.fork({ BACKEND: `127.0.0.1:${port}` }));
  const started = await Promise.all(workers.map((worker) => once(worker, 'message')));
  const engines = new Set(started.map(([{ engine }]) => engine));
  // They take turns.
  for (const _ of workers) {
    const client = net.connect(started[0]?.[0].port, '127.0.0.1');
    client.end('hello');
    if ((await text(client)) !== 'hello') throw new Error('not what was sent came back');
  }
  const served = workers.map(async (worker) => {
    worker.send('close');
    const [opened] = await once(worker, 'message');
    if (opened !== 1) throw new Error(`a worker served ${opened} clients`);
  });
  await Promise.all(served);
  backend.close();
  console.log([...engines].join(' and '));
} else {
  const proxy = await createProxy({
    listen: '127.0.0.1:0',
    backends: [String(process.env.BACKEND)],
  });
  process.send?.({ port: proxy.addresses()[0]?.port, engine: proxy.engine.name });
  await once(process, 'message');
  await proxy.close({ drain: '5s' });
  process.send?.(proxy.stats().sessions.opened, () => process.disconnect());
}
