/**
 * The bytes of a session: endless, different for each session, and cheap to make and to compare. All
 * sessions read one ring of pseudo-random bytes, each from a place of its own, so a byte that is lost,
 * doubled or swapped between two sessions shows at once.
 */

/** A prime, so that no power of two (a buffer's size) lines up with the ring. */
const ringBytes = 65_521;
/** The ring and its beginning again: a chunk that crosses the seam needs no copy. */
const twice = Buffer.alloc(2 * ringBytes);

let state = 0x9e3779b9;
for (let index = 0; index < ringBytes; index++) {
  // Marsaglia's xorshift32.
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  twice[index] = state & 0xff;
  twice[index + ringBytes] = state & 0xff;
}

/** The most that one chunk holds. */
export const maxChunkBytes = ringBytes;

/**
 * @param {number} session
 * @param {number} offset how many bytes of the session come before
 * @param {number} bytes at most `maxChunkBytes`
 * @returns {Buffer} shared; not to be written to
 */
export function expectedBytes(session, offset, bytes) {
  const start = (session * 7919 + offset) % ringBytes;
  return twice.subarray(start, start + bytes);
}

/**
 * @param {number} session
 * @param {number} offset
 * @param {Buffer} received
 * @returns {boolean}
 */
export function matches(session, offset, received) {
  for (let at = 0; at < received.length; at += maxChunkBytes) {
    const part = received.subarray(at, at + maxChunkBytes);
    if (!part.equals(expectedBytes(session, offset + at, part.length))) return false;
  }
  return true;
}
