/** What is known of the health of one backend, and since when. */
import { isDeepStrictEqual } from 'node:util';
import type { HealthConfig, HealthSchedule } from '../../model/health.js';
import type { HealthStatus } from '../../model/health-status.js';
import { now } from '../../timers.js';
import { type CheckReport, CheckState } from './check-state.js';
import { Ejection } from './ejections.js';

/** What is shown of it. */
export interface HealthStats {
  /** What it is now. */
  readonly status: HealthStatus;
  /** When it became so: milliseconds since 1970, as `Date.now()`. */
  readonly since: number;
  /** Why, in words for people; empty at first. */
  readonly reason: string;
  /** The last answer to a check, where there are checks and one has come. */
  readonly lastCheck?: CheckReport;
  /** Checks of it that have come to an answer. */
  readonly checks: {
    /** All was well. */
    readonly passed: number;
    /** Something was not, or nothing came in time. */
    readonly failed: number;
  };
  /** How often it was ejected. */
  readonly ejections: number;
  /** How often its status became another. */
  readonly transitions: number;
  /** For how long its health has let no sessions come, all together, in milliseconds. */
  readonly downMs: number;
}

/** Changed by the watch of its pool alone. */
export class BackendHealth {
  readonly ejection = new Ejection();
  #config: HealthConfig | undefined;
  #checks: CheckState | undefined;
  #startsDown = false;
  /** As it was told last. */
  #told: HealthStatus = 'up';
  #toldUp = true;
  #since = Date.now();
  #reason = '';
  #passed = 0;
  #failed = 0;
  #transitions = 0;
  #isTold = false;
  /** Until `#toldAt`, which is of a clock that never goes back. */
  #downMs = 0;
  #toldAt = now();
  #isOver = false;

  /** What checks and traffic say, whatever an operator has said. */
  get status(): HealthStatus {
    if (this.#checks?.status === 'down') return 'down';
    if (this.ejection.until !== undefined) return 'ejected';
    return this.#checks?.status ?? 'up';
  }

  /** Whether it takes new sessions while it is not known. */
  get startsDown(): boolean {
    return this.#startsDown;
  }

  get checks(): CheckState | undefined {
    return this.#checks;
  }

  /** As it was told last. */
  get told(): HealthStatus {
    return this.#told;
  }

  /** Whether it took sessions then. */
  get toldUp(): boolean {
    return this.#toldUp;
  }

  /**
   * @param isNew nobody was sent to it before
   * @returns whether it is asked in another way from now on
   */
  configure(config: HealthConfig | undefined, isNew: boolean): boolean {
    if (isDeepStrictEqual(config, this.#config)) return false;
    this.#config = config;
    // What is known of it stays so until the new checks say something else: one that has served goes on.
    if (config === undefined) this.#checks = undefined;
    else this.#checks ??= new CheckState();
    this.#startsDown = (isNew || this.#startsDown) && config?.startDown === true;
    return true;
  }

  /** Nothing is known of it any more: it was not looked after. */
  forget(): void {
    if (this.#checks !== undefined) this.#checks = new CheckState();
    this.#startsDown = this.#config?.startDown ?? false;
  }

  /** A check has been answered. Returns as `CheckState.note()`. */
  note(report: CheckReport, schedule: HealthSchedule): string | undefined {
    if (report.passed) this.#passed += 1;
    else this.#failed += 1;
    return this.#checks?.note(report, schedule);
  }

  /** The first time of how it begins, and then of each change. */
  tell(status: HealthStatus, isUp: boolean, reason: string): void {
    if (this.#isTold) this.#transitions += 1;
    this.#isTold = true;
    this.noteUp(isUp);
    this.#told = status;
    this.#since = Date.now();
    this.#reason = reason;
  }

  /** Its status is what it was, but whether it takes sessions may not be: `startDown` is another. Nobody is told. */
  noteUp(isUp: boolean): void {
    this.#downMs = this.#downUntilNow;
    this.#toldAt = now();
    this.#toldUp = isUp;
  }

  /** It is in no pool any more, and no time counts in which it lets no sessions come. */
  end(): void {
    this.#downMs = this.#downUntilNow;
    this.#isOver = true;
  }

  get stats(): HealthStats {
    const last = this.#checks?.last;
    return {
      status: this.#told,
      since: this.#since,
      reason: this.#reason,
      ...(last === undefined ? {} : { lastCheck: last }),
      checks: { passed: this.#passed, failed: this.#failed },
      ejections: this.ejection.count,
      transitions: this.#transitions,
      downMs: this.#downUntilNow,
    };
  }

  get #downUntilNow(): number {
    return this.#toldUp || this.#isOver ? this.#downMs : this.#downMs + now() - this.#toldAt;
  }
}
