/**
 * An echo server and many clients of it, in a process of their own: the tests that need thousands of
 * sockets would else share one limit of open files with vitest, and with the proxy.
 *
 * Driven over Node's IPC channel: says `{ port }` once the echo server listens; takes a `LoadRequest`,
 * answers it with a `LoadReply`, and takes the next; ends when the channel closes.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { openEchoSession } from './echo-session.js';

/**
 * @typedef {object} LoadRequest
 * @property {'together' | 'in turn'} kind
 *   `together`: all sessions open at once, on both ends, before the first byte is sent;
 *   `in turn`: at most `concurrency` at a time, each closed before the next one opens
 * @property {number} port of the proxy
 * @property {number} sessions
 * @property {number} bytes that each session sends and gets back
 * @property {number} [concurrency]
 */

/**
 * @typedef {object} LoadReply
 * @property {number} verified sessions whose every byte came back
 * @property {number} mostOpen sessions that the echo server saw open at the same time
 * @property {string[]} errors the first few
 */

const errorsKept = 5;

let open = 0;
let mostOpen = 0;
const echo = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  open += 1;
  mostOpen = Math.max(mostOpen, open);
  echo.emit('sessions');
  socket.on('close', () => {
    open -= 1;
    echo.emit('sessions');
  });
  // What a client did not get back is the client's to report.
  socket.on('error', () => {});
  socket.pipe(socket);
});

/** Waits until the echo server has this many sessions open. @param {number} sessions */
async function openOnServer(sessions) {
  while (open !== sessions) await once(echo, 'sessions');
}

/** @param {LoadRequest} request @param {LoadReply} reply */
async function runTogether({ port, sessions, bytes }, reply) {
  const clients = Array.from({ length: sessions }, (_, index) => openEchoSession(port, index));
  await Promise.all(clients.map((client) => client.connected));
  await openOnServer(sessions);
  const results = await Promise.allSettled(clients.map((client) => client.exchange(bytes)));
  for (const result of results) count(result, reply);
}

/** @param {LoadRequest} request @param {LoadReply} reply */
async function runInTurn({ port, sessions, bytes, concurrency = 1 }, reply) {
  let next = 0;
  const worker = async () => {
    while (next < sessions) {
      const client = openEchoSession(port, next++);
      const [result] = await Promise.allSettled([
        client.connected.then(() => client.exchange(bytes)),
      ]);
      count(result, reply);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** @param {PromiseSettledResult<void>} result @param {LoadReply} reply */
function count(result, reply) {
  if (result.status === 'fulfilled') reply.verified += 1;
  else if (reply.errors.length < errorsKept) reply.errors.push(String(result.reason));
}

process.on('message', async (/** @type {LoadRequest} */ request) => {
  mostOpen = open;
  /** @type {LoadReply} */
  const reply = { verified: 0, mostOpen: 0, errors: [] };
  try {
    await (request.kind === 'together' ? runTogether : runInTurn)(request, reply);
  } catch (error) {
    reply.errors.push(String(error));
  }
  process.send?.({ ...reply, mostOpen });
});
process.on('disconnect', () => process.exit());

echo.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = echo.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.send?.({ port: address.port });
});
