/** Packets of the protocol of MySQL: three bytes of length, one that counts, and what it says. */
import { type Found, MOST_BYTES } from './conversation.js';
import { quoted } from './reason.js';

const HEADER = 4;

export interface Packet {
  /** Its place in the exchange; the answer has the next. */
  readonly count: number;
  readonly payload: Buffer;
}

/** @throws when what has come is no such packet */
export function findPacket(received: Buffer): Found<Packet> | undefined {
  if (received.length < HEADER) return undefined;
  const length = received.readUIntLE(0, 3);
  if (length === 0 || length > MOST_BYTES) {
    throw new Error(`expected MySQL, got ${quoted(received.toString('latin1'))}`);
  }
  const bytes = HEADER + length;
  if (received.length < bytes) return undefined;
  const value = { count: received.readUInt8(3), payload: received.subarray(HEADER, bytes) };
  return { value, bytes };
}

export function packetOf(count: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER);
  header.writeUIntLE(payload.length, 0, 3);
  header.writeUInt8(count & 0xff, 3);
  return Buffer.concat([header, payload]);
}

/** Reads the payload of a packet from its beginning. Every method throws where it has ended. */
export class PacketReader {
  #left: Buffer;

  constructor(payload: Buffer) {
    this.#left = payload;
  }

  bytes(count: number): Buffer {
    if (count > this.#left.length) throw new Error('got a packet of MySQL that is cut off');
    const bytes = this.#left.subarray(0, count);
    this.#left = this.#left.subarray(count);
    return bytes;
  }

  number(size: 1 | 2): number {
    return this.bytes(size).readUIntLE(0, size);
  }

  /** Up to a zero, or to the end. */
  text(): string {
    const zero = this.#left.indexOf(0);
    const text = this.bytes(zero < 0 ? this.#left.length : zero).toString();
    if (zero >= 0) this.bytes(1);
    return text;
  }

  /** Behind its length, which is less than 251. */
  shortText(): string {
    return this.bytes(this.number(1)).toString();
  }

  rest(): Buffer {
    return this.bytes(this.#left.length);
  }
}
