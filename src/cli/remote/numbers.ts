/** Numbers and durations as flags have them. */
import { parseDuration } from '../../config/duration.js';
import { SplicewayError } from '../../errors/catalogue.js';

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
export function wholeNumber(name: string, text: string, least: number): number {
  if (/^\d{1,15}$/.test(text) && Number(text) >= least) return Number(text);
  throw invalid(`${name}: ${JSON.stringify(text)} is no whole number from ${least} on`);
}

/** Checks it before anything is asked for. @throws SplicewayError `ERR_SPLICEWAY_INVALID_DURATION` */
export function durationText(name: string, text: string): string {
  try {
    parseDuration(text);
  } catch (error) {
    const { code, message } = error as SplicewayError;
    throw new SplicewayError(code, `${name}: ${message}`);
  }
  return text;
}

export const invalid = (message: string) =>
  new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
