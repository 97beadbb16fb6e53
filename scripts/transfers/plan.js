/** What a transfer does, told by the seed and its number. */
import { randomFrom } from '../lib/random.js';
import { catalogue } from './configurations.js';

/** @import { Random } from '../lib/random.js' */

/**
 * What one end does. The names and units are those of `Script` in ends/script.h.
 *
 * @typedef {object} Script
 * @property {number} number
 * @property {0 | 1} named
 * @property {bigint} send_key
 * @property {number} send_bytes
 * @property {bigint} expect_key
 * @property {number} send_buffer
 * @property {number} receive_buffer
 * @property {number} write_size
 * @property {number} read_size
 * @property {number} write_pause_every
 * @property {number} write_pause_ms
 * @property {number} read_pause_every
 * @property {number} read_pause_ms
 * @property {number} first_read_ms
 * @property {0 | 1} sends_last
 * @property {0 | 1} ends_last
 * @property {0 | 1 | 2} gives_up
 * @property {number} gives_up_sent
 * @property {number} gives_up_received
 *
 * @typedef {object} Transfer
 * @property {number} number
 * @property {boolean} named the client's first bytes tell whose the connection is; without, no other may
 *   be under way, and either stream may be empty
 * @property {Script} client
 * @property {Script} server
 */

const mebibyte = 1024 * 1024;
/** What a client that is named sends at least: its key. */
export const keyBytes = 8;

/** Of the ends' sockets; 0 is the kernel's choice, and the smallest are the kernel's smallest. */
const sendBuffers = /** @type {const} */ ([0, 0, 0, 4608, 16_384, 262_144, 16 * mebibyte]);
const receiveBuffers = /** @type {const} */ ([0, 0, 0, 2304, 16_384, 262_144, 16 * mebibyte]);

/** A stream takes this many calls or windows at most; there are thousands of transfers. */
const mostWrites = 20_000;
const mostWindows = 250;

/** @param {Random} random @param {boolean} alone */
function drawBytes(random, alone) {
  if (alone || random.chance(0.75)) return random.logarithmic(0, 64 * 1024);
  return random.logarithmic(0, random.chance(0.7) ? mebibyte : 64 * mebibyte);
}

/**
 * @param {Random} random
 * @param {number} bytes that pass
 * @param {number} probability
 */
function drawPause(random, bytes, probability) {
  if (!random.chance(probability)) return { every: 0, ms: 0 };
  const count = random.between(1, 4);
  return { every: Math.ceil(bytes / count) || 1, ms: random.logarithmic(1, 300) };
}

/** @param {Random} random */
const drawBuffers = (random) => ({
  send_buffer: random.pick(sendBuffers),
  receive_buffer: random.pick(receiveBuffers),
});

/**
 * What there is time for, with these buffers on the way.
 *
 * @param {number} bytes
 * @param {number} writeSize
 * @param {number[]} buffers
 */
function affordable(bytes, writeSize, buffers) {
  const smallest = Math.min(...buffers.filter((size) => size > 0));
  return Math.min(bytes, writeSize * mostWrites, smallest * mostWindows);
}

/**
 * Who is slow to read, into little room, has much under way to it when the other end leaves.
 *
 * @param {Random} random
 * @param {Script} end
 */
function drawHesitation(random, end) {
  if (!random.chance(0.5)) return;
  end.receive_buffer = random.pick(/** @type {const} */ ([2304, 16_384]));
  end.first_read_ms = random.between(20, 300);
}

/**
 * @param {Random} random
 * @param {Script} end leaves early
 * @param {Script} other
 */
function drawGivingUp(random, end, other) {
  end.gives_up = random.chance(0.6) ? 1 : 2;
  end.gives_up_sent = random.chance(0.2) ? end.send_bytes : random.between(0, end.send_bytes);
  end.gives_up_received = random.chance(0.4) ? 0 : random.between(0, other.send_bytes);
}

/**
 * No end may wait for what the other will never do.
 *
 * @param {Transfer} transfer
 */
