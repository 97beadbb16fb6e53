/** The two ends of the demonstration: backends that echo lines, and clients that send one. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';

const ANSWER_DEADLINE_MS = 5000;

/** What a client that wants much says; the answer is as many bytes, and the end of a line. */
const WANTED = /^send (\d{1,8}) bytes$/;
const PIECE = Buffer.alloc(65_536, '.');

/** A server on a free port of the loopback that answers each line with its own name and the line. */
export class EchoBackend {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isFailing = false;

  private constructor(name: string) {
    this.#server = createServer((socket) => {
      // A client that leaves early is no news to a demonstration.
      socket.on('error', () => {});
      if (this.#isFailing) {
        socket.resetAndDestroy();
        return;
      }
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      answerLines(name, socket).catch(() => socket.destroy());
    });
  }

  static async start(name: string): Promise<EchoBackend> {
    const backend = new EchoBackend(name);
    backend.#server.listen(0, '127.0.0.1');
    await once(backend.#server, 'listening');
    return backend;
  }

  /** `127.0.0.1:port` */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts its clients off, and resets all who come, until it is well again. It keeps its port, which another program might take. */
  set isFailing(isFailing: boolean) {
    this.#isFailing = isFailing;
    if (!isFailing) return;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Takes no more connections. */
  close(): void {
    this.#server.close();
  }
}

async function answerLines(name: string, socket: Socket): Promise<void> {
  for await (const line of createInterface({ input: socket })) {
    const [, wanted] = WANTED.exec(line) ?? [];
    const isDrained =
      wanted === undefined
        ? socket.write(`backend ${name}: ${line}\n`)
        : await sendBytes(socket, Number(wanted));
    if (!isDrained) await once(socket, 'drain');
  }
}

async function sendBytes(socket: Socket, count: number): Promise<boolean> {
  for (let left = count; left > 0; left -= PIECE.length) {
    if (!socket.write(PIECE.subarray(0, left))) await once(socket, 'drain');
  }
  return socket.write('\n');
}

/** Sends one line through the first listener of the proxy and resolves with the line that comes back. */
export async function ask(proxy: RunningProxy, line: string): Promise<string> {
  const socket = connect(firstListener(proxy));
  socket.setEncoding('utf8');
  const deadline = AbortSignal.timeout(ANSWER_DEADLINE_MS);
  const abort = (): void => {
    socket.destroy(new Error(`no answer within ${ANSWER_DEADLINE_MS / 1000} s`));
  };
  deadline.addEventListener('abort', abort);
  socket.write(`${line}\n`);
  try {
    let answer = '';
    for await (const text of socket) {
      answer += text;
      if (answer.includes('\n')) return answer.slice(0, answer.indexOf('\n'));
    }
    throw new Error('the connection was closed without an answer');
  } finally {
    deadline.removeEventListener('abort', abort);
    socket.end();
  }
}

export type ListenerTarget =
  | { readonly host: string; readonly port: number }
  | { readonly path: string };

/** Where a client on this machine finds the first listener: "all interfaces" includes the loopback. */
export function firstListener(proxy: RunningProxy): ListenerTarget {
  const [listener] = proxy.addresses();
  if (listener === undefined) throw new Error('the proxy has no listener');
  const { address, port, family } = listener;
  if (family === 'unix') return { path: address };
  const loopback: Record<string, string> = { '::': '::1', '0.0.0.0': '127.0.0.1' };
  return { host: loopback[address] ?? address, port };
}
