/** Clients that are to be denied, and a backend that is to hear nothing of them. */
import { connect } from 'node:net';
import { within } from './deadline.js';
import { portOf, type RunningProxy } from './proxies.js';
import { startServer, type TestServer } from './servers.js';
import { guarded } from './sockets.js';

/** A backend that keeps count of the bytes that it reads. */
export async function startCounting(): Promise<TestServer & { bytes(): number }> {
  let bytes = 0;
  const server = await startServer((socket) => {
    socket.on('data', (chunk) => {
      bytes += chunk.length;
    });
  });
  return { ...server, bytes: () => bytes };
}

/** A client that says something as soon as it can: what it is told before it is cut off, at whatever moment. */
export function cutOff(proxy: RunningProxy): Promise<string> {
  const client = guarded(connect(portOf(proxy), '127.0.0.1'));
  client.write('let me in');
  let text = '';
  client.on('data', (chunk) => {
    text += String(chunk);
  });
  const end = new Promise<string>((resolve) => client.on('close', () => resolve(text)));
  return within('the end of the connection', end);
}
