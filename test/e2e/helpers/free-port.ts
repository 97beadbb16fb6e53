import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * A port that nothing listens on, for servers that cannot be told port 0 (most cannot say which port they
 * got). The kernel hands ephemeral ports out in random order, so that another program takes this one in
 * the moment before its server does is unlikely; the server then fails to start, and says why.
 */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
