/** A CommonJS module that uses the package. Prints the engine, once everything has worked. */
import net = require('node:net');
import events = require('node:events');
import consumers = require('node:stream/consumers');
import spliceway = require('spliceway');

async function main(): Promise<void> {
  const backend = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await events.once(backend.listen(0, '127.0.0.1'), 'listening');
  const { port } = backend.address() as net.AddressInfo;

  // What `a.pipe(b).pipe(a)` does, in the kernel.
  const front = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const onward = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    onward.once('connect', () => spliceway.join(socket, onward));
  });
  await events.once(front.listen(0, '127.0.0.1'), 'listening');
  const client = net.connect((front.address() as net.AddressInfo).port, '127.0.0.1');
  client.end('hello');
  const answer = await consumers.text(client);
  if (answer !== 'hello') throw new Error(`${answer} came back`);
  front.close();

  const proxy: spliceway.Proxy = await spliceway.createProxy({
    listen: '127.0.0.1:0',
    backends: [`127.0.0.1:${port}`],
  });
  const { sessions }: spliceway.ProxyStats = proxy.stats();
  if (sessions.opened !== 0) throw new Error(`${sessions.opened} sessions of nobody`);
  await proxy.close();
  backend.close();
  console.log(proxy.engine.name);
}

void main();
