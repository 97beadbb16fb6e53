/** What a control socket is told, and what it answers: the same in the library, in the client, and in JSON. */
import type { Duration } from '../config/duration.js';
import type { ProxyOptions } from '../config/options.js';
import type { SplicewayErrorCode } from '../errors/catalogue.js';
import type { AdminState } from '../model/admin-state.js';
import type { HealthStatus } from '../model/health-status.js';
import type { BackendOverride } from '../model/overlay.js';
import type { UpdateResult } from '../model/update-result.js';
import type {
  BackendStats,
  HistogramStats,
  ListenerStats,
  LoopStats,
  PoolStats,
  ProxyStats,
} from '../observe/stats.js';
import type { DrainResult } from '../proxy/handles.js';
import type { RunningEngine } from '../proxy/options.js';
import type { SessionFilter, SessionInfo } from '../session/session-info.js';

/** Options of `createControl()`. Unknown keys are errors. */
export interface ControlOptions {
  /** The file of the socket, of at most 107 bytes. Its folder has to be there, and keep others from putting files in it. */
  path: string;
  /** What the status calls this balancer. Default: the path. */
  name?: string | undefined;
  /**
   * What `POST /v1/reload` does: mostly, it reads a file and gives it to `proxy.update()`. Default: there is nothing to reload,
   * and the request is answered so.
   */
  reload?: (() => Promise<UpdateResult>) | undefined;
  /** What `reload` would change; throws what is wrong with the file. Default: nobody can ask for it. */
  compare?: (() => ControlResult) | undefined;
  /** What the status calls the file that `reload` reads. */
  file?: string | undefined;
  /** Told of each change that was asked for, once it is known what came of it. It must not throw. */
  audit?: ((change: ControlAudit) => void) | undefined;
}

/** A control socket that is open, made by `createControl()`. */
export interface Control {
  /** The file of the socket. */
  readonly path: string;
  /** Cuts whoever is connected, and removes the file. A change that has begun is still made. */
  close(): Promise<void>;
}

/** The process at the other end of the socket, as it was when it connected. */
export interface ControlPeer {
  /** Number of the process; 0 for one of another container. */
  readonly pid: number;
  /** Number of its user. */
  readonly uid: number;
  /** Number of its group. */
  readonly gid: number;
}

/** Who has asked for which change, and what came of it. */
export interface ControlAudit {
  /** Who asked; absent where the system does not say. */
  readonly peer?: ControlPeer | undefined;
  /** `POST`, `PUT`, `PATCH` or `DELETE`. */
  readonly method: string;
  /** What was to change, such as `/v1/pools/db/backends/db-1`. */
  readonly path: string;
  /** What was asked of it; absent where that may hold secrets, or was nothing. */
  readonly asked?: unknown;
  /** The generation after it. */
  readonly generation: number;
  /** What has changed; absent where nothing was to be. */
  readonly result?: ControlResult | undefined;
  /** Why nothing has changed; absent where it was done. */
  readonly error?:
    | {
        /** Stable; compare this. */
        readonly code: SplicewayErrorCode;
        /** What happened, and what to do. */
        readonly message: string;
      }
    | undefined;
}

/** Figures of one address of a listener, and whether it takes clients. */
export interface ControlListener extends Omit<ListenerStats, 'maxSessions'> {
  /** Of the listener, over all its addresses; absent for what the process may have. */
  readonly maxSessions?: number | undefined;
  /** Whether an operator holds clients back. */
  readonly isPaused: boolean;
}

/**
 * A histogram in a few numbers: times in seconds, sizes in bytes. A percentile is a value that so many of a hundred are not above; it
 * may be too large by a quarter. It is absent where there are no values, and where it is above all that the histogram can tell.
 */
export interface ControlSummary {
  /** Of all values. */
  readonly count: number;
  /** Of all values. */
  readonly sum: number;
  /** Half of the values are not above it: the median. */
  readonly p50?: number;
  /** 90 of 100 are not above it. */
  readonly p90?: number;
  /** 99 of 100 are not above it. */
  readonly p99?: number;
  /** 999 of 1000 are not above it. */
  readonly p999?: number;
}

/** Of each histogram of `stats()`, by its name. */
export type ControlSummaries = {
  readonly [Name in keyof HistogramStats]: ControlSummary;
};

/** Figures of one pool. */
export interface ControlPool extends Omit<PoolStats, 'maxPoolSessions' | 'histograms'> {
  /** As in the options; absent for any number. */
  readonly maxPoolSessions?: number | undefined;
  /** How long things take, and how large sessions are: since the pool is there. */
  readonly summaries: ControlSummaries;
}

/** What one loop of the native engine tells of itself. */
export interface ControlLoop extends Omit<LoopStats, 'turns'> {
  /** Seconds that its turns take. */
  readonly turns: ControlSummary;
}

