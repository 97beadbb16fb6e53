/** How many sessions one client may have at once, and who has how many. */
import type { ClientLimits } from '../engine/engine.js';

/**
 * What the user asked for, for every client; else half of all sessions for each that is remote, so that nobody can
 * take them all alone, and no limit for loopback, where the programs of this machine come from.
 *
 * @param mostSessions of the engine; `Infinity` has no half
 */
export function clientLimits(
  { maxSessionsPerClient: asked }: { readonly maxSessionsPerClient?: number | undefined },
  mostSessions: number,
): ClientLimits {
  if (asked !== undefined) return { remote: asked, loopback: asked };
  const half = Number.isFinite(mostSessions) ? Math.ceil(mostSessions / 2) : 0;
  return { remote: half, loopback: 0 };
}

/** Counts the sessions of clients that Node accepts; the loops have `ClientTable`, which counts in the same way: all of them, and those at each service. */
export class ClientCounter {
  /** Only of those who have sessions, so there are no more of them than there are sessions. */
  readonly #sessions = new Map<string, number>();

  /**
   * Counts one session more.
   *
   * @param address of the client; `''` for one of a unix listener
   * @param of what it counts: services by their numbers, 0 all of them
   * @returns to be called when the session has ended; `undefined`, and nothing was counted, when there are too many
   */
  enter(address: string, limits: ClientLimits, of = 0): (() => void) | undefined {
    const most = isLoopback(address) ? limits.loopback : limits.remote;
    if (address === '' || most === 0) return () => {};
    const client = `${of} ${identityOf(address)}`;
    const sessions = this.#sessions.get(client) ?? 0;
    if (sessions >= most) return undefined;
    this.#sessions.set(client, sessions + 1);
    return () => this.#leave(client);
  }

  #leave(client: string): void {
    const left = (this.#sessions.get(client) ?? 0) - 1;
    if (left > 0) this.#sessions.set(client, left);
    else this.#sessions.delete(client);
  }
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

/** An IPv4 address, or the /64 that an IPv6 address is in: every host in it has as many addresses as it likes. */
export function identityOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const behind = tail === undefined || tail === '' ? 0 : tail.split(':').length;
  const zeros = tail === undefined ? 0 : 8 - groups.length - behind;
  const filled = [...groups, ...Array<string>(zeros).fill('0'), ...(tail ?? '').split(':')];
  return filled.slice(0, 4).join(':');
}
