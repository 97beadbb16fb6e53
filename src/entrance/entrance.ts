/** Where clients come in: the sockets of the services, and who accepts on them. */
import cluster from 'node:cluster';
import type { EventEmitter } from 'node:events';
import type { ChosenEngine } from '../engine/choose.js';
import type { Attention, ClientLimits } from '../engine/engine.js';
import { cameBack, refusedClients } from '../errors/messages.js';
import type { ListenAddress, ResolvedAddress } from '../model/address.js';
import type { AcceptChoice } from '../model/choices.js';
import type { Warnings } from '../observe/warnings.js';
import type { ProxyEvents } from '../session/events.js';
import type { Sessions } from '../session/sessions.js';
import type { Bind } from './bind.js';
import type { Service } from './service.js';

export interface Entrance {
  /**
   * Opens a socket for a service. Clients who come wait until `start()`, or are disconnected by `stop()`.
   *
   * @param row in the counters, which nobody else has
   * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`; nothing is open then
   */
  open(row: number, address: ListenAddress, service: Service): Promise<Bind>;
  /** Serves those who came, and all who come. */
  start(bind: Bind): void;
  /** What holds for clients who come from now on is another: see its service. */
  update(bind: Bind): void;
  /** Leaves clients in the queue of the kernel. False where that cannot be. */
  pause(bind: Bind): boolean;
  resume(bind: Bind): void;
  /** Takes no more clients. The figures of the row go on until all have left who have come. */
  stop(bind: Bind): void;
  /** Whether nobody who has come to a bind that was stopped waits here any more. */
  isVacant(bind: Bind): boolean;
  /** Disconnects who has come to a bind that was stopped, and waits here. */
  drop(bind: Bind): void;
  /** The row of a bind that was stopped may be another's. */
  forget(bind: Bind): void;
  /** Takes no more clients, and lets nobody wait. What the engine accepts by itself ends with its `drain()`. */
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
  /** Sessions alive now, also those that only the engine knows. */
  openSessions(): number;
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

/**
 * Counted as one kind of warning: a flood is to be heard of, and not to flood the log.
 *
 * @param service whose own limit it is; without it, that of all listeners
 */
export function warnOfRefused(
  { warnings, clientLimits }: Pick<EntranceHost, 'warnings' | 'clientLimits'>,
  address: string,
  count: number,
  service?: Service,
): void {
  const { remote } = service?.limits.clients ?? clientLimits;
  const name = service?.name;
  const kind = name === undefined ? 'refused' : `refused by ${name}`;
  warnings.count(kind, count, (clients) => refusedClients(clients, address, remote, name));
}

/** The same for clients that were connections of the proxy's own, made to this address. */
export function warnOfCameBack(
  { warnings }: Pick<EntranceHost, 'warnings'>,
  to: ResolvedAddress,
  count: number,
): void {
  warnings.count('came back', count, (clients) => cameBack(clients, to));
}