/** Figures of one backend, and what is set of it. */
export interface ControlBackend extends Omit<BackendStats, 'maxSessions' | 'configured'> {
  /** What the options say of it, whatever was set since. */
  readonly configured: {
    /** 1 to 1000. */
    readonly weight: number;
    /** Sessions at once; absent for any number. */
    readonly maxSessions?: number | undefined;
  };
  /** Sessions at once; absent for any number. */
  readonly maxSessions?: number | undefined;
}

/** What runs, and how it is: the answer to `GET /v1/status`. */
export interface ControlStatus
  extends Omit<ProxyStats, 'engine' | 'listeners' | 'pools' | 'backends' | 'loops'> {
  /** What it is called. */
  readonly name: string;
  /** Version of the package. */
  readonly version: string;
  /** Number of the process. */
  readonly pid: number;
  /** Since when the socket is open: milliseconds since 1970, as `Date.now()`. */
  readonly since: number;
  /** Whether it stops: it takes no more clients, and nothing of it changes any more. */
  readonly isStopping: boolean;
  /** The file that a reload reads; absent where there is none. */
  readonly file?: string | undefined;
  /** Which engine runs, and why. */
  readonly engine: RunningEngine;
  /** Who accepts clients. */
  readonly accept: 'native' | 'node';
  /** In the order of the options. */
  readonly listeners: readonly ControlListener[];
  /** In the order of the options. */
  readonly pools: readonly ControlPool[];
  /** In the order of the options; last those that were removed and have sessions left. */
  readonly backends: readonly ControlBackend[];
  /** Of the native engine, one for each of its `threads`; the stream engine has none. */
  readonly loops: readonly ControlLoop[];
}

/** The options that run: the answer to `GET /v1/config`. */
export interface ControlConfig {
  /** Of which they are. */
  readonly generation: number;
  /** Without defaults, in the form in which they were given. */
  readonly options: ProxyOptions;
  /** Where a function stands, such as `pools.db.policy`: JSON has none, so these are left out of `options`. */
  readonly functions: readonly string[];
}

/** A session that lives now. */
export interface ControlSession
  extends Omit<SessionInfo, 'pool' | 'backend' | 'backendAddress' | 'idleMs'> {
  /** Name of the pool that its backend is picked from; absent where that pool is gone. */
  readonly pool?: string | undefined;
  /** Name of the backend that it has, or that is tried; absent while there is none. */
  readonly backend?: string | undefined;
  /** Where that is, such as `10.0.1.4:3306` or `unix:/run/db.sock`. */
  readonly backendAddress?: string | undefined;
  /** Milliseconds since a byte moved, or else since a backend answered; absent before. */
  readonly idleMs?: number | undefined;
}

/** Which sessions are listed. */
export interface SessionQuery extends SessionFilter {
  /** So many of those that have moved the most bytes, the first of them first. Default: all, in no order, up to 100,000. */
  top?: number | undefined;
}

/** The answer to `GET /v1/sessions`. */
export interface ControlSessions {
  /** How many fit what was asked for. */
  readonly count: number;
  /** Those that are listed. */
  readonly sessions: readonly ControlSession[];
}

/** Which sessions are to end: what they are called, or a filter that says something. */
export interface SessionsEnd extends SessionFilter {
  /** What a list gives as their `id`. Then nothing else may be said. */
  ids?: readonly string[] | undefined;
}

/** What came of a drain that was waited for. */
export interface ControlDrain extends DrainResult {
  /** Why the answer came: all sessions have left, the time to wait was over, or the drain was called off. */
  readonly reason: 'empty' | 'timeout' | 'called-off';
}

/** What a change has come to. */
export interface ControlResult extends UpdateResult {
  /** What came of a drain that was waited for. */
  readonly drain?: ControlDrain | undefined;
  /**
   * What of each that would change would be another, where it was only asked what would: `weight 1 → 3`. By the names of
   * `changed`.
   */
  readonly differences?: Readonly<Record<string, readonly string[]>> | undefined;
  /** How many sessions were ended, where that was asked for. */
  readonly ended?: number | undefined;
}

/** The answer to `GET /v1/changes`. */
export interface ControlChanges {
  /** The last 256 that were made through this socket, the oldest first. */
  readonly changes: readonly ControlChange[];
}

/** A change that was made through this socket: the answer to `GET /v1/changes/{generation}`. */
export interface ControlChange {
  /** The generation before it. */
  readonly from: number;
  /** When it was made: milliseconds since 1970, as `Date.now()`. */
  readonly at: number;
  /** `POST`, `PUT`, `PATCH` or `DELETE`. */
  readonly method: string;
  /** What was changed. */
  readonly path: string;
  /** Who asked; absent where the system does not say. */
  readonly peer?: ControlPeer | undefined;
  /** What was answered. */
  readonly result: ControlResult;
}

