/**
 * A tunnel with HTTP's CONNECT, in CommonJS: the server of `node:http` reads the request, and join() does the rest in the
 * kernel. It connects to any host that a client names: let only your own reach it.
 *
 *   node tunnel.cjs 3128
 *   curl --proxytunnel --proxy http://127.0.0.1:3128 http://127.0.0.1:8080/
 */
const { createServer } = require('node:http');
const { connect, Socket } = require('node:net');
const { join } = require('spliceway');

const server = createServer((_, response) => response.writeHead(405).end('only CONNECT\n'));
server.on('connect', ({ url = '' }, client, head) => {
  const [, host, port] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(url) ?? [];
  if (host === undefined || Number(port) > 65535 || !(client instanceof Socket)) {
    client.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    return;
  }
  const backend = connect({ host, port: Number(port), allowHalfOpen: true });
  const refuse = () => client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
  const leave = () => backend.destroy();
  backend.on('error', refuse);
  client.on('error', leave).on('close', leave);
  backend.on('connect', () => {
    backend.off('error', refuse);
    client.off('error', leave).off('close', leave);
    client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    try {
      join(client, backend, { head });
    } catch (error) {
      console.error(error); // No descriptors left: both are still ours.
      client.destroy();
      backend.destroy();
    }
  });
});
server.listen(Number(process.argv[2]), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listening on ${address?.address}:${address?.port}`);
});
