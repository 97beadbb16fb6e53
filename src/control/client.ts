/** What talks to a running balancer through its control socket. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import type { Duration } from '../config/duration.js';
import type { BackendOptions, ProxyOptions } from '../config/options.js';
import { errorCatalogue, SplicewayError, type SplicewayErrorCode } from '../errors/catalogue.js';
import type { SessionFilter } from '../session/session-info.js';
import { checkPath } from './path.js';
import type {
  BackendChange,
  ControlBackend,
  ControlChange,
  ControlChanges,
  ControlConfig,
  ControlEvent,
  ControlProblem,
  ControlResult,
  ControlSessions,
  ControlStatus,
  DrainChange,
  ListenerChange,
  SessionQuery,
} from './types.js';

/** For an answer that nothing is waited for. */
const PATIENCE_MS = 60_000;
/** The longest that is read: a status of a hundred thousand backends. */
const LONGEST_ANSWER = 256 * 1024 * 1024;
/** The longest line of events. */
const LONGEST_LINE = 1024 * 1024;

/** What a change is for. */
export interface ChangeOptions {
  /** The generation that it is for: where another one runs, nothing is changed. Default: any. */
  generation?: number | undefined;
}

/**
 * Talks to a running balancer, from `connectControl()`. Each method is one request, on a connection of its own. They reject with
 * the error that the balancer has met, by the same code; with `ERR_SPLICEWAY_GENERATION_MISMATCH` where a change was for
 * another generation; and with `ERR_SPLICEWAY_CONTROL_FAILED` where nobody answers.
 */
export interface ControlClient {
  /** The file of the socket. */
  readonly path: string;
  /** What runs, and how it is. */
  status(): Promise<ControlStatus>;
  /** The options that run. */
  config(): Promise<ControlConfig>;
  /** Has another configuration take the place of the one that runs, whole or not at all. */
  update(options: ProxyOptions, change?: ChangeOptions): Promise<ControlResult>;
  /** What `update()` would change. */
  compare(options: ProxyOptions): Promise<ControlResult>;
  /** Has the balancer read its file again. */
  reload(change?: ChangeOptions): Promise<ControlResult>;
  /** What `reload()` would change. */
  compareFile(): Promise<ControlResult>;
  /** One backend, as the status has it. */
  backend(pool: string, backend: string): Promise<ControlBackend>;
  /** Gives a backend another weight, state, limit or health. */
  setBackend(
    pool: string,
    backend: string,
    to: BackendChange,
    change?: ChangeOptions,
  ): Promise<ControlResult>;
  /** Sends no new sessions to a backend; with `wait`, answers when its last session has left. */
  drain(
    pool: string,
    backend: string,
    how?: DrainChange,
    change?: ChangeOptions,
  ): Promise<ControlResult>;
  /** Adds a backend. */
  add(
    pool: string,
    backend: string | BackendOptions,
    change?: ChangeOptions,
  ): Promise<ControlResult>;
  /**
   * Takes a backend out.
   *
   * @param after how long its sessions may go on; default: as `onRemove` of the pool says
   */
  remove(
    pool: string,
    backend: string,
    after?: Duration,
    change?: ChangeOptions,
  ): Promise<ControlResult>;
  /**
   * Takes back what was set by hand.
   *
   * @param pool whose backends are meant; default: those of all pools
   * @param backend the one that is meant; default: all of the pool
   */
  reset(pool?: string, backend?: string, change?: ChangeOptions): Promise<ControlResult>;
  /** The sessions that live now. */
  sessions(query?: SessionQuery): Promise<ControlSessions>;
  /**
   * Ends sessions at once, with a reset of both sides.
   *
   * @param which their ids, or a filter that says something
   */
  endSessions(
    which: SessionFilter | readonly string[],
    change?: ChangeOptions,
  ): Promise<ControlResult>;
  /** Holds clients of a listener back, or takes them again. */
  setListener(name: string, to: ListenerChange, change?: ChangeOptions): Promise<ControlResult>;
  /** The last changes that were made through the socket, the oldest first. */
  changes(): Promise<ControlChanges>;
  /** The change that led to a generation: for whoever was cut off before the answer came. */
  change(generation: number): Promise<ControlChange>;
  /**
   * What happens from now on, until the loop over it is left or the signal aborts.
   *
   * @param signal ends it
   */
  events(signal?: AbortSignal): AsyncIterableIterator<ControlEvent>;
}

