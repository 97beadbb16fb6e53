/** The proxy that anyone writes in Node. Arguments: where to listen; host and port of the server. */
import { connect, createServer } from 'node:net';

const [listenHost, host, port] = process.argv.slice(2);
const options = { allowHalfOpen: true, noDelay: true };

const server = createServer(options, (client) => {
  const backend = connect({ ...options, host, port: Number(port) });
  client.on('error', () => backend.destroy());
  backend.on('error', () => client.destroy());
  client.pipe(backend).pipe(client);
});
server.listen(0, listenHost, () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listening on ${listenHost}:${address?.port}`);
});
