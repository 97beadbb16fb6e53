/** Peers of the command that talk in text: backends that greet, and clients that listen. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { startServer } from './servers.js';
import { guarded } from './sockets.js';

/** The address of a backend that greets with its name, on a line, and then echoes. */
export async function startGreeter(name: string): Promise<string> {
  const { address } = await startServer((socket) => {
    socket.write(`${name}\n`);
    socket.pipe(socket);
  });
  return address;
}

/** A connected client, which ends when it is told the end. */
export async function client(to: number | string): Promise<Socket> {
  const socket = guarded(typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to));
  await once(socket, 'connect');
  return socket.setEncoding('utf8');
}

/** What comes next, however much it is. */
export async function nextText(socket: Socket): Promise<string> {
  const [text] = (await once(socket, 'data')) as [string];
  return text;
}