/**
 * Talks to a running balancer. Nothing is connected yet: each request does so by itself.
 *
 * @param path the file of its control socket
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` where that is no path of a socket
 */
export function connectControl(path: string): ControlClient {
  // Node would take an empty one for no socket at all, and ask port 80 of this machine.
  checkPath('connectControl()', path);
  return new SocketClient(path);
}

interface Asked {
  readonly method?: string;
  readonly body?: unknown;
  /** The generation that it is for. */
  readonly for?: ChangeOptions | undefined;
  readonly patienceMs?: number;
}

class SocketClient implements ControlClient {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  status(): Promise<ControlStatus> {
    return this.#ask('/v1/status');
  }

  config(): Promise<ControlConfig> {
    return this.#ask('/v1/config');
  }

  update(options: ProxyOptions, change?: ChangeOptions): Promise<ControlResult> {
    return this.#ask('/v1/config', { method: 'PUT', body: options, for: change });
  }

  compare(options: ProxyOptions): Promise<ControlResult> {
    return this.#ask('/v1/config?dry-run', { method: 'PUT', body: options });
  }

  reload(change?: ChangeOptions): Promise<ControlResult> {
    return this.#ask('/v1/reload', { method: 'POST', for: change });
  }

  compareFile(): Promise<ControlResult> {
    return this.#ask('/v1/reload?dry-run', { method: 'POST' });
  }

  backend(pool: string, backend: string): Promise<ControlBackend> {
    return this.#ask(pathOf(pool, backend));
  }

  setBackend(
    pool: string,
    backend: string,
    to: BackendChange,
    change?: ChangeOptions,
  ): Promise<ControlResult> {
    return this.#ask(pathOf(pool, backend), { method: 'PATCH', body: to, for: change });
  }

  drain(
    pool: string,
    backend: string,
    how: DrainChange = {},
    change?: ChangeOptions,
  ): Promise<ControlResult> {
    const patienceMs = how.wait === undefined || how.wait === false ? PATIENCE_MS : 0;
    const asked = { method: 'POST', body: how, for: change, patienceMs };
    return this.#ask(`${pathOf(pool, backend)}/drain`, asked);
  }

  add(
    pool: string,
    backend: string | BackendOptions,
    change?: ChangeOptions,
  ): Promise<ControlResult> {
    return this.#ask(pathOf(pool), { method: 'POST', body: backend, for: change });
  }

  remove(
    pool: string,
    backend: string,
    after?: Duration,
    change?: ChangeOptions,
  ): Promise<ControlResult> {
    const query = after === undefined ? '' : `?after=${encodeURIComponent(durationText(after))}`;
    return this.#ask(pathOf(pool, backend) + query, { method: 'DELETE', for: change });
  }

  reset(pool?: string, backend?: string, change?: ChangeOptions): Promise<ControlResult> {
    const path = [
      ...(pool === undefined ? [] : ['pools', pool]),
      ...(backend === undefined ? [] : ['backends', backend]),
    ];
    const asked = { method: 'POST', for: change };
    return this.#ask(['/v1', ...path.map(encodeURIComponent), 'reset'].join('/'), asked);
  }

