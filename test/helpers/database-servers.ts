/** What database servers say, byte by byte, for tests that need another answer than real ones give. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import type { Socket } from 'node:net';
import { startServer, type TestServer } from './servers.js';

/** Says the first at once, and one more after each thing that it hears. A function makes it of what was heard. */
export function startScripted(
  ...script: readonly (Buffer | string | ((heard: Buffer) => Buffer | string))[]
): Promise<TestServer> {
  return startServer((socket: Socket) => {
    let step = 0;
    const say = (heard: Buffer) => {
      const next = script[step++];
      if (next !== undefined) socket.write(typeof next === 'function' ? next(heard) : next);
    };
    socket.on('data', say).on('end', () => socket.end());
    say(Buffer.alloc(0));
  });
}

/** For servers that are spoken to first. */
export const silence = '';

const int32 = (number: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
};

export const mysql = {
  nonce: Buffer.from('12345678abcdefghijkl'),

  packet(count: number, ...parts: readonly (Buffer | string)[]): Buffer {
    const payload = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const header = Buffer.alloc(4);
    header.writeUIntLE(payload.length, 0, 3);
    header[3] = count;
    return Buffer.concat([header, payload]);
  },

  greeting(plugin = 'mysql_native_password', version = 10): Buffer {
    const [first, second] = [mysql.nonce.subarray(0, 8), mysql.nonce.subarray(8)];
    const between = Buffer.from('00ffff210200ffff1500000000000000000000', 'hex');
    return mysql.packet(
      0,
      Buffer.of(version),
      ...['8.4.0\0', Buffer.of(7, 0, 0, 0), first, between, second, `\0${plugin}\0`],
    );
  },

  ok: (count: number) => mysql.packet(count, Buffer.from('00000002000000', 'hex')),

  error: (count: number, code: number, words: string) =>
    mysql.packet(count, Buffer.of(0xff, code & 0xff, code >> 8), words),

  /** One row with one column. */
  row: (value: string) =>
    Buffer.concat([
      mysql.packet(1, Buffer.of(1)),
      mysql.packet(2, '\x03def'),
      mysql.packet(3, Buffer.from('fe00000200', 'hex')),
      mysql.packet(4, Buffer.of(value.length), value),
      mysql.packet(5, Buffer.from('fe00000200', 'hex')),
    ]),
};

export const postgres = {
  message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
    const payload = Buffer.concat(parts.map((part) => Buffer.from(part)));
    return Buffer.concat([Buffer.from(type), int32(4 + payload.length), payload]);
  },

  /** What it asks for to let somebody in. */
  asks: (number: number, ...parts: readonly (Buffer | string)[]) =>
    postgres.message('R', int32(number), ...parts),

  get ready(): Buffer {
    return Buffer.concat([
      postgres.asks(0),
      postgres.message('S', 'server_version\x0016.1\0'),
      postgres.message('K', int32(1), int32(2)),
      postgres.message('Z', 'I'),
    ]);
  },

  error: (code: string, words: string) =>
    postgres.message('E', `SFATAL\0VFATAL\0C${code}\0M${words}\0\0`),

  row: (value: string) =>
    Buffer.concat([
      postgres.message('T', Buffer.from('0001', 'hex')),
      postgres.message('D', Buffer.from('0001', 'hex'), int32(value.length), value),
      postgres.message('C', 'SELECT 1\0'),
      postgres.message('Z', 'I'),
    ]),
};

/** The other side of a login with SCRAM-SHA-256, for the password `secret`. */
export class ScramServer {
  static readonly #salt = Buffer.from('salt of the server');
  readonly #iterations: number;
  #first = '';
  #challenge = '';

  constructor(iterations = 4096) {
    this.#iterations = iterations;
  }

  challenge(heard: Buffer): string {
    this.#first = /n=,r=.*$/s.exec(heard.toString())?.[0] ?? '';
    const nonce = `${this.#first.slice('n=,r='.length)}more`;
    const salt = ScramServer.#salt.toString('base64');
    this.#challenge = `r=${nonce},s=${salt},i=${this.#iterations}`;
    return this.#challenge;
  }

  /** What it says in the end; nothing to who has not known the password. */
  final(heard: Buffer): string {
    const [, withoutProof = '', proof = ''] = /(c=.*),p=(.*)$/s.exec(heard.toString()) ?? [];
    const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest();
    const key = pbkdf2Sync('secret', ScramServer.#salt, this.#iterations, 32, 'sha256');
    const all = [this.#first, this.#challenge, withoutProof].join(',');
    const stored = hash(hmac(key, 'Client Key'));
    const signature = hmac(stored, all);
    const shown = Buffer.from(proof, 'base64').map((byte, index) => byte ^ (signature[index] ?? 0));
    if (!hash(Buffer.from(shown)).equals(stored)) return '';
    return `v=${hmac(hmac(key, 'Server Key'), all).toString('base64')}`;
  }
}
