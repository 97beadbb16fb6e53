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
import type { CheckTurns } from './check-turns.js';
import type { Check, CheckTarget } from './checks/check.js';
import { NO_SOURCE, NOT_ASKED } from './checks/reason.js';

/** So often in a row this machine's own want does not count; that of source addresses and their ports never does. */
const NOT_ASKED_MOST = 10;

export interface CheckerHost {
  readonly config: HealthConfig;
  readonly turns: CheckTurns;
  readonly check: Check;
  /** Addresses of this machine that it may be asked from; none: the system picks. */
  from(): readonly string[];
  /** @returns whether the next check is to come soon */
  onReport(report: CheckReport): boolean;
}

/** One timer, one wait for its turn or one check at a time, until it is stopped. */
export class Checker {
  readonly #backend: Backend;
  readonly #host: CheckerHost;
  #timer: NodeJS.Timeout | undefined;
  /** Of the check that runs. */
  readonly #limit = new PatientTimer();
  #running: AbortController | undefined;
  #endTurn = () => {};
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
    this.#endTurn();
  }

  #wait(ms: number): void {
    // The sessions keep the process alive.
    this.#timer = setTimeout(() => {
      this.#endTurn = this.#host.turns.take(() => void this.#ask());
    }, ms).unref();
  }

  async #ask(): Promise<void> {
    const { config } = this.#host;
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
      detail = await this.#answer(target, running.signal);
    } catch (error) {
      passed = false;
      detail = error instanceof Error ? error.message : String(error);
    }
    this.#limit.clear();
    this.#endTurn();
    if (this.#isStopped) return;
    const report = { at: Date.now(), durationMs: now() - begin, passed, detail };
    // A name may have moved, and no client fails any more where it was.
    if (!passed && this.#backend.isName) void this.#backend.resolve(true);
    const isAsked = passed || !detail.startsWith(NOT_ASKED);
    this.#notAsked = isAsked ? 0 : this.#notAsked + 1;
    // A want that does not end is a failure as others are: nobody knows whether the backend works.
    const isForSource = detail === NO_SOURCE && this.#host.from().length > 0;
    const counts = isAsked || (this.#notAsked > NOT_ASKED_MOST && !isForSource);
    const isSoon = counts ? this.#host.onReport(report) : true;
    if (this.#isStopped) return;
    const everyMs = isSoon ? Math.min(config.fastIntervalMs, config.intervalMs) : config.intervalMs;
    this.#wait(everyMs * (1 + (config.jitterPercent / 100) * (2 * Math.random() - 1)));
  }

  /** Always from the first source that can be used: a firewall sees where checks come from. */
  async #answer(target: CheckTarget, signal: AbortSignal): Promise<string> {
    const { check } = this.#host;
    const sources = sourcesFor(target.address, this.#host.from());
    if (sources.length === 0) return check(target, signal);
    for (const from of sources) {
      try {
        return await check({ ...target, from }, signal);
      } catch (error) {
        if (!(error instanceof Error) || error.message !== NO_SOURCE) throw error;
      }
    }
    // From elsewhere only a good answer counts: a firewall may let in nothing but the sources.
    return check(target, signal).catch(() => {
      throw new Error(NO_SOURCE);
    });
  }

  async #target(): Promise<CheckTarget> {
    const { name, host, addresses } = this.#backend;
    const { address, port } = this.#host.config;
    if (address !== undefined) {
      const host = address.kind === 'tcp' ? address.host : '';
      return { name, address: literalAddress(address) ?? (await resolved(address)), host };
    }
    const [first] = addresses;
    if (first === undefined) throw new Error('its name has no address');
    if (port === undefined || first.kind === 'unix') return { name, address: first, host };
    return { name, address: { ...first, port }, host };
  }
}

/** Those of its family. */
function sourcesFor(address: ResolvedAddress, sources: readonly string[]): readonly string[] {
  if (address.kind === 'unix') return [];
  return sources.filter((source) => isIP(source) === address.family);
}

async function resolved(address: Address): Promise<ResolvedAddress> {
  if (address.kind === 'unix') return address;
  const { address: ip, family } = await lookup(address.host).catch(
    ({ code }: NodeJS.ErrnoException) => {
      throw new Error(`the name that its checks ask has no address (${code})`);
    },
  );
  return { kind: 'tcp', ip, port: address.port, family: family === 6 ? 6 : 4 };
}

/** Rejects when the time is over. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
