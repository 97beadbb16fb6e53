/** Echoes until the client ends, then says how much it was, and ends. `reset` on standard input cuts everybody. */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { resetSocket } from '../../../dist/engine/reset-socket.js';
import { trailerOf } from './trailer.js';

/** @type {Set<import('node:net').Socket>} */
const sockets = new Set();
const server = createServer({ allowHalfOpen: true }, (socket) => {
  sockets.add(socket);
  let echoed = 0;
  socket.on('error', () => {});
  socket.on('close', () => sockets.delete(socket));
  socket.on('data', (data) => {
    echoed += data.length;
  });
  socket.pipe(socket, { end: false });
  socket.on('end', () => socket.end(trailerOf(echoed)));
});
server.listen({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096 });
createInterface(process.stdin).on('line', () => {
  // Not resetAndDestroy(), which sends a FIN before it resets: an end too early.
  for (const socket of sockets) resetSocket(socket);
});
