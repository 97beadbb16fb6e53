/** Two open sockets made one connection. */
import type { Socket } from 'node:net';
import { availableParallelism } from 'node:os';
import { checkOptions } from '../config/check-options.js';
import type { Duration } from '../config/duration.js';
import { parseSettings } from '../config/schema.js';
import { THREADS_MAX } from '../config/settings.js';
import { checkSocket } from '../engine/check-socket.js';
import { createEngine } from '../engine/choose.js';
import type { Engine } from '../engine/engine.js';
import { SplicewayError } from '../errors/catalogue.js';
import { clientOf } from '../errors/messages.js';
import { sessionError } from '../errors/session-errors.js';
import type { EngineChoice } from '../model/choices.js';
import { checkHead } from '../session/check-head.js';
import { Session } from '../session/session.js';

/** Options of `join()`. Unknown keys are errors. */
export interface JoinOptions {
  /** What moves the bytes. Default `auto`: native where it runs, else stream with a warning of the process. */
  engine?: EngineChoice | undefined;
  /** How long the session may live with no byte moving either way. Default 0: for ever, as with `pipe()`. */
  idleTimeout?: Duration | undefined;
  /** The same once one side has ended its stream. Default 0. */
  halfCloseTimeout?: Duration | undefined;
  /** What you have read from `a`, all of it: it travels to `b` first. Checked as that of `handoff()` is. */
  head?: Uint8Array | undefined;
  /** The same, read from `b`: it travels to `a` first. */
  backHead?: Uint8Array | undefined;
}

const optionNames = [
  'engine',
  'idleTimeout',
  'halfCloseTimeout',
  'head',
  'backHead',
] satisfies (keyof JoinOptions)[];

/**
 * Engines for joins, made at the first one and kept: they live as long as the process, and keep it alive
 * only while sessions do.
 */
const engines = new Map<EngineChoice, Engine>();
let lastId = 0;

/**
 * Joins two open sockets: what `a.pipe(b).pipe(a)` does, with the native engine in the kernel. Both sockets belong
 * to the session from here on: do not touch them again. Bytes that either had read and not consumed
 * travel first, and before them its head; bytes queued for writing on either are written before. Half-close and resets are passed on.
 *
 * The first join of the process starts the engine that all of them share; the native one has a loop, which is a
 * thread, for each processor (`os.availableParallelism()`).
 *
 * @param a counts as the client: `bytesUpstream` runs from `a` to `b`
 * @param b counts as the backend
 * @returns the session, open already; its `closed` resolves at the end
 * @throws SplicewayError `ERR_SPLICEWAY_TLS_SOCKET`, `…_SOCKET_UNUSABLE`, `…_HEAD_MISMATCH`, `…_RESOURCE_LIMIT`,
 *   `…_INVALID_DURATION`, `…_INVALID_OPTION`, `…_ENGINE_UNAVAILABLE`; both sockets are then still yours
 */
export function join(a: Socket, b: Socket, options: JoinOptions = {}): Session {
  checkOptions('join()', options, optionNames);
  const { head, backHead, ...settings } = options;
  const { engine = 'auto', idleTimeoutMs = 0, halfCloseTimeoutMs = 0 } = parseSettings(settings);
  checkSocket(a);
  checkSocket(b);
  if (a === b) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_SOCKET_UNUSABLE',
      'a socket cannot be joined to itself; pass two different ones',
    );
  }
  const heads = { head: checkHead('head', a, head), backHead: checkHead('backHead', b, backHead) };
  const session = new Session({
    id: lastId + 1,
    client: clientOf(a),
    listener: 'join',
    pool: undefined,
  });
  const engineSession = engineFor(engine).join({
    client: a,
    backend: b,
    ...heads,
    timeouts: {
      connectMs: 0,
      search: { budgetMs: 0, attempts: 0, abortOnClose: false },
      idleMs: idleTimeoutMs,
      halfCloseMs: halfCloseTimeoutMs,
      handshakeMs: 0,
      earlyResetMs: 0,
      maxAgeMs: 0,
    },
    observer: {
      // A join connects to nothing, so there is nothing that fails or opens.
      onAttemptFailed: () => {},
      onOutrun: () => {},
      onNoPort: () => {},
      onNoSource: () => {},
      onEarlyReset: () => {},
      onOpen: () => {},
      onClose: (reason, cause) => session.markClosed(reason, sessionError(reason, { cause })),
    },
  });
  lastId += 1;
  session.attach(engineSession);
  session.markOpen(undefined);
  session.rest();
  return session;
}

function engineFor(choice: EngineChoice): Engine {
  const existing = engines.get(choice);
  if (existing !== undefined) return existing;
  const chosen = createEngine(choice, {
    // Joins are not counted by listener and backend; one row of each is the least that an engine has.
    listeners: 1,
    backends: 1,
    threads: Math.min(availableParallelism(), THREADS_MAX),
    transfer: 'auto',
    busyPollUs: 0,
    keepAliveMs: 0,
  });
  if (chosen.warning !== undefined) process.emitWarning(chosen.warning, 'SplicewayWarning');
  engines.set(choice, chosen.engine);
  return chosen.engine;
}