  sessions(query: SessionQuery = {}): Promise<ControlSessions> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) parameters.set(name, String(value));
    }
    return this.#ask(`/v1/sessions?${parameters}`);
  }

  endSessions(
    which: SessionFilter | readonly string[],
    change?: ChangeOptions,
  ): Promise<ControlResult> {
    const body = Array.isArray(which) ? { ids: which } : which;
    return this.#ask('/v1/sessions/end', { method: 'POST', body, for: change });
  }

  setListener(name: string, to: ListenerChange, change?: ChangeOptions): Promise<ControlResult> {
    const path = `/v1/listeners/${encodeURIComponent(name)}`;
    return this.#ask(path, { method: 'PATCH', body: to, for: change });
  }

  changes(): Promise<ControlChanges> {
    return this.#ask('/v1/changes');
  }

  change(generation: number): Promise<ControlChange> {
    return this.#ask(`/v1/changes/${generation}`);
  }

  async *events(signal?: AbortSignal): AsyncIterableIterator<ControlEvent> {
    const answer = await this.#send('/v1/events', { patienceMs: 0 }, signal);
    try {
      if (answer.statusCode !== 200) throw problemIn(this.path, await textOf(answer));
      for await (const line of linesOf(answer)) yield JSON.parse(line) as ControlEvent;
    } catch (error) {
      if (signal?.aborted) return;
      throw error instanceof SplicewayError ? error : failed(this.path, error);
    } finally {
      answer.destroy();
    }
  }

  async #ask<Answer>(path: string, asked: Asked = {}): Promise<Answer> {
    const answer = await this.#send(path, asked);
    let text: string;
    try {
      text = await textOf(answer);
    } catch (error) {
      throw failed(this.path, error);
    }
    if (answer.statusCode !== 200) throw problemIn(this.path, text);
    return parsed(this.path, text) as Answer;
  }

  async #send(path: string, asked: Asked, signal?: AbortSignal): Promise<IncomingMessage> {
    const { method = 'GET', body, for: change, patienceMs = PATIENCE_MS } = asked;
    const { generation } = change ?? {};
    const text = body === undefined ? '' : JSON.stringify(body);
    const sent = request({
      socketPath: this.path,
      path,
      method,
      agent: false,
      timeout: patienceMs,
      ...(signal === undefined ? {} : { signal }),
      headers: {
        Host: 'spliceway',
        ...(text === '' ? {} : { 'Content-Type': 'application/json' }),
        ...(method === 'GET' ? {} : { 'Content-Length': Buffer.byteLength(text) }),
        ...(generation === undefined ? {} : { 'If-Match': `"${generation}"` }),
      },
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    // What comes after the answer has begun is told of by the answer.
    sent.on('error', () => {});
    try {
      const answered = once(sent, 'response');
      sent.end(text);
      const [answer] = await answered;
      return answer as IncomingMessage;
    } catch (error) {
      throw failed(this.path, error);
    }
  }
}

const pathOf = (pool: string, backend?: string) => {
  const backends = `/v1/pools/${encodeURIComponent(pool)}/backends`;
  return backend === undefined ? backends : `${backends}/${encodeURIComponent(backend)}`;
};

const durationText = (duration: Duration) =>
  typeof duration === 'number' && duration > 0 ? `${duration}ms` : String(duration);

async function textOf(answer: IncomingMessage): Promise<string> {
  answer.setEncoding('utf8');
  let text = '';
  for await (const part of answer) {
    text += part;
    if (text.length > LONGEST_ANSWER) throw new Error('the answer does not end');
  }
  return text;
}

async function* linesOf(answer: IncomingMessage): AsyncIterableIterator<string> {
  answer.setEncoding('utf8');
  let rest = '';
  for await (const part of answer) {
    const lines = (rest + part).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new Error('a line does not end');
    yield* lines;
  }
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failed(path, error);
  }
}

/** The error of the balancer, made again. Its `cause` is the `ControlProblem` that was answered. */
function problemIn(path: string, text: string): SplicewayError {
  const problem = (parsed(path, text) ?? {}) as Partial<ControlProblem>;
  const { code, detail } = problem;
  if (typeof detail !== 'string') {
    return failed(path, new Error('its answer is not that of a balancer'));
  }
  // A balancer of another version may have more codes.
  const known = isCode(code) ? code : 'ERR_SPLICEWAY_CONTROL_FAILED';
  return new SplicewayError(known, detail, { cause: problem });
}

const isCode = (code: unknown): code is SplicewayErrorCode =>
  typeof code === 'string' && Object.hasOwn(errorCatalogue, code);

function failed(path: string, cause: unknown): SplicewayError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const reason = advice[code] ?? `${message}; see whether the balancer still runs`;
  return new SplicewayError('ERR_SPLICEWAY_CONTROL_FAILED', `control socket ${path}: ${reason}`, {
    cause,
    address: `unix:${path}`,
  });
}

const advice: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; no balancer of that name runs, or it has no control socket',
  ENOTDIR: 'there is no such folder; no balancer of that name runs, or it has no control socket',
  ECONNREFUSED: 'nobody listens there any more; the balancer has ended without a word',
  EACCES: 'permission denied; it is for the user that the balancer runs as, and for root',
  ECONNRESET: 'the connection was cut before the answer came; ask for the status, or again',
};
