/** What users hear of backends that fail. */
import type { EventEmitter } from 'node:events';
import { DEFAULT_NAME } from '../config/services.js';
import type { Counters } from '../engine/counters.js';
import type { SplicewayError } from '../errors/catalogue.js';
import {
  attemptError,
  keptAddresses,
  noPort,
  noSource,
  outrun,
  resolveError,
} from '../errors/messages.js';
import type { ResolvedAddress } from '../model/address.js';
import type { Warnings } from '../observe/warnings.js';
import type { Backend } from '../pool/backend.js';
import type { Backends } from '../pool/backends.js';
import { emitSafely } from '../session/emit.js';
import type { ProxyEvents } from '../session/events.js';

export interface BackendReportsHost {
  readonly emitter: EventEmitter<ProxyEvents>;
  readonly warnings: Warnings;
  readonly counters: Counters;
  readonly backends: Backends;
  /** Whether the loops accept, and of most clients only they know. */
  loopsAccept(): boolean;
}

export class BackendReports {
  readonly #host: BackendReportsHost;

  constructor(host: BackendReportsHost) {
    this.#host = host;
  }

  attemptFailed(row: number, address: ResolvedAddress, code: string, count: number): void {
    const backend = this.#host.backends.at(row);
    backend.demote(address);
    // Only the counters tell whether that was the last address of the backend for somebody.
    if (backend.isName && this.#host.loopsAccept()) {
      backend.noteFailedClients(this.#host.counters.backend(row).failed);
    }
    this.#failed(backend, () => attemptError(backend.name, address, code), count);
  }

  outrun(row: number, address: ResolvedAddress): void {
    const backend = this.#host.backends.at(row);
    backend.demote(address);
    this.#host.warnings.sayRarely(outrun(labelOf(backend), address));
  }

  noPort(row: number, address: ResolvedAddress, count: number): void {
    const backend = this.#host.backends.at(row);
    backend.noPort += count;
    const name = labelOf(backend);
    this.#host.warnings.count(`no port ${name}`, count, (times) => noPort(times, name, address));
  }

  noSource(row: number, source: string, count: number): void {
    const name = labelOf(this.#host.backends.at(row));
    this.#host.warnings.count(`no source ${source} ${name}`, count, (times) =>
      noSource(times, name, source),
    );
  }

  resolveFailed(backend: Backend, cause: Error, isRoutine: boolean): void {
    const label = labelOf(backend);
    if (backend.generation === 0) this.#host.warnings.say(resolveError(label, cause).message);
    else if (isRoutine) this.#host.warnings.say(keptAddresses(label, cause));
    else this.#failed(backend, () => resolveError(backend.name, cause));
  }

  /** A stack trace for each of a thousand clients is worth avoiding when nobody wants it. */
  #failed({ name: backend, pool }: Backend, makeError: () => SplicewayError, count = 1): void {
    const { emitter } = this.#host;
    if (emitter.listenerCount('backendError') === 0) return;
    emitSafely(emitter, 'backendError', { backend, pool, error: makeError(), count });
  }
}

/** For a line of its own, in which two pools may each have a backend of one name. */
export function labelOf({ pool, name }: Pick<Backend, 'pool' | 'name'>): string {
  return pool === DEFAULT_NAME ? name : `${pool}/${name}`;
}
