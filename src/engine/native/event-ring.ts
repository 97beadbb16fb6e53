/** What the loops report, fetched many at a time and read without a copy. */
import { SocketAddress } from 'node:net';
import { EVENT_WORDS, EventWord, type NativeEngineBinding, NONE, SLOTS } from './binding.js';

/** Events fetched from the loops in one call. */
const EVENTS_PER_CALL = 256;

const IPV4_MAPPED = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
const IP_BYTES = 16;

/** An IP literal with a port. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
  readonly family: 4 | 6;
}

/** Bytes that a session has moved. */
export interface Moved {
  readonly upstream: number;
  readonly downstream: number;
}

/** One event; good only until the call that it is given to returns. */
export class NativeEvent {
  readonly #words: Int32Array;
  #at = 0;

  constructor(words: Int32Array) {
    this.#words = words;
  }

  /** @internal Reads the event with this number from now on. */
  moveTo(index: number): this {
    this.#at = index * EVENT_WORDS;
    return this;
  }

  get(word: Exclude<keyof typeof EventWord, 'slot' | 'generation' | 'port' | 'ip'>): number {
    return this.#word(EventWord[word]);
  }

  /** Which session it is about; `NONE` for none that JavaScript knows. */
  get session(): number {
    const slot = this.#word(EventWord.slot);
    return slot < 0 ? NONE : this.#unsigned(EventWord.generation) * SLOTS + slot;
  }

  /** Of `closed`: bytes that the session has moved in all. */
  get moved(): Moved {
    const [upstream, downstream] = [EventWord.ip, EventWord.ip + 2].map(
      (word) => this.#unsigned(word + 1) * 2 ** 32 + this.#unsigned(word),
    ) as [number, number];
    return { upstream, downstream };
  }

  /** `undefined` for none, and for what has no IP address: a unix socket. */
  get endpoint(): Endpoint | undefined {
    return readEndpoint(this.#words, this.#at + EventWord.port);
  }

  #unsigned(word: number): number {
    return this.#word(word) >>> 0;
  }

  #word(word: number): number {
    return this.#words[this.#at + word] ?? 0;
  }
}

export class EventRing {
  readonly #binding: Pick<NativeEngineBinding, 'takeEvents'>;
  readonly #words = new Int32Array(EVENTS_PER_CALL * EVENT_WORDS);
  readonly #event = new NativeEvent(this.#words);

  constructor(binding: Pick<NativeEngineBinding, 'takeEvents'>) {
    this.#binding = binding;
  }

  /** Fetches events once and hands each over. True when there may be more. */
  take(handle: (event: NativeEvent) => void): boolean {
    const count = this.#binding.takeEvents(this.#words);
    for (let index = 0; index < count; index++) {
      try {
        handle(this.#event.moveTo(index));
      } catch (error) {
        // An observer's. It must not cost the other sessions their events, and it is not lost: thrown from here it
        // would end as a warning of Node-API, thrown from a tick of its own it is an uncaught exception.
        process.nextTick(() => {
          throw error;
        });
      }
    }
    return count === EVENTS_PER_CALL;
  }
}

/**
 * An address of five words: port, and the bytes of an IPv6 address.
 *
 * @param at where the port is
 * @returns `undefined` for what has no IP address: its port is negative
 */
export function readEndpoint(words: Int32Array, at: number): Endpoint | undefined {
  const port = words[at] ?? -1;
  if (port < 0) return undefined;
  const from = words.byteOffset + (at + 1) * Int32Array.BYTES_PER_ELEMENT;
  const bytes = new Uint8Array(words.buffer, from, IP_BYTES);
  if (IPV4_MAPPED.every((byte, index) => byte === bytes[index])) {
    return { ip: bytes.subarray(IPV4_MAPPED.length).join('.'), port, family: 4 };
  }
  return { ip: formatIPv6(bytes), port, family: 6 };
}

/** The one spelling of RFC 5952. */
function formatIPv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: IP_BYTES / 2 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  );
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}
