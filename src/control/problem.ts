/** Errors as HTTP has them: problem details, RFC 9457. */
import { STATUS_CODES } from 'node:http';
import { SplicewayError, type SplicewayErrorCode } from '../errors/catalogue.js';
import type { ControlProblem, FileError } from './types.js';

/** Of HTTP; all others say that the request cannot be processed. */
const statusOf: { readonly [Code in SplicewayErrorCode]?: number } = {
  ERR_SPLICEWAY_INVALID_REQUEST: 400,
  ERR_SPLICEWAY_UNKNOWN_POOL: 404,
  ERR_SPLICEWAY_UNKNOWN_LISTENER: 404,
  ERR_SPLICEWAY_UNKNOWN_BACKEND: 404,
  ERR_SPLICEWAY_UNKNOWN_CHANGE: 404,
  ERR_SPLICEWAY_LISTEN: 409,
  ERR_SPLICEWAY_ENGINE_UNAVAILABLE: 409,
  ERR_SPLICEWAY_GENERATION_MISMATCH: 412,
  ERR_SPLICEWAY_CONTROL_FAILED: 500,
  ERR_SPLICEWAY_TOO_MANY_REQUESTS: 503,
  ERR_SPLICEWAY_RESOURCE_LIMIT: 503,
  ERR_SPLICEWAY_CLOSED: 503,
};

/** A change is refused, since it was meant for another configuration. */
export class GenerationMismatch extends SplicewayError {
  readonly generation: number;

  /** @param generation the one that runs */
  constructor(generation: number) {
    super(
      'ERR_SPLICEWAY_GENERATION_MISMATCH',
      `generation ${generation} runs, and not the one that this change is for; look what has changed, and ask again with If-Match: "${generation}"`,
    );
    this.generation = generation;
  }
}

/** A request that is none, with the status that says so in HTTP. */
export class InvalidRequest extends SplicewayError {
  readonly status: number;
  readonly allow: readonly string[] | undefined;

  /** @param allow methods that the path has, where it was asked with another one */
  constructor(status: number, message: string, allow?: readonly string[]) {
    super('ERR_SPLICEWAY_INVALID_REQUEST', message);
    this.status = status;
    this.allow = allow;
  }
}

/** What is told of an error. One that nobody foresaw says no more than its words: no stack leaves the process. */
export function problemOf(error: unknown): ControlProblem {
  if (!(error instanceof SplicewayError)) {
    const detail = `this should not have happened: ${String((error as Error | undefined)?.message)}; please report it`;
    return problem(500, 'ERR_SPLICEWAY_CONTROL_FAILED', detail);
  }
  const status = error instanceof InvalidRequest ? error.status : (statusOf[error.code] ?? 422);
  const { generation } = error as { generation?: number };
  const errors = error.code === 'ERR_SPLICEWAY_CONFIG_FILE' ? placesIn(error.message) : undefined;
  return {
    ...problem(status, error.code, error.message),
    ...(generation === undefined ? {} : { generation }),
    ...(errors === undefined ? {} : { errors }),
  };
}

function problem(status: number, code: SplicewayErrorCode, detail: string): ControlProblem {
  return { title: STATUS_CODES[status] ?? 'Error', status, detail, code };
}

/** The lines of a message that begin with a place in a file. */
function placesIn(message: string): readonly FileError[] {
  return message.split('\n').flatMap((line) => {
    const [, file, row, column, text] = /^(.*?):(\d+):(\d+): (.*)$/.exec(line) ?? [];
    if (file === undefined || text === undefined) return [];
    return [{ file, line: Number(row), column: Number(column), message: text }];
  });
}
