/**
 * Clients whose every byte is checked, for some seconds: they talk to ./server.js through the proxy, several at once.
 * Prints a line with its counts. Connections may fail and be cut; exit status 1 is for a wrong byte, and for a session in
 * which nothing moves.
 */
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { readOn } from '../../../dist/engine/stream/sockets.js';
import { patternAt } from './pattern.js';
import { trailerBytes, trailerOf } from './trailer.js';

const port = Number(process.argv[2]);
const clients = 12;
const runMs = 4000;
/** Longer than any server is stopped, and shorter than the proxy's time-outs: who waits so long waits in vain. */
const patienceMs = 9000;
const counts = {
  whole: 0,
  cut: 0,
  bytes: 0,
  /** @type {number[]} when a stream ended before its trailer, as that of a server does that was killed */
  ends: [],
};

/** @param {string} what @returns {never} */
function wrong(what) {
  process.stdout.write(`${JSON.stringify({ ...counts, wrong: what })}\n`);
  process.exit(1);
}

/** Few are large. */
const randomSize = () => Math.floor(2 ** (Math.random() * 22));

/** Reads a little, and lets the rest wait. @param {import('node:net').Socket} socket */
async function readSlowly(socket) {
  while (!socket.destroyed && !socket.readableEnded) {
    socket.pause();
    await delay(20);
    socket.resume();
    await delay(2);
  }
}

/** @returns {Promise<void>} one session, however it ends */
function talk() {
  const size = randomSize();
  const endsEarly = Math.random() < 0.05;
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let sent = 0;
    let received = 0;
    let tail = Buffer.alloc(0);
    const send = () => {
      while (sent < size) {
        const piece = patternAt(
          sent,
          Math.min(size - sent, 1 + Math.floor(Math.random() * 200_000)),
        );
        sent += piece.length;
        if (!socket.write(piece)) return;
      }
      socket.end();
      socket.off('drain', send);
    };
    socket.on('connect', send);
    socket.on('drain', send);
    /** @param {Buffer} data */
    const take = (data) => {
      const echo = data.subarray(0, Math.max(0, size - received));
      for (let at = 0; at < echo.length; ) {
        const expected = patternAt(received + at, echo.length - at);
        if (!echo.subarray(at, at + expected.length).equals(expected)) {
          wrong(`between byte ${received + at} and ${received + at + expected.length} of ${size}`);
        }
        at += expected.length;
      }
      received += echo.length;
      if (received > sent) wrong(`${received} bytes came back of ${sent}`);
      tail = Buffer.concat([tail, data.subarray(echo.length)]);
      if (endsEarly && received > size / 2) socket.resetAndDestroy();
    };
    socket.on('data', take);
    let hasFailed = false;
    socket.on('end', () => {
      // Node calls it an end, too, where a reset came with the last bytes and this side has ended.
      const { rest, error } = readOn(socket);
      take(rest);
      if (error !== undefined) hasFailed = true;
    });
    socket.on('error', () => {
      hasFailed = true;
    });
    socket.setTimeout(patienceMs, () =>
      wrong(`nothing moved for ${patienceMs} ms, after ${received} of ${size}`),
    );
    socket.on('close', () => {
      counts.bytes += received;
      if (tail.length < trailerBytes) {
        // Cut, or not served at all.
        if (!trailerOf(size).subarray(0, tail.length).equals(tail)) wrong(`a tail of ${tail}`);
        counts.cut += 1;
        if (!hasFailed && !endsEarly && received > 0) counts.ends.push(Date.now());
      } else {
        if (!tail.equals(trailerOf(size)) || received !== size) {
          wrong(`${received} of ${size} bytes, and then ${tail}`);
        }
        counts.whole += 1;
      }
      resolve();
    });
    if (Math.random() < 0.1) void readSlowly(socket);
  });
}

const end = performance.now() + runMs;
await Promise.all(
  Array.from({ length: clients }, async () => {
    while (performance.now() < end) {
      await talk();
      await delay(10);
    }
  }),
);
process.stdout.write(`${JSON.stringify(counts)}\n`);
