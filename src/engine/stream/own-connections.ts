/** Knows the engine's own connections when they come back, as `OwnConnections` of the native core does. */
import { isIPv6, type Socket, SocketAddress } from 'node:net';
import type { ResolvedAddress } from '../../model/address.js';
import { now } from '../../timers.js';

/** One connection of so many is noted at least, since noting takes a system call. */
const INTERVAL = 32;
/** All of the next ones are, once one came back: the next client goes round but once. */
const SUSPECTS = 1024;
const PLACES = 256;
/** Somebody else may come from the same port later on. */
const REMEMBERED_MS = 1000;

interface Noted {
  readonly from: string | undefined;
  readonly to: Extract<ResolvedAddress, { kind: 'tcp' }>;
  readonly at: number;
}

export class OwnConnections {
  readonly #interval: number;
  #connects = 0;
  #suspects = 0;
  /** By the port on this side, in the order in which they were noted. */
  readonly #noted = new Map<number | undefined, Noted>();

  /** @param sessions at once, of the engine: one that goes round is to be known before it has all */
  constructor(sessions: number) {
    this.#interval = Math.min(INTERVAL, Math.max(1, Math.floor(sessions / 4)));
  }

  /** @param socket that was told just now to connect there */
  note(socket: Socket, to: ResolvedAddress): void {
    if (to.kind === 'unix') return;
    this.#connects += 1;
    if (this.#suspects === 0 && this.#connects % this.#interval !== 0) return;
    if (this.#suspects > 0) this.#suspects -= 1;
    // Node connects in the next tick. Its own listener may accept before it says so.
    process.nextTick(() => {
      const { localAddress: from, localPort } = socket;
      this.#noted.delete(localPort);
      this.#noted.set(localPort, { from, to, at: now() });
      const [oldest] = this.#noted.keys();
      if (this.#noted.size > PLACES) this.#noted.delete(oldest);
    });
  }

  /** As `Engine.cameBack`. */
  cameBack(client: Socket): ResolvedAddress | undefined {
    const noted = this.#noted.get(client.remotePort);
    if (noted === undefined || now() > noted.at + REMEMBERED_MS) return undefined;
    const { remoteAddress, localAddress, localPort } = client;
    const isFromThere = isSame(remoteAddress, noted.from);
    // Connections to several places may have one port here, and so may another program's. Both ends make one.
    const to = /^[0.:]+$/.test(noted.to.ip) ? noted.from : noted.to.ip;
    if (!isFromThere || localPort !== noted.to.port || !isSame(localAddress, to)) return undefined;
    this.#suspects = SUSPECTS;
    return noted.to;
  }
}

function isSame(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && spelt(one) === spelt(other);
}

/** One spelling for each address, without its zone. */
function spelt(ip: string): string {
  const [address = ''] = ip.split('%');
  if (!isIPv6(address)) return address;
  const spelling = new SocketAddress({ address, family: 'ipv6' }).address;
  return spelling.replace(/^::ffff:(?=\d+\.)/, '');
}
