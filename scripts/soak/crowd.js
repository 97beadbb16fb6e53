/** Clients that connect and say little or nothing, many at a time. */
import { once } from 'node:events';
import { connect } from 'node:net';

/**
 * @param {number} port
 * @param {number} count
 * @returns {Promise<{ leave: () => void }>} when all have connected or failed; half of them end well when they
 *   leave, half reset
 */
export async function gather(port, count) {
  const sockets = Array.from({ length: count }, (_, index) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    socket.resume();
    if (index % 2 === 0) socket.write('x');
    return socket;
  });
  await Promise.all(
    sockets
      .map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')]))
      .map((outcome) => outcome.catch(() => {})),
  );
  return {
    leave: () => {
      for (const [index, socket] of sockets.entries()) {
        if (index % 3 === 0) socket.resetAndDestroy();
        else socket.destroy();
      }
    },
  };
}
