/** A check that a program has written. */
import { formatResolved } from '../../../model/address.js';
import type { CheckConfigOf } from '../../../model/health.js';
import { attempt } from './attempt.js';
import type { Check } from './check.js';
import { told } from './reason.js';

export function functionCheck({ check }: CheckConfigOf<'function'>): Check {
  return ({ name, address }, signal) =>
    attempt(signal, async (own) => {
      own.state = 'waiting for the function of the program';
      const where =
        address.kind === 'unix'
          ? { host: address.path, port: 0 }
          : { host: address.ip, port: address.port };
      let answer: unknown;
      try {
        answer = await check({ name, address: formatResolved(address), ...where, signal });
      } catch (error) {
        throw new Error(told(error instanceof Error ? error.message : String(error)));
      }
      if (answer === true) return '';
      if (typeof answer === 'string') return told(answer);
      const text = answer === false ? 'false' : `${typeof answer}, expected true, false or a text`;
      throw new Error(`the function of the program answered with ${text}`);
    });
}
