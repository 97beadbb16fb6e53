/** How numbers are written, in tables and on the page. */

/** @import { Spread } from '../measure/statistics.js' */

/**
 * @param {number} value
 * @param {number} digits after the point
 */
export const formatNumber = (value, digits) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/**
 * @param {Spread | undefined} value
 * @param {number} digits after the point
 * @returns {string} the median, and how far the repetitions were apart
 */
export function formatSpread(value, digits) {
  if (value === undefined) return '';
  const [middle, low, high] = [value.median, value.lowest, value.highest].map((number) =>
    formatNumber(number, digits),
  );
  return low === high ? `${middle}` : `${middle} (${low} to ${high})`;
}

/** @param {number | undefined} value */
export const formatRatio = (value) => (value === undefined ? '' : `${value.toFixed(2)}x`);
