/** An ES module that uses the package. Prints the engine, once everything has worked. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { createProxy, type ProxyOptions, type SessionSummary, SplicewayError } from 'spliceway';

const backend = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
await once(backend.listen(0, '127.0.0.1'), 'listening');
const { port } = backend.address() as AddressInfo;

const options: ProxyOptions = {
  listen: '127.0.0.1:0',
  backends: [{ address: `127.0.0.1:${port}`, weight: 2 }],
  idleTimeout: '1m',
};
const proxy = await createProxy(options);
const summaries: SessionSummary[] = [];
proxy.on('session', (session) => session.on('close', (summary) => summaries.push(summary)));

const client = connect(proxy.addresses()[0]?.port ?? 0, '127.0.0.1');
client.end('hello');
if ((await text(client)) !== 'hello') throw new Error('not what was sent came back');
await proxy.close({ drain: '5s' });
backend.close();
if (summaries[0]?.bytesDownstream !== 5) throw new Error(`closed with ${summaries}`);

const refusal: unknown = await createProxy({ listen: 'nonsense', backends: [] }).catch((e) => e);
if (!(refusal instanceof SplicewayError)) throw new Error(`${refusal} is no SplicewayError`);
console.log(proxy.engine.name);
