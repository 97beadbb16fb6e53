/** One client of an echo server: sends its pattern, checks every byte that comes back. */
import { connect } from 'node:net';
import { expectedBytes, matches, maxChunkBytes } from './pattern.js';

/**
 * @typedef {object} EchoSession
 * @property {Promise<void>} connected
 * @property {(bytes: number) => Promise<void>} exchange sends that many, ends its side, and resolves when
 *   exactly these came back and the other side ended too; rejects at the first wrong byte
 * @property {() => void} destroy
 */

/**
 * Bytes of a session that are on their way at most. Thousands of sessions together must not fill the memory that the kernel has
 * for TCP (tcp_mem): it is the whole machine's, and past it the kernel drops segments of everybody.
 */
const mostOnTheirWay = 64 * 1024;

/**
 * @param {number} port
 * @param {number} session which pattern
 * @returns {EchoSession}
 */
export function openEchoSession(port, session) {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  /** @type {(error: Error) => void} */
  let fail = () => {};
  socket.on('error', (error) => fail(error));

  /** @type {Promise<void>} */
  const connected = new Promise((resolve, reject) => {
    fail = reject;
    socket.once('connect', resolve);
  });

  /** @type {EchoSession['exchange']} */
  const exchange = (bytes) =>
    new Promise((resolve, reject) => {
      fail = reject;
      let sent = 0;
      let received = 0;

      const send = () => {
        while (sent < bytes) {
          if (sent - received >= mostOnTheirWay) return;
          const size = Math.min(maxChunkBytes, bytes - sent);
          const chunk = expectedBytes(session, sent, size);
          sent += size;
          if (!socket.write(chunk)) return;
        }
        socket.removeListener('drain', send);
        socket.end();
      };

      socket.on('drain', send);
      socket.on('data', (chunk) => {
        if (!matches(session, received, chunk)) {
          reject(new Error(`session ${session}: wrong bytes after ${received}`));
          socket.destroy();
          return;
        }
        received += chunk.length;
        if (!socket.writableEnded) send();
      });
      socket.once('end', () => {
        if (received === bytes) resolve();
        else reject(new Error(`session ${session}: ended after ${received} of ${bytes} bytes`));
        socket.destroy();
      });
      socket.once('close', () => reject(new Error(`session ${session}: closed at ${received}`)));
      send();
    });

  return { connected, exchange, destroy: () => socket.destroy() };
}
