/** Options of methods: as strict as those of `createProxy()`. */

import { SplicewayError } from '../errors/catalogue.js';
import { didYouMean } from './suggest.js';

/**
 * Throws for what is not an object of options, or has one that is not known.
 *
 * @param method for the message, such as `handoff()`
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`
 */
export function checkOptions(method: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw invalid(`the options of ${method} are not an object; give an object, or nothing`);
  }
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const hint = didYouMean(key, known) || `; its options are ${known.join(', ')}`;
    throw invalid(`${method} has no option ${JSON.stringify(key)}${hint}`);
  }
}

function invalid(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
