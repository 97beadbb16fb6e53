/** A client of HTTP with a connection of its own, which waits for as long as it takes. */
import { connect } from 'node:net';

/**
 * @typedef {object} Asked
 * @property {number} began by `performance.now()`
 * @property {number} ended
 * @property {string} answer all of it; empty when the connection ended without
 */

/** @param {number} port @returns {Promise<Asked>} */
export function askOnce(port) {
  const began = performance.now();
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (text) => {
    answer += text;
  });
  socket.on('error', () => {});
  socket.write('GET / HTTP/1.0\r\n\r\n');
  return new Promise((resolve) => {
    socket.on('close', () => resolve({ began, ended: performance.now(), answer }));
  });
}
