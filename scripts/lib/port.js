/** Ports on 127.0.0.1, for the benchmark and the end-to-end tests. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';

/**
 * The ports that no client's connection gets by itself (`ip_local_port_range`). Thousands of clients of other tests may
 * come between the moment that a port is found free and the moment that its server listens.
 *
 * @returns {{ from: number, to: number }}
 */
function portsOfServers() {
  const unprivileged = 1024;
  const file = '/proc/sys/net/ipv4/ip_local_port_range';
  const [low = 32_768, high = 60_999] = readFileSync(file, 'utf8').trim().split(/\s+/).map(Number);
  const below = { from: Math.max(unprivileged, low - 20_000), to: low };
  const above = { from: high + 1, to: 65_536 };
  return [below, above].find(({ from, to }) => to - from >= 1000) ?? { from: low, to: high };
}

/**
 * A port that nothing listens on, for servers that cannot be told port 0 (most cannot say which port they got), or that
 * are stopped and started again. It is drawn, so that two who ask at once hardly get the same one; the server that is
 * second then fails to start, and says why.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  const { from, to } = portsOfServers();
  for (;;) {
    const port = from + Math.floor(Math.random() * (to - from));
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
