/** What the server says after the last byte that it echoes. Without it, an end is that of a server that was killed. */
export const trailerBytes = 16;

/** @param {number} echoed bytes */
export const trailerOf = (echoed) => Buffer.from(`=end ${String(echoed).padStart(10)}\n`);
