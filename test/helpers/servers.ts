/** Backends: small servers that are closed at the end of the test. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, type ListenOptions, Server, type Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished } from 'vitest';
import { until, within } from './deadline.js';
import { connect } from './sockets.js';
import { tempPath } from './temp.js';

export interface TestServer {
  readonly port: number;
  /** As a backend of the configuration. */
  readonly address: string;
  /** Every connection so far, the first one first. */
  readonly sockets: readonly Socket[];
  /** The connection with this number, when it comes. */
  socket(index: number): Promise<Socket>;
  /** Stops listening and cuts what is open. Also done when the test ends. */
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Default: any free port of 127.0.0.1. */
  readonly listen?: ListenOptions;
  /** Do not read before the handler says so. */
  readonly paused?: boolean;
}

/** @param handler what the server does with a connection; errors of the socket are ignored for it */
export async function startServer(
  handler: (socket: Socket, index: number) => void = () => {},
  options: ServerOptions = {},
): Promise<TestServer> {
  const sockets: Socket[] = [];
  const server = new Server({ allowHalfOpen: true, pauseOnConnect: options.paused ?? false });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    sockets.push(socket);
    handler(socket, sockets.length - 1);
  });
  server.listen({ backlog: 4096, ...(options.listen ?? { port: 0, host: '127.0.0.1' }) });
  await within('listening', once(server, 'listening'));
  const bound = server.address() as AddressInfo | string;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  return {
    port: typeof bound === 'string' ? 0 : bound.port,
    address: showAddress(bound),
    sockets,
    socket: async (index) => {
      await until(`connection ${index}`, () => sockets.length > index);
      return sockets[index] as Socket;
    },
    close,
  };
}

/** Sends back what it gets, and ends when the client ends. */
export function startEcho(options?: ServerOptions): Promise<TestServer> {
  return startServer((socket) => socket.pipe(socket), options);
}

/** Says its name at once and ends; counts nothing. */
export function startNamed(name: string): Promise<TestServer> {
  return startServer((socket) => {
    socket.resume();
    socket.end(name);
  });
}

/** Accepts and reads nothing until told to. */
export function startSink(): Promise<TestServer> {
  return startServer(() => {}, { paused: true });
}

/**
 * An address that refuses connections: a port that was free a moment ago. On a loopback address of its own, as the
 * kernel may give the same port to the next that asks on 127.0.0.1: a server, or the second call of a test.
 */
export async function refusedAddress(): Promise<string> {
  const host = `127.${[...randomBytes(3)].map((byte) => 1 + (byte % 254)).join('.')}`;
  const server = await startServer(() => {}, { listen: { port: 0, host } });
  await server.close();
  return server.address;
}

/**
 * The address of a listener that never answers: its queue is full, so the kernel drops every SYN. Its own thread
 * sleeps for good and accepts none.
 */
export async function startBlackhole(): Promise<string> {
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     const server = require('node:net').createServer();
     server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
     });`,
    { eval: true },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = (await within('the blackhole', once(worker, 'message'))) as [number];
  // A queue of length n takes n + 1 connections.
  await Promise.all([connect(port), connect(port)]);
  return `127.0.0.1:${port}`;
}

/** A TCP server that accepts nobody until told to, and leaves unanswered who tries to connect. */
export interface Late {
  readonly port: number;
  /** Serves who has come, and who comes: says `late` and ends. Resolves when one beyond its queue has come. */
  accept(): Promise<void>;
  /** The same, and stops this thread until then. */
  acceptMeanwhile(): void;
  /** Stops listening: who has tried to connect is refused when the kernel tries again, in a second or so. */
  close(): Promise<void>;
}

/**
 * Its queue is full.
 *
 * @param host an IP address
 * @param wanted its port; 0 is any free one
 */
export async function startLate(host = '127.0.0.1', wanted = 0): Promise<Late> {
  const isFree = new Int32Array(new SharedArrayBuffer(4));
  const hasServed = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { parentPort, workerData: { where, isFree, hasServed } } = require('node:worker_threads');
     let count = 0;
     const server = require('node:net').createServer((socket) => {
       socket.on('error', () => {}).end('late');
       if (++count < 3) return;
       parentPort.postMessage('served');
       Atomics.store(hasServed, 0, 1);
       Atomics.notify(hasServed, 0);
     });
     server.listen({ ...where, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       Atomics.wait(isFree, 0, 0);
     });`,
    { eval: true, workerData: { where: { host, port: wanted }, isFree, hasServed } },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = (await within('the late server', once(worker, 'message'))) as [number];
  await Promise.all([connect({ host, port }), connect({ host, port })]);
  const free = () => {
    Atomics.store(isFree, 0, 1);
    Atomics.notify(isFree, 0);
  };
  return {
    port,
    accept: async () => {
      const served = once(worker, 'message');
      free();
      await within('a connection at the late server', served);
    },
    acceptMeanwhile: () => {
      free();
      expect(Atomics.wait(hasServed, 0, 0, 60_000)).not.toBe('timed-out');
    },
    close: async () => {
      await worker.terminate();
    },
  };
}

/** A server on a unix socket that accepts nobody until told to. */
export interface Busy {
  readonly address: string;
  /** Serves who has come, and who comes: says `free` and ends. */
  accept(): void;
}

/** Its queue takes two connections; those who connect then are told EAGAIN. */
export async function startBusy(): Promise<Busy> {
  const isFree = new Int32Array(new SharedArrayBuffer(4));
  const path = tempPath('busy.sock');
  const worker = new Worker(
    `const { parentPort, workerData: { path, isFree } } = require('node:worker_threads');
     const server = require('node:net').createServer((socket) => socket.resume().end('free'));
     server.listen({ path, backlog: 1 }, () => {
       parentPort.postMessage('listening');
       Atomics.wait(isFree, 0, 0);
     });`,
    { eval: true, workerData: { path, isFree } },
  );
  const accept = () => {
    Atomics.store(isFree, 0, 1);
    Atomics.notify(isFree, 0);
  };
  onTestFinished(async () => {
    await worker.terminate();
  });
  await within('the busy server', once(worker, 'message'));
  return { address: `unix:${path}`, accept };
}

/** A server that answers each connection with a few bytes and a reset at once. */
export interface Hasty {
  readonly address: string;
  /** Stops this thread until the first connection has been reset. */
  waitForReset(): void;
}

/** In its own thread, so that it can be faster than whoever connects. */
export async function startHasty(): Promise<Hasty> {
  const wasReset = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(
    `const { parentPort, workerData: wasReset } = require('node:worker_threads');
     const server = require('node:net').createServer((socket) => {
       socket.on('error', () => {});
       socket.once('close', () => {
         Atomics.store(wasReset, 0, 1);
         Atomics.notify(wasReset, 0);
       });
       socket.write('too busy', () => socket.resetAndDestroy());
     });
     server.listen({ port: 0, host: '127.0.0.1' }, () => parentPort.postMessage(server.address().port));`,
    { eval: true, workerData: wasReset },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const [port] = (await within('the hasty server', once(worker, 'message'))) as [number];
  return {
    address: `127.0.0.1:${port}`,
    waitForReset: () => void Atomics.wait(wasReset, 0, 0, 5000),
  };
}

function showAddress(bound: AddressInfo | string): string {
  if (typeof bound === 'string') return `unix:${bound}`;
  return bound.family === 'IPv6'
    ? `[${bound.address}]:${bound.port}`
    : `${bound.address}:${bound.port}`;
}
