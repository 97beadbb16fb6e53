/** Ports on 127.0.0.1, for the benchmark and the end-to-end tests. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/**
 * A port that nothing listens on, for servers that cannot be told port 0 (most cannot say which port they
 * got). The kernel hands ephemeral ports out in random order, so that another program takes this one in
 * the moment before its server does is unlikely; the server then fails to start, and says why.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Below those that the kernel gives to clients by itself (ip_local_port_range). */
const lasting = { from: 20_000, to: 32_000 };

/**
 * A port for a server that is stopped and started again: no client's connection gets it in between.
 *
 * @returns {Promise<number>}
 */
export async function lastingPort() {
  for (;;) {
    const port = lasting.from + Math.floor(Math.random() * (lasting.to - lasting.from));
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

/**
 * @param {number} port
 * @returns {Promise<boolean>} whether a server on this machine accepts connections there
 */
export function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
