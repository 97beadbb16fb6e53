/** Answers of the control socket and of the status address. */
import type { Context, HttpBindings } from '../vendor/hono.js';
import { InvalidRequest, problemOf } from './problem.js';

export type Served = { Bindings: HttpBindings };
export type Call = Context<Served>;

export function answer(call: Call, answered: unknown, status = 200): Response {
  call.header('Cache-Control', 'no-store');
  return call.json(answered as object, status as 200);
}

export function answerProblem(call: Call, error: unknown): Response {
  const problem = problemOf(error);
  if (error instanceof InvalidRequest && error.allow !== undefined) {
    call.header('Allow', error.allow.join(', '));
  }
  return call.body(JSON.stringify(problem), problem.status as 400, {
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
  });
}

export const wrongMethod = (allow: readonly string[]) =>
  new InvalidRequest(405, `this method is not for this path; use ${allow.join(' or ')}`, allow);

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_REQUEST` for a name that is not among those of the path */
export function checkQuery(query: object, known: readonly string[]): void {
  const name = Object.keys(query).find((asked) => !known.includes(asked));
  if (name === undefined) return;
  const names = known.join(', ') || 'none';
  throw new InvalidRequest(400, `?${name} is unknown; this path has ${names}`);
}
