/** Connections as the kernel sees them, at either end and in whatever process; over IPv4 where nothing else is said. */
import { existsSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';

export interface KernelSocket {
  /** Bytes that came and were not read. */
  readonly unread: number;
  /** Bytes that were written and not acknowledged by the peer's kernel, or not even sent. */
  readonly unacknowledged: number;
  /** The timer that runs, by the kernel's number, and in how many seconds it is over. */
  readonly timer: { readonly kind: number; readonly seconds: number };
}

/** USER_HZ of every Linux that Node runs on. */
const TICKS_A_SECOND = 100;
/** `sk_timer` in net/ipv4/tcp_ipv4.c, which asks whether the peer is still there. */
const KEEP_ALIVE_TIMER = 2;

/** A list that is read while others come and go may pass over an entry; not again and again. */
const LOOKS = 3;

/** A SYN to this port has had no answer. */
export function isAsked(port: number, family: 4 | 6 = 4): boolean {
  const list = readFileSync(family === 4 ? '/proc/net/tcp' : '/proc/net/tcp6', 'latin1');
  return list.includes(`${inHex(port)} 02 `);
}

/** `undefined` when there is no such connection, or no more: a reset removes it at once, an end of the peer does not. */
export function kernelSocket(localPort: number, peerPort: number): KernelSocket | undefined {
  for (let look = 0; look < LOOKS; look++) {
    const socket = listedSocket(localPort, peerPort);
    if (socket !== undefined) return socket;
  }
  return undefined;
}

function listedSocket(localPort: number, peerPort: number): KernelSocket | undefined {
  const local = inHex(localPort);
  const peer = inHex(peerPort);
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    // proc(5): a number, both addresses, a state, and the queues as tx_queue:rx_queue, in hex; then the timer likewise.
    const [, localAddress = '', peerAddress = '', , queues = '', timer = ''] = line
      .trim()
      .split(/\s+/);
    if (!localAddress.endsWith(local) || !peerAddress.endsWith(peer)) continue;
    const [unacknowledged = 0, unread = 0] = queues.split(':').map((hex) => parseInt(hex, 16));
    const [kind = 0, ticks = 0] = timer.split(':').map((hex) => parseInt(hex, 16));
    return { unread, unacknowledged, timer: { kind, seconds: ticks / TICKS_A_SECOND } };
  }
  return undefined;
}

/** As at the end of an address. */
function inHex(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * In how many seconds the socket asks its peer whether it is still there; `undefined` when it never does, or something
 * else is to happen before.
 */
export function keepAliveTimer(localPort: number, peerPort: number): number | undefined {
  const { kind, seconds } = kernelSocket(localPort, peerPort)?.timer ?? {};
  return kind === KEEP_ALIVE_TIMER ? seconds : undefined;
}

/** The socket at the other end of this one's connection, which is open. */
export function peerOf(socket: Socket): KernelSocket {
  const { localPort = 0, remotePort = 0 } = socket;
  const peer = kernelSocket(remotePort, localPort);
  if (peer === undefined) throw new Error(`no peer of port ${localPort} at port ${remotePort}`);
  return peer;
}

/**
 * Whether the kernel is short of memory for TCP (tcp_mem), which is the whole machine's. It then keeps buffers small. A
 * network of its own, as a container has, does not show the limit: there the shortages that have begun have to do.
 */
export function isShortOfTcpMemory(): boolean {
  const file = '/proc/sys/net/ipv4/tcp_mem';
  if (!existsSync(file)) return false;
  const [calm = 0] = readFileSync(file, 'utf8').split(/\s+/).map(Number);
  const [, pages] = /^TCP: .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8')) ?? [];
  return Number(pages) > calm;
}

/** How often the kernel has become short of it so far. */
export function shortagesOfTcpMemory(): number {
  const [names = [], values = []] = readFileSync('/proc/net/netstat', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  return Number(values[names.indexOf('TCPMemoryPressures')]);
}
