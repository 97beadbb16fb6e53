/**
 * The error catalogue: every error that Spliceway throws, rejects with or emits, in one list.
 *
 * Codes are stable from release to release; programs compare `error.code`. The wording of messages
 * may improve at any time. A message says what happened, and then what to do about it.
 */

const catalogue = {
  // The configuration: nothing was started.
  ERR_SPLICEWAY_INVALID_ADDRESS:
    'an address is not host:port, :port, [v6]:port, unix:/path or, for a listener, fd:number',
  ERR_SPLICEWAY_INVALID_DURATION: 'a duration is not a whole number with ms, s, m or h',
  ERR_SPLICEWAY_INVALID_OPTION:
    'an option of the library, the command or the file is unknown, missing or wrong',
  ERR_SPLICEWAY_CONFIG_FILE: 'the configuration file cannot be read, parsed or accepted',

  // The start of a proxy.
  ERR_SPLICEWAY_LISTEN:
    'a listener could not be opened: in use, not permitted, not an address here',
  ERR_SPLICEWAY_ENGINE_UNAVAILABLE: 'the native engine was asked for and cannot run here',

  // Backends: the proxy goes on.
  ERR_SPLICEWAY_BACKEND_FAILED: 'one backend refused, timed out or could not be resolved',
  ERR_SPLICEWAY_NO_BACKEND: 'no backend answered and had room; the client was disconnected',
  ERR_SPLICEWAY_QUEUE_FULL:
    'all backends were full, and so was the queue of their pool; the client was disconnected',
  ERR_SPLICEWAY_QUEUE_TIMEOUT:
    'all backends were full until a client had waited for as long as one may; it was disconnected',
  ERR_SPLICEWAY_INVALID_PICK: 'a policy written as a function picked what is not a backend to try',

  // Names that the program gives.
  ERR_SPLICEWAY_UNKNOWN_POOL: 'the proxy has no pool of that name',
  ERR_SPLICEWAY_UNKNOWN_LISTENER: 'the proxy has no listener of that name',
  ERR_SPLICEWAY_UNKNOWN_BACKEND: 'the pool has no backend of that name',

  // Sockets given to handoff() and join().
  ERR_SPLICEWAY_TLS_SOCKET: 'a TLS socket cannot be moved into the kernel',
  ERR_SPLICEWAY_SOCKET_UNUSABLE:
    'a socket is destroyed, ended, still connecting, read by an HTTP parser or has no file descriptor',
  ERR_SPLICEWAY_HEAD_MISMATCH: 'the head that came with a socket is not what had been read from it',

  // The end of a session.
  ERR_SPLICEWAY_SESSION_RESET:
    'one side of the session reset its connection; the other was reset too',
  ERR_SPLICEWAY_SESSION_TIMEOUT: 'a session was idle, or half-closed, for longer than allowed',
  ERR_SPLICEWAY_SESSION_REBALANCED:
    'the session was idle at a backend that had more than its share, and was ended for its client to come back elsewhere',
  ERR_SPLICEWAY_SESSION_DENIED: 'the filter did not let the client in',
  ERR_SPLICEWAY_SESSION_DESTROYED:
    'the session was cut short by close(), destroy() or endSessions()',

  // The control socket and the status address.
  ERR_SPLICEWAY_INVALID_REQUEST:
    'a request to a control socket or a status address has an unknown path, or is not what is wanted there',
  ERR_SPLICEWAY_GENERATION_MISMATCH:
    'a change was meant for another generation of the configuration than the one that runs',
  ERR_SPLICEWAY_UNKNOWN_CHANGE:
    'the control socket has made no change to that generation, or many since',
  ERR_SPLICEWAY_TOO_MANY_REQUESTS:
    'as many requests wait at a control socket or a status address as may',
  ERR_SPLICEWAY_CONTROL_FAILED:
    'nobody answers at a control socket, or not as a running balancer does',

  // The process.
  ERR_SPLICEWAY_RESOURCE_LIMIT: 'the system had no file descriptor or memory to give',
  ERR_SPLICEWAY_LOOP_STALLED: 'a loop of the native engine did not answer in time',
  ERR_SPLICEWAY_CLOSED: 'the proxy was used after close()',
} as const;

/**
 * A stable error code, `ERR_SPLICEWAY_…`; `errorCatalogue` says what each means. New ones may come with any release.
 *
 * @useDeclaredType
 */
export type SplicewayErrorCode = keyof typeof catalogue;

/** What each code means, in one line, as the documentation prints it. */
export const errorCatalogue: Readonly<Record<SplicewayErrorCode, string>> = catalogue;

/** What an error says besides its words. */
export interface SplicewayErrorDetails {
  /** The system's own error, or whatever else led to this one. */
  readonly cause?: unknown;
  /** The system's name of what happened. Default: the `code` of the cause, where that is such a name. */
  readonly systemCode?: string | undefined;
  /** Name of the backend that it is about. */
  readonly backend?: string | undefined;
  /** Where that was tried, or the listener's address. */
  readonly address?: string | undefined;
}

/** Every error that Spliceway throws, rejects with or emits. */
export class SplicewayError extends Error {
  /** Stable across releases; compare this, not the message. */
  readonly code: SplicewayErrorCode;
  /** The system's own error, or whatever else led to this one; `undefined` where there was nothing. */
  declare readonly cause?: unknown;
  /** The system's name of what happened, such as `ECONNREFUSED` or `ENOTFOUND`; `undefined` where it said nothing. */
  readonly systemCode: string | undefined;
  /** Name of the backend that the error is about, as in the options; `undefined` where it is about none. */
  readonly backend: string | undefined;
  /**
   * The address that was tried: one that the backend resolved to (`127.0.0.1:3306`, `[::1]:3306`, `unix:/path`), or a
   * listener's. `undefined` where there was none.
   */
  readonly address: string | undefined;

  /**
   * For Spliceway itself; programs catch these errors, and have no need to make any.
   *
   * @param code one of the catalogue above
   * @param message what happened, then what to do, in words for a person
   */
  constructor(code: SplicewayErrorCode, message: string, details: SplicewayErrorDetails = {}) {
    const { cause, systemCode = systemCodeOf(cause), backend, address } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SplicewayError';
    this.code = code;
    this.systemCode = systemCode;
    this.backend = backend;
    this.address = address;
  }
}

/** `undefined` for codes that are not the system's: those of Node, of a parser, of a module that is missing. */
function systemCodeOf(cause: unknown): string | undefined {
  if (cause instanceof SplicewayError) return cause.systemCode;
  const { code } = (cause ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^E(?!RR_)[A-Z0-9_]+$/.test(code) ? code : undefined;
}
