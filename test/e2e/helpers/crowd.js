/**
 * Thousands of clients of one address who mean no good, in a process of their own: sockets are limited by the process.
 *
 * Driven over Node's IPC channel: takes a `CrowdRequest`, says `{ come }` once all have been connected, and has those who were let go
 * come again, some at a time. It ends when the channel closes.
 */
import { connect } from 'node:net';

/**
 * @typedef {object} CrowdRequest
 * @property {number} port
 * @property {number} silent who say nothing
 * @property {number} slow who send a request, a byte at a time, and never the end of it
 * @property {number} deaf who ask for events, and read none
 */

/** Fewer than the queue of a listening socket has room for. */
const MOST_CONNECTING = 200;
const COME_AGAIN_EVERY_MS = 20;
const COME_AGAIN = 5;
const BYTE_EVERY_MS = 100;
/** Who does not read notices the end by what it sends; an empty line is nothing. */
const LINE_EVERY_MS = 500;

const SLOW_REQUEST = `GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Filler: ${'x'.repeat(8000)}`;
const EVENTS = 'GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** @type {Set<{ socket: import('node:net').Socket, sent: number }>} */
const slow = new Set();

/** @type {Set<import('node:net').Socket>} */
const deaf = new Set();

/** @type {('silent' | 'slow' | 'deaf')[]} who is not there */
const away = [];
let connecting = 0;
let come = 0;

/** @param {number} port @param {() => void} onChange */
function comeOne(port, onChange) {
  const kind = away.pop();
  if (kind === undefined) return;
  connecting += 1;
  let isConnecting = true;
  const socket = connect(port, '127.0.0.1');
  const sender = { socket, sent: 0 };
  const connected = () => {
    if (!isConnecting) return;
    isConnecting = false;
    connecting -= 1;
    onChange();
  };
  socket.on('error', () => {});
  socket.once('connect', () => {
    come += 1;
    if (kind === 'slow') slow.add(sender);
    if (kind === 'deaf') {
      deaf.add(socket.pause());
      socket.write(EVENTS);
    } else {
      socket.resume();
    }
    connected();
  });
  socket.once('close', () => {
    slow.delete(sender);
    deaf.delete(socket);
    away.unshift(kind);
    connected();
  });
}

process.once('message', (/** @type {CrowdRequest} */ { port, ...kinds }) => {
  // In turn, so that all kinds are there from the beginning.
  const left = { ...kinds };
  while (left.silent + left.slow + left.deaf > 0) {
    for (const kind of /** @type {const} */ (['silent', 'slow', 'deaf'])) {
      if (left[kind]-- > 0) away.push(kind);
      else left[kind] = 0;
    }
  }
  const all = away.length;
  let hasCome = false;
  const go = () => {
    while (!hasCome && connecting < MOST_CONNECTING && come + connecting < all) comeOne(port, go);
    if (hasCome || come < all) return;
    hasCome = true;
    process.send?.({ come });
    setInterval(() => {
      for (let count = 0; count < COME_AGAIN; count++) comeOne(port, () => {});
    }, COME_AGAIN_EVERY_MS);
  };
  go();
  setInterval(() => {
    for (const sender of slow) {
      sender.socket.write(SLOW_REQUEST.charAt(sender.sent++));
    }
  }, BYTE_EVERY_MS);
  setInterval(() => {
    for (const socket of deaf) socket.write('\r\n');
  }, LINE_EVERY_MS);
});
process.on('disconnect', () => process.exit());
