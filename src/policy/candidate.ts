/** What a policy that is built in is told of backends. */
import type { HashKey } from './plan.js';

/** What of a backend makes a plan. */
export interface Placed {
  /** No other one in its pool has it. */
  readonly name: string;
  /** A whole number, 1 or more. */
  readonly weight: number;
  /** 0 to 255; the lower, the sooner. */
  readonly priority: number;
}

/** One that may be picked. All of it but its name may be another from one pick to the next. */
export interface Candidate extends Placed {
  /** Sessions that it has, those included that are on their way to it. */
  readonly open: number;
  /** Whether an operator lets new sessions go there. */
  readonly isReady: boolean;
  /** Whether it works, as far as anybody knows. */
  readonly isUp: boolean;
}

/** How `source-hash` tells clients apart, and into how many places it sorts them. */
export interface HashSettings {
  readonly key: HashKey;
  /** A prime number. */
  readonly slots: number;
}
