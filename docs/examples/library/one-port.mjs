/**
 * TLS and plain HTTP on one port: the first byte says what it is, and the socket is handed to the backend for that. The
 * byte travels with it.
 *
 *   node one-port.mjs 8000 127.0.0.1:8443 127.0.0.1:8080
 */
import { createServer } from 'node:net';
import { createProxy } from 'spliceway';

const [port, tls = '', http = ''] = process.argv.slice(2);
const proxy = await createProxy({ backends: [tls, http] });

/** The type of a TLS record that begins a handshake (RFC 8446, 5.1). */
const handshake = 22;
const patienceMs = 10_000;

const server = createServer({ allowHalfOpen: true }, (socket) => {
  const drop = () => socket.destroy();
  socket.setTimeout(patienceMs, drop).on('error', drop).on('end', drop);
  socket.once('data', (head) => {
    socket.pause(); // What comes now is not for us.
    socket.setTimeout(0, drop).off('error', drop).off('end', drop);
    try {
      proxy.handoff(socket, { backend: head[0] === handshake ? tls : http, head });
    } catch (error) {
      console.error(error); // As many sessions as there can be: the socket is still ours.
      drop();
    }
  });
});
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object') console.log(`listening on ${address?.address}:${address?.port}`);
});
