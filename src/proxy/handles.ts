/** What a program changes of a running proxy without a whole configuration. */
import type { BackendOptions, PoolSettings } from '../config/options.js';
import type { ListenerAddress } from '../entrance/listener.js';
import type { AdminState } from '../model/admin-state.js';
import type { HealthStatus } from '../model/health-status.js';
import type { OverrideKey } from '../model/overlay.js';
import type { UpdateResult } from '../model/update-result.js';

/** What becomes of sessions: as `onRemove` of the options. */
export type OnRemoveOption = NonNullable<PoolSettings['onRemove']>;

/** What came of a drain. */
export interface DrainResult {
  /** Sessions that were ended because their time was over. */
  readonly cut: number;
  /** Whether the last session has left; `false` where `ready()`, `reset()` or `close()` came before. */
  readonly isEmpty: boolean;
}

/** A pool of a running proxy, from `proxy.pool()`. Its methods throw `ERR_SPLICEWAY_UNKNOWN_POOL` once it is gone. */
export interface PoolHandle {
  /** `default` in the short form. */
  readonly name: string;
  /** Names of its backends, in the order of the options. */
  readonly backends: readonly string[];
  /**
   * Adds a backend: as `proxy.update()` with one more in the options.
   *
   * @param backend as in the options
   */
  add(backend: string | BackendOptions): Promise<UpdateResult>;
  /**
   * Takes a backend out: as `proxy.update()` with one less in the options. The last one cannot go: a pool has one at least.
   *
   * @param name of the backend
   * @param onRemove what becomes of its sessions; default: as the pool says
   */
  remove(name: string, onRemove?: OnRemoveOption): Promise<UpdateResult>;
  /**
   * One of its backends.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_UNKNOWN_BACKEND`
   */
  backend(name: string): BackendHandle;
  /** Takes back what was set of all its backends: as `reset()` of each. */
  reset(): void;
}

/**
 * A backend of a running proxy. What is set here holds at once, whatever the options say, and over updates, until `reset()`
 * takes it back or the backend is removed. Its methods throw `ERR_SPLICEWAY_UNKNOWN_BACKEND` once it is gone.
 */
export interface BackendHandle {
  /** Name of its pool. */
  readonly pool: string;
  /** Its name: its address, where it was given no other. */
  readonly name: string;
  /** What was asked of it. */
  readonly state: AdminState;
  /** What checks and traffic say of it, or what was set. */
  readonly health: HealthStatus;
  /** 1 to 1000. */
  readonly weight: number;
  /** Sessions at once; `undefined` is any number. */
  readonly maxSessions: number | undefined;
  /**
   * Sends no new sessions to it. Those that it has go on, or are ended as `onRemove` says. A drain that is under way goes on,
   * for as long as was said last.
   *
   * @param onRemove default: as the pool says, or as the drain that is under way has it
   * @returns when the last session has left
   */
  drain(onRemove?: OnRemoveOption): Promise<DrainResult>;
  /** As `drain()`, for a server that is about to be switched off: it is not looked after meanwhile. */
  maintenance(onRemove?: OnRemoveOption): Promise<DrainResult>;
  /** Sends new sessions to it again. */
  ready(): void;
  /**
   * Says whether it is up, whatever checks and traffic say.
   *
   * @param health `auto`: what they say holds again
   */
  setHealth(health: 'up' | 'down' | 'auto'): void;
  /**
   * Takes back what was set: its state, health, weight and limit are those of checks and options again.
   *
   * @param keys what of it; default: all
   */
  reset(...keys: OverrideKey[]): void;
  /**
   * Gives it another share of new sessions.
   *
   * @param weight a whole number, 1 to 1000
   */
  setWeight(weight: number): void;
  /**
   * Says how many sessions it may have at once. Those beyond a lower limit go on.
   *
   * @param maxSessions 1 to 1048576; `undefined` is any number
   */
  setMaxSessions(maxSessions: number | undefined): void;
}

/** A listener of a running proxy, from `proxy.listener()`. Its methods throw `ERR_SPLICEWAY_UNKNOWN_LISTENER` once it is gone. */
export interface ListenerHandle {
  /** `default` in the short form. */
  readonly name: string;
  /** Where it listens, in the order of the options, with real ports. */
  readonly addresses: readonly ListenerAddress[];
  /** Whether `pause()` holds clients back. */
  readonly isPaused: boolean;
  /**
   * Takes no new clients until `resume()`: they wait in the kernel's queue, and are refused once that is full. Holds over
   * updates.
   *
   * @throws SplicewayError `ERR_SPLICEWAY_ENGINE_UNAVAILABLE` where that takes the addon, and there is none
   */
  pause(): void;
  /** Takes clients again, those first who have waited. */
  resume(): void;
}
