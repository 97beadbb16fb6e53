/** Asks one backend again and again. */
import { lookup } from 'node:dns/promises';
import type { Address, ResolvedAddress } from '../../model/address.js';
import type { HealthConfig } from '../../model/health.js';
import { clearTimeout, now, setTimeout } from '../../timers.js';
import type { Backend } from '../backend.js';
import { literalAddress } from '../backend.js';
import type { CheckReport } from './check-state.js';
import type { Check, CheckTarget } from './checks/check.js';
import { NOT_ASKED } from './checks/reason.js';

export interface CheckerHost {
  readonly config: HealthConfig;
  readonly check: Check;
  /** @returns whether the next check is to come soon */
  onReport(report: CheckReport): boolean;
}

/** One timer or one check at a time, until it is stopped. */
export class Checker {
  readonly #backend: Backend;
  readonly #host: CheckerHost;
  #timer: NodeJS.Timeout | undefined;
  #running: AbortController | undefined;
  #isStopped = false;

  /** @param firstMs until the first check */
  constructor(backend: Backend, host: CheckerHost, firstMs: number) {
    this.#backend = backend;
    this.#host = host;
    this.#wait(firstMs);
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#running?.abort(new Error('nobody waits for the answer any more'));
  }

  #wait(ms: number): void {
    // The sessions keep the process alive.
    this.#timer = setTimeout(() => void this.#ask(), ms).unref();
  }

  async #ask(): Promise<void> {
    const { config, check } = this.#host;
    const running = new AbortController();
    this.#running = running;
    const limit = setTimeout(
      () => running.abort(new Error(`no answer within ${config.timeoutMs} ms`)),
      config.timeoutMs,
    );
    const begin = now();
    let passed = true;
    let detail: string;
    try {
      detail = await check(await this.#target(), running.signal);
    } catch (error) {
      passed = false;
      detail = error instanceof Error ? error.message : String(error);
    }
    clearTimeout(limit);
    if (this.#isStopped) return;
    const report = { at: Date.now(), durationMs: now() - begin, passed, detail };
    const isSoon = detail.startsWith(NOT_ASKED) || this.#host.onReport(report);
    if (this.#isStopped) return;
    const everyMs = isSoon ? Math.min(config.fastIntervalMs, config.intervalMs) : config.intervalMs;
    this.#wait(everyMs * (1 + (config.jitterPercent / 100) * (2 * Math.random() - 1)));
  }

  async #target(): Promise<CheckTarget> {
    const { name, host, addresses } = this.#backend;
    const { address, port } = this.#host.config;
    if (address !== undefined) {
      const host = address.kind === 'tcp' ? address.host : '';
      return { name, address: literalAddress(address) ?? (await resolved(address)), host };
    }
    const [first] = addresses;
    if (first === undefined) throw new Error(`${host} has no address`);
    if (port === undefined || first.kind === 'unix') return { name, address: first, host };
    return { name, address: { ...first, port }, host };
  }
}

async function resolved(address: Address): Promise<ResolvedAddress> {
  if (address.kind === 'unix') return address;
  const { address: ip, family } = await lookup(address.host);
  return { kind: 'tcp', ip, port: address.port, family: family === 6 ? 6 : 4 };
}
