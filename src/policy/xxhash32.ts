const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

/** Bytes that are taken in at once. */
const STRIPE = 16;

/**
 * XXH32 of some bytes, as the specification has it (Y. Collet, "XXH32 algorithm description", version 0.1.1), with seed 0.
 *
 * @returns a whole number of 32 bits
 */
export function xxhash32(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length;
  let hash = length < STRIPE ? PRIME_5 : 0;
  let at = 0;
  if (length >= STRIPE) {
    const lanes = [PRIME_1 + PRIME_2, PRIME_2, 0, -PRIME_1];
    for (; at + STRIPE <= length; at += STRIPE) {
      for (const [lane, value] of lanes.entries()) {
        lanes[lane] = round(value, view.getUint32(at + 4 * lane, true));
      }
    }
    const [one = 0, two = 0, three = 0, four = 0] = lanes;
    hash = rotate(one, 1) + rotate(two, 7) + rotate(three, 12) + rotate(four, 18);
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= length; at += 4) {
    hash = (hash + Math.imul(view.getUint32(at, true), PRIME_3)) | 0;
    hash = Math.imul(rotate(hash, 17), PRIME_4);
  }
  for (; at < length; at++) {
    hash = (hash + Math.imul(view.getUint8(at), PRIME_5)) | 0;
    hash = Math.imul(rotate(hash, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

const round = (lane: number, input: number) =>
  Math.imul(rotate((lane + Math.imul(input, PRIME_2)) | 0, 13), PRIME_1);

const rotate = (value: number, bits: number) => (value << bits) | (value >>> (32 - bits));
