/** Figures in as few letters as a narrow terminal has. */
import { formatBytes } from '../live-line.js';
import { formatCount } from '../remote/words.js';

/** `0`, `<0.1`, `7.2`, `31`, `12,345`; nothing where it is not known. */
export function rateText(rate: number | undefined): string {
  if (rate === undefined) return '';
  if (rate === 0) return '0';
  if (rate < 0.05) return '<0.1';
  return rate < 9.95 ? rate.toFixed(1) : formatCount(Math.round(rate));
}

/** A second; nothing where it is not known. */
export const bytesText = (bytes: number | undefined): string =>
  bytes === undefined ? '' : formatBytes(Math.round(bytes));

/** `80 µs`, `1.2 ms`, `3 s`. */
export function secondsText(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'longer';
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${short(seconds * 1000)} ms`;
  return `${short(seconds)} s`;
}

const short = (value: number) => (value < 9.95 ? Number(value.toFixed(1)) : Math.round(value));
