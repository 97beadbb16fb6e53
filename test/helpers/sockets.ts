/** Clients: sockets that are closed at the end of the test, and ways to read them to a deadline. */
import { once } from 'node:events';
import { readSync } from 'node:fs';
import { type NetConnectOpts, connect as netConnect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { descriptorOf } from '../../src/engine/check-socket.js';
import { resetSocket } from '../../src/engine/reset-socket.js';
import { within } from './deadline.js';

/**
 * Opens a connection and waits for it. Half-open is allowed, as in most programs that are not Node's.
 * A connection that stood, and was reset before this process looked, is given as it is: its `errored` says so.
 */
export async function connect(where: number | string | NetConnectOpts): Promise<Socket> {
  const options: NetConnectOpts =
    typeof where === 'number'
      ? { port: where, host: '127.0.0.1' }
      : typeof where === 'string'
        ? { path: where }
        : where;
  const socket = guarded(netConnect({ ...options, allowHalfOpen: true }));
  const standing = once(socket, 'connect').catch((error: NodeJS.ErrnoException) => {
    // Who never got one is refused; a reset is of a connection that the kernel had made.
    if (error.code !== 'ECONNRESET') throw error;
  });
  await within('connecting', standing);
  return socket;
}

/** Connects, asks, reads the answer to its end, and is gone: for thousands of clients in one test. */
export function ask(port: number, question: string): Promise<string> {
  const answer = new Promise<string>((resolve, reject) => {
    let text = '';
    const client = netConnect({ port, host: '127.0.0.1' });
    client.on('data', (chunk) => {
      text += String(chunk);
    });
    client.on('error', reject);
    client.on('close', () => resolve(text));
    client.end(question);
  });
  return within('an answer', answer);
}

/** An error of the socket must not end the test program; it is closed when the test ends. */
export function guarded(socket: Socket): Socket {
  socket.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

/** Resets the connection at once, with no FIN before it as `resetAndDestroy()` sends. */
export const reset = resetSocket;

/** Everything up to the end of the stream. Rejects when the connection is reset instead. */
export function readAll(socket: Socket, deadlineMs?: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const all = new Promise<Buffer>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    if (socket.readableEnded) resolve(Buffer.alloc(0));
    socket.once('end', () => resolve(Buffer.concat(chunks)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before its end')));
    socket.resume();
  });
  return within('the end of the stream', all, deadlineMs);
}

/** The next `length` bytes; more stay in the socket. Rejects at the end or an error. */
export function readExactly(socket: Socket, length: number): Promise<Buffer> {
  const bytes = new Promise<Buffer>((resolve, reject) => {
    const look = () => {
      // Asked in any case: a length above the high-water mark raises it.
      const chunk = socket.read(length) as Buffer | null;
      if (chunk === null) return;
      stop();
      if (chunk.length === length) resolve(chunk);
      else reject(new Error(`ended after ${chunk.length} of ${length} bytes`));
    };
    const fail = (error?: Error) => {
      stop();
      reject(error ?? new Error(`ended before ${length} bytes came`));
    };
    const ended = () => fail();
    const stop = () => {
      socket.off('readable', look).off('error', fail).off('end', ended).off('close', ended);
    };
    socket.on('readable', look).on('error', fail).on('end', ended).on('close', ended);
    look();
  });
  return within(`${length} bytes`, bytes);
}

/** How a connection came to its end, with all that it delivered before. */
export interface Ending {
  readonly data: Buffer;
  /** `end` for a FIN, else the code of the error, such as `ECONNRESET`. */
  readonly how: string;
}

/**
 * Reads until the connection ends one way or the other. libuv reports a reset that comes together with the last
 * bytes as an end; writing nothing afterwards tells.
 */
export function readToEnding(socket: Socket): Promise<Ending> {
  const chunks: Buffer[] = [];
  const ending = new Promise<Ending>((resolve) => {
    const done = (how: string) => resolve({ data: Buffer.concat(chunks), how });
    const failed = (error: NodeJS.ErrnoException) => {
      // A socket that failed emits no more data, but still gives what it had read.
      const rest = socket.read() as Buffer | null;
      if (rest !== null) chunks.push(rest);
      done(error.code ?? error.message);
    };
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('error', failed);
    const ended = () => {
      // Behind what libuv takes for an end, a reset may wait; reading once more tells.
      try {
        const descriptor = descriptorOf(socket);
        if (descriptor >= 0) readSync(descriptor, Buffer.alloc(1));
        done('end');
      } catch (error) {
        failed(error as NodeJS.ErrnoException);
      }
    };
    socket.once('end', ended);
    if (socket.errored !== null) failed(socket.errored);
    else if (socket.readableEnded) ended();
    socket.resume();
  });
  return within('the end of the connection', ending);
}

/** Both ends of one TCP connection over loopback. */
export async function socketPair(
  options: { allowHalfOpen?: boolean; pauseOnConnect?: boolean } = {},
): Promise<{ near: Socket; far: Socket }> {
  const { Server } = await import('node:net');
  const server = new Server({ allowHalfOpen: true, ...options });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const far = await connect(port);
  const [near] = await within('accepting', accepted);
  server.close();
  return { near: guarded(near), far };
}

/** Writes and waits until the kernel has it. */
export function write(socket: Socket, data: Buffer | string, deadlineMs?: number): Promise<void> {
  const written = new Promise<void>((resolve, reject) => {
    socket.write(data, (error) => (error ? reject(error) : resolve()));
  });
  return within('writing', written, deadlineMs);
}
