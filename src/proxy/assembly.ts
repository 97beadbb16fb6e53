/** The parts of a proxy, put together: services, sessions, and where clients come in. */
import type { ProxyConfig } from '../config/types.js';
import type { ChosenEngine } from '../engine/choose.js';
import { openFiles } from '../engine/open-files.js';
import { clientLimits } from '../entrance/client-limit.js';
import { type Entrance, whoAccepts } from '../entrance/entrance.js';
import { NativeEntrance } from '../entrance/native-entrance.js';
import { NodeEntrance } from '../entrance/node-entrance.js';
import {
  checksAreLate,
  filterFailed,
  policyFailed,
  queueFull,
  queueTimedOut,
} from '../errors/messages.js';
import type { Address, ResolvedAddress } from '../model/address.js';
import type { OwnAddresses } from '../model/own-addresses.js';
import type { Warnings } from '../observe/warnings.js';
import type { PoolInternals } from '../pool/backend.js';
import { CheckTurns, mostChecks } from '../pool/health/check-turns.js';
import { createCheck } from '../pool/health/checks/registry.js';
import { HealthWatch } from '../pool/health/health-watch.js';
import { Names } from '../pool/names.js';
import { emitSafely } from '../session/emit.js';
import type { SessionEmitter } from '../session/session-emitter.js';
import { Sessions } from '../session/sessions.js';
import { BackendReports } from './backend-reports.js';
import { LoopGuard } from './loop-guard.js';
import { Services } from './services.js';

/** For the command, and for tests: a resolver, a clock and interfaces in place of the system's. */
export interface ProxyInternals extends PoolInternals {
  /** As `Proxy.reserve()`, before the listeners open. */
  readonly reserved?: readonly Address[] | undefined;
  /** Addresses of this machine. Default: those of its interfaces. */
  readonly ownAddresses?: OwnAddresses | undefined;
}

export interface AssemblyHost {
  readonly emitter: SessionEmitter;
  readonly warnings: Warnings;
  /** Where clients come in now. */
  entrance(): Entrance;
  openSessions(): number;
  isClosing(): boolean;
  /** @throws SplicewayError `ERR_SPLICEWAY_CLOSED` */
  checkOpen(): void;
}

export interface Parts {
  readonly services: Services;
  readonly sessions: Sessions;
  readonly names: Names;
  readonly health: HealthWatch;
  /** Who accepts, as it was asked for and can be. */
  readonly accept: 'native' | 'node';
  readonly entrance: Entrance;
  /** For what the loops cannot have after all. */
  makeNodeEntrance(): Entrance;
}

export function assemble(
  config: ProxyConfig,
  chosen: ChosenEngine,
  internals: ProxyInternals,
  { emitter, warnings, ...host }: AssemblyHost,
): Parts {
  const { engine, native } = chosen;
  const { tables, counters } = engine;
  const accept = whoAccepts(config, chosen);
  const accepting = accept === 'native' ? native : undefined;
  const names = new Names(config.resolveEveryMs, accepting !== undefined);
  const guard = new LoopGuard({
    warn: (message) => warnings.say(message),
    warnRarely: (message) => warnings.sayRarely(message),
    publish: ({ row, inTurn, poolNumber }, addresses) =>
      tables.setBackend(row, addresses, inTurn, poolNumber),
    reserved: internals.reserved,
    ownAddresses: internals.ownAddresses,
  });
  const inUse = (row: number) => accepting?.engine.tables.inUse(row) ?? 0;
  const checks = mostChecks(openFiles()?.soft);
  const health = new HealthWatch({
    counters,
    tables,
    createCheck,
    turns: new CheckTurns(checks, () => warnings.sayRarely(checksAreLate(checks))),
    onChanged: (change) => {
      services.healthEffects.changed(change);
      const { backend, from, to, reason } = change;
      const { name, pool } = backend;
      emitSafely(emitter, 'backend', { pool, backend: name, from, to, reason });
    },
  });
  const services = new Services({
    tables,
    accepting: accepting?.engine.tables,
    counters,
    guard,
    names,
    health,
    internals: accepting === undefined ? internals : { ...internals, inUse },
    events: {
      // Before a backend is in use, and after it was taken out, nobody is to be told.
      onAddressesChanged: (backend) => {
        if (backend.isGone || !services.backends.has(backend)) return;
        services.pools.get(backend.pool)?.failures.forget(backend);
        guard.publish(backend);
      },
      onResolved: (backend) => {
        if (!backend.isGone && services.backends.has(backend)) guard.publish(backend);
      },
      onResolveFailed: (backend, ...failure) => {
        // A lookup may outlive the proxy, and nobody is interested any more.
        if (!host.isClosing() && !backend.isGone) reports.resolveFailed(backend, ...failure);
      },
    },
    onRebalance: (event) => emitSafely(emitter, 'rebalance', event),
    onOverride: (event) => emitSafely(emitter, 'override', event),
    warn: (message) => warnings.say(message),
    onFilterFailed: (error) =>
      warnings.count('filter', 1, (clients) => filterFailed(clients, error)),
    onPickFailed: (error) => warnings.count('policy', 1, (clients) => policyFailed(clients, error)),
    onRefused: ({ name, settings }, refusal) => {
      const { queueLength } = settings.limits;
      if (refusal === 'timeout')
        warnings.count(`queue time ${name}`, 1, (clients) => queueTimedOut(clients, name));
      else warnings.count(`queue ${name}`, 1, (clients) => queueFull(clients, name, queueLength));
    },
    checkOpen: host.checkOpen,
  });
  const { backends } = services;
  const reports = new BackendReports({
    emitter,
    warnings,
    counters,
    backends,
    loopsAccept: () => host.entrance() instanceof NativeEntrance,
  });
  const heard = {
    onAttemptFailed: (row: number, address: ResolvedAddress, code: string, count = 1) => {
      reports.attemptFailed(row, address, code, count);
      health.attemptFailed(backends.at(row), code);
    },
    onOutrun: (row: number, address: ResolvedAddress) => reports.outrun(row, address),
    onNoPort: (row: number, address: ResolvedAddress, count: number) =>
      reports.noPort(row, address, count),
    onNoSource: (row: number, source: string, count: number) =>
      reports.noSource(row, source, count),
    onEarlyReset: (row: number) => health.earlyReset(backends.at(row)),
  };
  const sessions = new Sessions({
    emitter,
    engine,
    backends,
    ...heard,
    onEnded: () => host.entrance().sessionEnded(),
  });
  const entranceHost = {
    emitter,
    sessions,
    warnings,
    clientLimits: clientLimits(config, engine.limit.most),
    keepAliveMs: config.keepAliveMs,
    openSessions: host.openSessions,
  };
  const makeNodeEntrance = () => new NodeEntrance(chosen, entranceHost);
  const entrance =
    accepting === undefined
      ? makeNodeEntrance()
      : new NativeEntrance(accepting, { ...entranceHost, ...heard });
  return { services, sessions, names, health, accept, entrance, makeNodeEntrance };
}
