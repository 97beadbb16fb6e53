/** A server of HTTP that answers, until it fails in a way of its own. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** @param {number} port */
export async function startFaulty(port) {
  /** @type {'resets' | 'silent' | undefined} */
  let failure;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      if (failure === 'resets') socket.resetAndDestroy();
      else if (failure === undefined)
        socket.end('HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\npage');
    });
  }).listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    /** From now on, those that have not been answered included. @param {'resets' | 'silent'} how */
    fail(how) {
      failure = how;
    },
  };
}
