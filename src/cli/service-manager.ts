/** What a service manager, such as systemd, wants to hear of the command, and what it passed to it. */
import { getSystemErrorName } from 'node:util';
import { DESCRIPTOR_MIN } from '../config/address.js';
import { loadAddon } from '../engine/native/addon.js';
import { asAddress } from '../entrance/listener.js';
import type { ListenAddress } from '../model/address.js';
import { formatAddress } from '../model/address.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { Logger } from './log.js';

/** What Node's timers take. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Says what sd_notify(3) describes, where `NOTIFY_SOCKET` asks for it. A failure is logged, once until something arrives
 * again; it goes on trying, since a manager that was busy for a moment ends services that it hears no more of.
 */
export class ServiceManager {
  readonly #log: Logger;
  /** Empty when nobody listens. */
  readonly #socket = process.env.NOTIFY_SOCKET ?? '';
  #fails = false;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Every listener accepts. From now on the watchdog is fed, where there is one, until the process ends. */
  ready(proxy: RunningProxy): void {
    this.#say(['READY=1', statusOf(proxy)]);
    const intervalUs = watchdogUs();
    if (this.#socket === '' || intervalUs === 0) return;
    // At half of what it allows, as sd_watchdog_enabled(3) has it; by Node's event loop, for a process that hangs.
    const intervalMs = Math.min(intervalUs / 2000, TIMER_MAX_MS);
    // The next one comes soon: none is worth waiting for.
    setInterval(() => this.#say(['WATCHDOG=1'], false), intervalMs).unref();
  }

  /** The configuration is being read again. Whoever asked the manager for it waits for `reloaded()`. */
  reloading(): void {
    const microseconds = process.hrtime.bigint() / 1000n;
    this.#say(['RELOADING=1', `MONOTONIC_USEC=${microseconds}`, 'STATUS=reloading']);
  }

  /** @param failed why the configuration is as it was before */
  reloaded(proxy: RunningProxy, failed?: string): void {
    const why = failed === undefined ? '' : `; the last reload failed: ${failed}`;
    this.#say(['READY=1', statusOf(proxy) + why]);
  }

  /** The first stop signal has come. */
  stopping(proxy: RunningProxy): void {
    this.#say(['STOPPING=1', `STATUS=stopping, open sessions: ${proxy.stats().sessions.open}`]);
  }

  #say(assignments: readonly string[], waits = true): void {
    if (this.#socket === '') return;
    const addon = loadAddon();
    // A line is an assignment, and the path of a unix socket may have lines.
    const text = assignments.map((line) => line.replaceAll('\n', ' ')).join('\n');
    const error = addon.ok ? addon.binding.notify(this.#socket, text, waits) : undefined;
    const failedBefore = this.#fails;
    this.#fails = error !== 0;
    if (!this.#fails || failedBefore) return;
    const reason = error === undefined ? 'that takes the addon' : getSystemErrorName(-error);
    this.#log.warn(
      `cannot report to the service manager at ${this.#socket}: ${reason}; ` +
        'a unit without Type=notify and WatchdogSec= does not wait for it',
    );
  }
}

function statusOf(proxy: RunningProxy): string {
  const listeners = proxy.addresses().map((listener) => formatAddress(asAddress(listener)));
  return `STATUS=listening on ${listeners.join(', ')}`;
}

/** How often the manager wants to hear that this process is alive, in microseconds; 0 for never. */
function watchdogUs(): number {
  const { WATCHDOG_USEC = '', WATCHDOG_PID = '' } = process.env;
  const isForUs = WATCHDOG_PID === '' || WATCHDOG_PID === String(process.pid);
  return isForUs && /^\d+$/.test(WATCHDOG_USEC) ? Number(WATCHDOG_USEC) : 0;
}

/** A socket that was passed and that nobody accepts on lets its clients wait for ever: worth a word. */
export function warnOfUnusedSockets(addresses: readonly ListenAddress[], log: Logger): void {
  const { LISTEN_PID, LISTEN_FDS = '', LISTEN_FDNAMES = '' } = process.env;
  if (LISTEN_PID !== String(process.pid) || !/^\d+$/.test(LISTEN_FDS)) return;
  const names = LISTEN_FDNAMES.split(':');
  for (let index = 0; index < Number(LISTEN_FDS); index++) {
    const fd = DESCRIPTOR_MIN + index;
    if (addresses.some((address) => address.kind === 'fd' && address.fd === fd)) continue;
    const name = names[index] ? ` (${names[index]})` : '';
    log.warn(
      `descriptor ${fd}${name} was passed, and nobody accepts on it: its clients wait; ` +
        `listen on fd:${fd}, or take it out of the socket unit`,
    );
  }
}
