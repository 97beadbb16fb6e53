/** The live sessions of the loops, as these write them. */

import { SplicewayError } from '../../errors/catalogue.js';
import type { ResolvedAddress } from '../../model/address.js';
import type { ClientAddress } from '../../model/client-address.js';
import { phases, type SessionPhase } from '../../model/session-phase.js';
import type { ConnectionFigures, SessionTransport } from '../../model/session-transport.js';
import { now } from '../../timers.js';
import { inPieces, type Listing, type LiveSession } from '../live-session.js';
import { idOf } from '../session-id.js';
import { type NativeEngineBinding, RECORD_BYTES, RecordWord, SLOTS } from './binding.js';
import { type Endpoint, readEndpoint } from './event-ring.js';
import { lookUntil } from './look-until.js';

/** A loop that takes longer stands still. */
const LIMIT_MS = 30_000;

const ALL: Listing = { transport: false, sample: undefined };

/** A port in place of an IP address. */
const UNIX = -1;

export interface SessionListHost {
  readonly binding: NativeEngineBinding;
  isClosed(): boolean;
  /** That of a backend with a unix socket. */
  firstAddressOf(backend: number): ResolvedAddress | undefined;
  /** Of the route of a session that JavaScript knows. */
  poolOf(session: number): number | undefined;
  /** Those that the loops do not know yet, by name. */
  readonly writing: ReadonlyMap<number, LiveSession>;
}

/** Listings, the one after the other. */
export class SessionList {
  readonly #host: SessionListHost;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(host: SessionListHost) {
    this.#host = host;
  }

  /** Rows must not be another's meanwhile: sessions that have left them are still to be read. */
  get isBusy(): boolean {
    return this.#waiting > 0;
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_LOOP_STALLED` */
  list(visit: (session: LiveSession) => void, asked: Listing = ALL): Promise<void> {
    this.#waiting += 1;
    const listing = this.#last
      .then(() => this.#list(visit, asked))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#last = listing.catch(() => {});
    return listing;
  }

  async #list(
    visit: (session: LiveSession) => void,
    { transport, sample }: Listing,
  ): Promise<void> {
    const { binding, isClosed } = this.#host;
    if (isClosed()) return;
    const list = binding.listSessions(transport, sample ?? 0);
    const writing = sample === undefined ? [...this.#host.writing] : [];
    const latest = now() + LIMIT_MS;
    let records: ArrayBuffer | undefined;
    await lookUntil(() => {
      if (isClosed()) return true;
      records = binding.takeSessions(list, now() >= latest);
      return records !== undefined || now() >= latest;
    });
    if (isClosed()) return;
    if (records === undefined) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_LOOP_STALLED',
        `a loop has not told of its sessions for ${LIMIT_MS / 1000} s; look whether the machine has processors ` +
          'and memory for this process, and ask again',
      );
    }
    const written = new SessionRecords(records, this.#host, transport);
    // The loops may have got some of these meanwhile, and may have written them.
    const others = writing.filter(([name]) => !written.has(name)).map(([, session]) => session);
    await inPieces(written, visit);
    await inPieces(others, visit);
  }
}

/** The records of a list that are of a session: one object, which stands for one after the other. */
class SessionRecords implements LiveSession {
  readonly #words: Int32Array;
  readonly #host: SessionListHost;
  readonly #hasTransport: boolean;
  #slot = 0;

  constructor(records: ArrayBuffer, host: SessionListHost, hasTransport: boolean) {
    this.#words = new Int32Array(records);
    this.#host = host;
    this.#hasTransport = hasTransport;
  }

  *[Symbol.iterator](): IterableIterator<LiveSession> {
    const slots = this.#words.byteLength / RECORD_BYTES;
    for (let slot = 0; slot < slots; slot++) {
      this.#slot = slot;
      if (this.#word(RecordWord.isTaken) !== 0) yield this;
    }
  }

  has(name: number): boolean {
    this.#slot = name % SLOTS;
    return this.#word(RecordWord.isTaken) !== 0 && this.#name === name;
  }

  get #name(): number {
    return this.#unsigned(RecordWord.generation) * SLOTS + this.#slot;
  }

  get id(): string {
    return idOf(this.#name);
  }

  get client(): ClientAddress {
    const { ip: address = '', port = 0 } = this.#endpoint(RecordWord.clientPort) ?? {};
    return { address, port };
  }

  get listener(): number | undefined {
    return this.#row(RecordWord.listener);
  }

  get backend(): number | undefined {
    return this.#row(RecordWord.backend);
  }

  get backendAddress(): ResolvedAddress | undefined {
    const endpoint = this.#endpoint(RecordWord.backendPort);
    if (endpoint !== undefined) return { kind: 'tcp', ...endpoint };
    const { backend } = this;
    if (backend === undefined || this.#word(RecordWord.backendPort) !== UNIX) return undefined;
    return this.#host.firstAddressOf(backend);
  }

  get pool(): number | undefined {
    return this.#row(RecordWord.pool) ?? this.#host.poolOf(this.#name);
  }

  get phase(): SessionPhase {
    return phases[this.#word(RecordWord.phase)] ?? 'data';
  }

  get ageMs(): number {
    return this.#number(RecordWord.age);
  }

  get idleMs(): number | undefined {
    const { phase } = this;
    return phase === 'data' || phase === 'half-closed' ? this.#number(RecordWord.quiet) : undefined;
  }

  get bytesUpstream(): number {
    return this.#number(RecordWord.bytesUpstream);
  }

  get bytesDownstream(): number {
    return this.#number(RecordWord.bytesDownstream);
  }

  get transport(): SessionTransport | undefined {
    if (!this.#hasTransport) return undefined;
    return {
      client: this.#figures(RecordWord.clientFigures),
      backend: this.#figures(RecordWord.backendFigures),
    };
  }

  /** No TCP connection has a round trip of 0. */
  #figures(word: number): ConnectionFigures | undefined {
    const roundTripUs = this.#unsigned(word);
    if (roundTripUs === 0) return undefined;
    return {
      roundTripMs: roundTripUs / 1000,
      sentSegments: this.#unsigned(word + 1),
      retransmittedSegments: this.#unsigned(word + 2),
    };
  }

  #endpoint(word: number): Endpoint | undefined {
    return readEndpoint(this.#words, this.#at(word));
  }

  #row(word: number): number | undefined {
    const row = this.#word(word);
    return row < 0 ? undefined : row;
  }

  #number(word: number): number {
    return this.#unsigned(word + 1) * 2 ** 32 + this.#unsigned(word);
  }

  #unsigned(word: number): number {
    return this.#word(word) >>> 0;
  }

  #word(word: number): number {
    return this.#words[this.#at(word)] ?? 0;
  }

  #at(word: number): number {
    return (this.#slot * RECORD_BYTES) / Int32Array.BYTES_PER_ELEMENT + word;
  }
}
