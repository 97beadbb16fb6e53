/** Asks one backend again and again. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { PatientTimer } from '../../engine/patient-timer.js';
import type { Address, ResolvedAddress } from '../../model/address.js';
import type { HealthConfig } from '../../model/health.js';
import { clearTimeout, now, setTimeout } from '../../timers.js';
import type { Backend } from '../backend.js';
import { literalAddress } from '../backend.js';
import type { CheckReport } from './check-state.js';
import type { Check, CheckTarget } from './checks/check.js';
import { NOT_ASKED } from './checks/reason.js';

/** So often in a row this machine's own want does not count. */
const NOT_ASKED_MOST = 10;

export interface CheckerHost {
  readonly config: HealthConfig;
  readonly check: Check;
  /** Addresses of this machine that it may be asked from; none: the system picks. */
  from(): readonly string[];
  /** @returns whether the next check is to come soon */
  onReport(report: CheckReport): boolean;
}

/** One timer or one check at a time, until it is stopped. */
export class Checker {
  readonly #backend: Backend;
  readonly #host: CheckerHost;
  #timer: NodeJS.Timeout | undefined;
  /** Of the check that runs. */
  readonly #limit = new PatientTimer();
  #running: AbortController | undefined;
  #notAsked = 0;
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
    const begin = now();
    this.#limit.start(config.timeoutMs, () => {
      // While this program stood still, nobody could answer it: a check takes several turns.
      const lateMs = now() - begin - config.timeoutMs;
      this.#limit.start(Math.max(0, Math.min(lateMs, config.timeoutMs)), () => {
        running.abort(new Error(`no answer within ${config.timeoutMs} ms`));
      });
    });
    let passed = true;
    let detail: string;
    try {
      const target = await Promise.race([this.#target(), aborted(running.signal)]);
      const from = sourceFor(target.address, this.#host.from());
      detail = await check({ ...target, from }, running.signal);
    } catch (error) {
      passed = false;
      detail = error instanceof Error ? error.message : String(error);
    }
    this.#limit.clear();
    if (this.#isStopped) return;
    const report = { at: Date.now(), durationMs: now() - begin, passed, detail };
    // A name may have moved, and no client fails any more where it was.
    if (!passed && this.#backend.isName) void this.#backend.resolve(true);
    const isAsked = passed || !detail.startsWith(NOT_ASKED);
    this.#notAsked = isAsked ? 0 : this.#notAsked + 1;
    // A want that does not end is a failure as others are: nobody knows whether the backend works.
    const counts = isAsked || this.#notAsked > NOT_ASKED_MOST;
    const isSoon = counts ? this.#host.onReport(report) : true;
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

/** Always the same one: a firewall sees where checks come from. */
function sourceFor(address: ResolvedAddress, sources: readonly string[]): string | undefined {
  if (address.kind === 'unix') return undefined;
  return sources.find((source) => isIP(source) === address.family);
}

async function resolved(address: Address): Promise<ResolvedAddress> {
  if (address.kind === 'unix') return address;
  const { address: ip, family } = await lookup(address.host);
  return { kind: 'tcp', ip, port: address.port, family: family === 6 ? 6 : 4 };
}

/** Rejects when the time is over. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
