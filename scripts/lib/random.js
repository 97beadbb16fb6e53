/** Numbers that look random and are told by a text. */
import { createHash } from 'node:crypto';

/** @typedef {ReturnType<typeof randomFrom>} Random */

/**
 * @param {string} text
 * @returns every number drawn is another; the same text gives the same ones
 */
export function randomFrom(text) {
  let drawn = 0;
  const hash = () => createHash('sha256').update(`${text}/${drawn++}`).digest();
  /** From 0 up to, not including, 1. */
  const fraction = () => hash().readUIntBE(0, 6) / 2 ** 48;
  return {
    /** 64 bits. */
    key: () => hash().readBigUInt64BE(),
    /** @param {number} probability */
    chance: (probability) => fraction() < probability,
    /** @param {number} from @param {number} to both may come */
    between: (from, to) => from + Math.floor(fraction() * (to - from + 1)),
    /** As many numbers of each size. @param {number} from @param {number} to both may come */
    logarithmic: (from, to) => from - 1 + Math.floor((to - from + 2) ** fraction()),
    /** @template T @param {readonly [T, ...T[]]} items */
    pick: (items) => items[Math.floor(fraction() * items.length)] ?? items[0],
  };
}
