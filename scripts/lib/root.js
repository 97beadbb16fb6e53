import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's folder, absolute, without a slash at its end. */
export const root = path.resolve(fileURLToPath(new URL('../..', import.meta.url)));

/**
 * @param {...string} parts a path inside the checkout
 * @returns {string} the same, absolute
 */
export const inRoot = (...parts) => path.join(root, ...parts);
