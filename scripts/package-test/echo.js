/** A backend and a client, to see whether a proxy relays. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** More than any pipe and any socket holds, so that the proxy splices and waits. */
const bytes = 8 * 1024 * 1024;
const deadlineMs = 120_000;

/** @returns {Promise<{ port: number, close: () => void }>} what echoes until its client ends */
export async function startEcho() {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { port, close: () => server.close() };
}

/**
 * Sends through a proxy in front of an echo.
 *
 * @param {number} port
 * @throws {Error} where other bytes come back, or none within two minutes: an emulated proxy is slow
 */
export async function roundTrip(port) {
  const sent = Buffer.alloc(bytes, 'spliceway ');
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const deadline = setTimeout(() => client.destroy(new Error('nothing came back')), deadlineMs);
  client.end(sent);
  const received = await buffer(client).finally(() => clearTimeout(deadline));
  if (!received.equals(sent)) throw new Error(`${received.length} other bytes came back`);
}
