/** Where clients come in: listeners, and who accepts on them. */
import cluster from 'node:cluster';
import type { EventEmitter } from 'node:events';
import type { ChosenEngine } from '../engine/choose.js';
import type { Attention, ClientLimits } from '../engine/engine.js';
import { cameBack, refusedClients } from '../errors/messages.js';
import type { ResolvedAddress } from '../model/address.js';
import type { AcceptChoice } from '../model/choices.js';
import type { ClientAddress } from '../model/client-address.js';
import type { Warnings } from '../observe/warnings.js';
import type { ProxyEvents } from '../session/events.js';
import type { ClientRoute } from '../session/route.js';
import type { Sessions } from '../session/sessions.js';
import type { Listener, ListenerAddress } from './listener.js';

export interface Entrance {
  /** Listeners that are open, as the user wrote them but with their real ports. */
  readonly names: readonly string[];
  /** Where they are bound; also after `close()`. */
  readonly addresses: readonly ListenerAddress[];
  /** Errors as `Listener.open`; some listeners may be open then. */
  open(): Promise<void>;
  /** Takes no more clients. What the engine accepts by itself ends with its `drain()`. */
  close(): void;
  /** Call it when a session has ended. */
  sessionEnded(): void;
  /** Who is interested in sessions. */
  attend(attention: Attention): void;
}

/** What every entrance needs of its proxy. */
export interface EntranceHost {
  readonly emitter: EventEmitter<ProxyEvents>;
  readonly sessions: Sessions;
  readonly warnings: Warnings;
  readonly clientLimits: ClientLimits;
  /** Of clients that Node accepts. */
  readonly keepAliveMs: number;
  /** Throws when a backend is this very listener, now that it is known where that is. No client was taken yet. */
  checkListener(listener: Listener): void;
  /** Sessions alive now, also those that only the engine knows. */
  openSessions(): number;
  /** The policy, for one client. */
  route(client: ClientAddress, listener: string): ClientRoute;
  /** The same route, behind the filter where there is one, which denies whom nobody knows. */
  filtered(
    route: ClientRoute,
    client: ClientAddress,
    listener: string,
    isKnown: boolean,
  ): ClientRoute;
}

/** Who is to accept: the loops, where they can, unless something else was asked for. */
export function whoAccepts(
  { accept }: { readonly accept: AcceptChoice },
  { native }: Pick<ChosenEngine, 'native'>,
): 'native' | 'node' {
  if (native === undefined || accept === 'node') return 'node';
  // The workers of a cluster share their listeners, which belong to the primary process.
  return accept === 'auto' && cluster.isWorker ? 'node' : 'native';
}

/**
 * Listeners with their rows, inherited ones last: those are used up once they were opened, so another one that fails
 * must do so before.
 */
export function inOpeningOrder(listeners: readonly Listener[]): [row: number, Listener][] {
  return [...listeners.entries()].sort(
    ([, one], [, other]) => Number(one.isInherited) - Number(other.isInherited),
  );
}

/** Said at the start, when the loops were to accept, by default, and one unix listener cannot be given to them. */
export function nodeAcceptsFor(path: string): string {
  return (
    `Node accepts, because the native engine cannot take the listener unix:${path} from it: its file system has no ` +
    'hard links; choose another folder, or accept node'
  );
}

/** Why a listener pauses when the system refuses. */
export function cannotAccept(listener: string, code: string): string {
  if (code === 'EBUSY')
    return `${listener} waits until the program has answered for the clients that it has`;
  return `${listener} cannot accept (${code})`;
}

/** Counted as one kind of warning: a flood is to be heard of, and not to flood the log. */
export function warnOfRefused(
  { warnings, clientLimits }: Pick<EntranceHost, 'warnings' | 'clientLimits'>,
  address: string,
  count: number,
): void {
  const { remote } = clientLimits;
  warnings.count('refused', count, (clients) => refusedClients(clients, address, remote));
}

/** The same for clients that were connections of the proxy's own, made to this address. */
export function warnOfCameBack(
  { warnings }: Pick<EntranceHost, 'warnings'>,
  to: ResolvedAddress,
  count: number,
): void {
  warnings.count('came back', count, (clients) => cameBack(clients, to));
}
