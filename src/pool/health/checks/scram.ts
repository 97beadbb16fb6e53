/**
 * A login with SCRAM-SHA-256 (RFC 5802, RFC 7677): each side shows that it knows the password, and neither says it.
 * Without channel binding, which is for TLS.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { quoted } from './reason.js';

const HASH = 'sha256';
const HASH_BYTES = 32;
/** The server chooses how much work it is; PostgreSQL's default is 4096. More than this takes longer than a check may. */
const MOST_ITERATIONS = 1_000_000;
/** That there is no channel binding, as the RFC writes it, and in base64. */
const HEADER = 'n,,';
const BINDING = Buffer.from(HEADER).toString('base64');

const hmac = (key: Uint8Array, text: string) => createHmac(HASH, key).update(text).digest();

export class ScramLogin {
  readonly mechanism = 'SCRAM-SHA-256';
  readonly #password: string;
  readonly #nonce = randomBytes(18).toString('base64');
  #serverSignature = Buffer.alloc(0);

  constructor(password: string) {
    // Of SASLprep what matters: one spelling for each letter.
    this.#password = password.normalize('NFKC');
  }

  /**
   * What the client says first.
   *
   * @param offered the mechanisms of the server, a zero behind each
   */
  first(offered: Buffer): string {
    const mechanisms = offered.toString('latin1').split('\0');
    if (!mechanisms.includes(this.mechanism)) {
      throw new Error(`the server has no ${this.mechanism}, but ${quoted(mechanisms.join(' '))}`);
    }
    return HEADER + this.#firstBare;
  }

  /**
   * What the client says next.
   *
   * @param challenge what the server has answered: `r=NONCE,s=SALT,i=ITERATIONS`
   */
  async proof(challenge: string): Promise<string> {
    const [, nonce = '', salt = '', count = ''] =
      /^r=([^,]+),s=([^,]+),i=(\d+)/.exec(challenge) ?? [];
    const iterations = Number(count);
    if (!nonce.startsWith(this.#nonce) || iterations < 1 || iterations > MOST_ITERATIONS) {
      throw new Error(`expected a challenge of ${this.mechanism}, got ${quoted(challenge)}`);
    }
    const key = await promisify(pbkdf2)(
      this.#password,
      Buffer.from(salt, 'base64'),
      iterations,
      HASH_BYTES,
      HASH,
    );
    const withoutProof = `c=${BINDING},r=${nonce}`;
    const all = [this.#firstBare, challenge, withoutProof].join(',');
    const clientKey = hmac(key, 'Client Key');
    const signature = hmac(createHash(HASH).update(clientKey).digest(), all);
    this.#serverSignature = hmac(hmac(key, 'Server Key'), all);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /**
   * @param final what the server says at the end: `v=SIGNATURE`
   * @throws when it does not know the password either
   */
  checkServer(final: string): void {
    const [, signature = ''] = /^v=([^,]+)/.exec(final) ?? [];
    const given = Buffer.from(signature, 'base64');
    const isRight =
      given.length === this.#serverSignature.length &&
      timingSafeEqual(given, this.#serverSignature);
    if (!isRight || given.length === 0)
      throw new Error('the server does not know the password of its account');
  }

  get #firstBare(): string {
    // PostgreSQL takes the user from the beginning of the connection.
    return `n=,r=${this.#nonce}`;
  }
}
