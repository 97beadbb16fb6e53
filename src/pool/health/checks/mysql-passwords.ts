/** How MySQL is shown that one knows a password, without saying it. */
import { createHash } from 'node:crypto';

type Proof = (password: string, nonce: Uint8Array) => Buffer;

const hash = (name: string, ...parts: readonly Uint8Array[]) => {
  const sum = createHash(name);
  for (const part of parts) sum.update(part);
  return sum.digest();
};

const xor = (one: Buffer, other: Buffer) =>
  Buffer.from(one.map((byte, index) => byte ^ (other[index] ?? 0)));

const proofs: Readonly<Record<string, Proof>> = {
  mysql_native_password: (password, nonce) => {
    const once = hash('sha1', Buffer.from(password));
    return xor(once, hash('sha1', nonce, hash('sha1', once)));
  },
  caching_sha2_password: (password, nonce) => {
    const once = hash('sha256', Buffer.from(password));
    return xor(once, hash('sha256', hash('sha256', once), nonce));
  },
};

/** By the names that they have in the protocol, the one that every server has first. */
export const plugins = Object.keys(proofs);

/** @throws when the plugin is none of `plugins` */
export function proofOf(plugin: string, password: string, nonce: Uint8Array): Buffer {
  const proof = Object.hasOwn(proofs, plugin) ? proofs[plugin] : undefined;
  if (proof === undefined) {
    throw new Error(
      `the account is of ${JSON.stringify(plugin)}, make it one of ${plugins.join(' or ')}`,
    );
  }
  return password === '' ? Buffer.alloc(0) : proof(password, nonce);
}