function avoidDeadlocks({ named, client, server }) {
  // Who gives up may stop short of its own FIN, which the other waits for before it sends.
  if (client.sends_last && server.gives_up) server.gives_up_received = 0;
  if (server.sends_last && client.gives_up) client.gives_up_received = 0;
  if (client.gives_up && server.gives_up) client.gives_up_received = server.gives_up_received = 0;
  // The server answers nobody that it does not know.
  if (named && client.gives_up_sent < keyBytes) client.gives_up_received = 0;
  // Nor would it learn of a client that leaves before it has heard anything.
  if (!named && client.gives_up && client.gives_up_received === 0) client.gives_up = 0;
}

/** Which of the transfers of a configuration are large ones: the second, and each hundredth after it. */
const isLarge = (/** @type {number} */ number) => Math.floor(number / catalogue.length) % 100 === 1;

/**
 * Both ways at once, and nothing in the way.
 *
 * @param {Random} random
 * @param {number} number
 * @returns {Transfer}
 */
function drawLargeTransfer(random, number) {
  /** @returns {Script} */
  const draw = () => ({
    ...{ number, named: 1, send_key: random.key(), expect_key: 0n },
    send_bytes: random.between(32 * mebibyte, 64 * mebibyte),
    ...{ send_buffer: 0, receive_buffer: 0, write_size: mebibyte, read_size: mebibyte },
    ...{ write_pause_every: 0, write_pause_ms: 0, read_pause_every: 0, read_pause_ms: 0 },
    ...{ first_read_ms: 0, sends_last: 0, ends_last: 0 },
    ...{ gives_up: 0, gives_up_sent: 0, gives_up_received: 0 },
  });
  const client = draw();
  const server = draw();
  client.expect_key = server.send_key;
  server.expect_key = client.send_key;
  return { number, named: true, client, server };
}

/**
 * @param {string} seed
 * @param {number} number
 * @returns {Transfer}
 */
export function drawTransfer(seed, number) {
  const random = randomFrom(`${seed}/${number}`);
  if (isLarge(number)) return drawLargeTransfer(random, number);
  const named = random.chance(0.85);
  /** @returns {Script} */
  const draw = () => ({
    ...{ number, named: named ? 1 : 0, send_key: random.key(), expect_key: 0n },
    send_bytes: drawBytes(random, !named),
    ...drawBuffers(random),
    write_size: random.logarithmic(1, mebibyte),
    read_size: random.logarithmic(1, mebibyte),
    ...{ write_pause_every: 0, write_pause_ms: 0, read_pause_every: 0, read_pause_ms: 0 },
    first_read_ms: random.chance(0.1) ? random.logarithmic(1, 400) : 0,
    ...{ sends_last: 0, ends_last: 0, gives_up: 0, gives_up_sent: 0, gives_up_received: 0 },
  });
  const transfer = { number, named, client: draw(), server: draw() };
  const { client, server } = transfer;
  const both = /** @type {const} */ ([
    [client, server],
    [server, client],
  ]);
  /** @type {readonly (readonly [leaver: Script, other: Script])[]} */
  const leaving = random.chance(0.25)
    ? random.pick([[both[0]], [both[0]], [both[1]], [both[1]], both])
    : [];
  for (const [, other] of leaving) drawHesitation(random, other);
  for (const [end, other] of both) {
    end.expect_key = other.send_key;
    const buffers = [end.send_buffer, other.receive_buffer];
    const callSize = Math.min(end.write_size, other.read_size);
    end.send_bytes = affordable(end.send_bytes, callSize, buffers);
  }
  if (named) client.send_bytes = Math.max(client.send_bytes, keyBytes);
  for (const [end, other] of both) {
    const writing = drawPause(random, end.send_bytes, 0.15);
    const reading = drawPause(random, other.send_bytes, 0.25);
    Object.assign(end, { write_pause_every: writing.every, write_pause_ms: writing.ms });
    Object.assign(end, { read_pause_every: reading.every, read_pause_ms: reading.ms });
  }
  if (random.chance(0.4)) {
    const last = random.chance(0.5) ? client : server;
    // A named client speaks first.
    if (random.chance(0.5) && !(named && last === client)) last.sends_last = 1;
    else last.ends_last = 1;
  }
  for (const [leaver, other] of leaving) drawGivingUp(random, leaver, other);
  avoidDeadlocks(transfer);
  return transfer;
}

/** @param {Script} script @returns {string} as ends/script.h reads it */
export function formatScript(script) {
  return Object.entries(script)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}