/** What of a backend is to be another. What is left out stays. */
export interface BackendChange {
  /** 1 to 1000; `null` takes back what was set by hand. */
  weight?: number | null | undefined;
  /** What is wanted of it; `ready` takes back what was set by hand. */
  state?: AdminState | undefined;
  /** Sessions at once, 1 to 1048576; 0 is any number, and `null` takes back what was set by hand. */
  maxSessions?: number | null | undefined;
  /** Whether it is up, whatever checks and traffic say; `auto`: they say it. */
  health?: 'up' | 'down' | 'auto' | undefined;
}

/** How a backend is drained. */
export interface DrainChange {
  /** How long its sessions may go on; 0 ends them at once. Default: for as long as they like. */
  after?: Duration | undefined;
  /** Whether the answer waits until the last session has left, and for how long at most. Default `false`. */
  wait?: boolean | Duration | undefined;
}

/** What of a listener is to be another. */
export interface ListenerChange {
  /** Whether clients are held back. */
  paused: boolean;
}

/** What `GET /v1/events` tells, one after the other. `at` is in milliseconds since 1970, as `Date.now()`. */
export type ControlEvent = {
  /** When it happened. */
  readonly at: number;
} & (
  | {
      /** The first one of all. */
      readonly event: 'begin';
      /** What is in effect then. */
      readonly generation: number;
    }
  | {
      /** A change was made through this socket, or sessions were ended. */
      readonly event: 'change';
      /** The generation after it. */
      readonly generation: number;
      /** `POST`, `PUT`, `PATCH` or `DELETE`. */
      readonly method: string;
      /** What was changed. */
      readonly path: string;
      /** Who asked; absent where the system does not say. */
      readonly peer?: ControlPeer | undefined;
    }
  | {
      /** Another configuration is in effect, whoever has changed it. */
      readonly event: 'update';
      /** The generation after it. */
      readonly generation: number;
      /** How many pools, backends and listeners are new. */
      readonly added: number;
      /** How many are gone. */
      readonly removed: number;
      /** How many are other than before. */
      readonly changed: number;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'override';
      /** Name of its pool. */
      readonly pool: string;
      /** Name of the backend. */
      readonly backend: string;
      /** What was set before. */
      readonly from: BackendOverride;
      /** What is set now. */
      readonly to: BackendOverride;
      /** Whether the backend was removed. */
      readonly isGone: boolean;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'backend';
      /** Name of its pool. */
      readonly pool: string;
      /** Name of the backend. */
      readonly backend: string;
      /** What it was before. */
      readonly from: HealthStatus;
      /** What it is now. */
      readonly to: HealthStatus;
      /** Why, in words for people. */
      readonly reason: string;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'backendError';
      /** Name of its pool. */
      readonly pool: string;
      /** Name of the backend. */
      readonly backend: string;
      /** Attempts that it stands for. */
      readonly count: number;
      /** Of the error. */
      readonly code: string;
      /** Of the error. */
      readonly message: string;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'noBackend';
      /** Of the error. */
      readonly code: string;
      /** Of the error. */
      readonly message: string;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'rebalance';
      /** Name of the pool. */
      readonly pool: string;
      /** What has happened. */
      readonly state: 'begun' | 'over';
      /** Sessions that were ended for it. */
      readonly ended: number;
      /** Why, in words for people. */
      readonly reason: string;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'warning';
      /** One line for a person. */
      readonly message: string;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'listenerPaused';
      /** The address; absent where all of them pause at once. */
      readonly listener?: string | undefined;
      /** Name of its listener; absent as above. */
      readonly listenerName?: string | undefined;
      /** What ran out, or what limit was reached. */
      readonly reason: string;
      /** Sessions alive at that moment. */
      readonly openSessions: number;
    }
  | {
      /** As the event of `Proxy`. */
      readonly event: 'listenerResumed';
      /** The address; absent where all of them go on at once. */
      readonly listener?: string | undefined;
      /** Name of its listener; absent as above. */
      readonly listenerName?: string | undefined;
      /** Sessions alive at that moment. */
      readonly openSessions: number;
    }
  | {
      /** Whoever reads is too slow: some are missing here. */
      readonly event: 'lost';
      /** How many. */
      readonly count: number;
    }
);

/** A place in a file, and what is wrong there. */
export interface FileError {
  /** As it was named. */
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
  /** From 1 on. */
  readonly column: number;
  /** What is wrong, and what to do. */
  readonly message: string;
}

/** How an error is answered: problem details (RFC 9457). */
export interface ControlProblem {
  /** The words of HTTP for the status. */
  readonly title: string;
  /** Of HTTP. */
  readonly status: number;
  /** What happened, and what to do. */
  readonly detail: string;
  /** Stable; compare this. */
  readonly code: SplicewayErrorCode;
  /** The generation now, where another one was expected. */
  readonly generation?: number | undefined;
  /** Where the errors of a file are. */
  readonly errors?: readonly FileError[] | undefined;
}
