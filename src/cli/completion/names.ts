/** The names that a shell offers: of balancers that run, and of what they have. */
import { setTimeout } from '../../timers.js';
import { settable } from '../remote/change.js';
import { clientOf, type InstanceFlags, namesOfLiving } from '../remote/instance.js';
import { labelOf } from '../remote/target.js';

/** Nobody waits longer for a shell. */
const PATIENCE_MS = 1000;

export interface Names {
  readonly instances: readonly string[];
  readonly listeners: readonly string[];
  readonly pools: readonly string[];
  /** Names alone. */
  readonly backends: readonly string[];
  /** `pool/backend`. */
  readonly targets: readonly string[];
  /** What `set` knows. */
  readonly changes: readonly string[];
}

const NONE: Names = {
  instances: [],
  listeners: [],
  pools: [],
  backends: [],
  targets: [],
  changes: settable,
};

/**
 * Of a balancer that does not answer, or that is not clear, nothing is offered.
 *
 * @param words the last one is what somebody types, and names nothing yet
 */
export async function namesFor(words: readonly string[]): Promise<Names> {
  const late = new Promise<Names>((resolve) => {
    setTimeout(() => resolve(NONE), PATIENCE_MS).unref();
  });
  return await Promise.race([late, namesOf(instanceIn(words.slice(0, -1))).catch(() => NONE)]);
}

async function namesOf(flags: InstanceFlags): Promise<Names> {
  const instances = await namesOfLiving();
  const isClear = flags.name !== undefined || flags.control !== undefined || instances.length === 1;
  if (!isClear) return { ...NONE, instances };
  const { pools, backends, listeners } = await (await clientOf(flags)).status();
  return {
    instances,
    listeners: [...new Set(listeners.map(({ name }) => name))],
    pools: pools.map(({ name }) => name),
    backends: [...new Set(backends.map(({ name }) => name))],
    targets: backends
      .filter(({ state }) => state !== 'removed')
      .map(({ pool, name }) => labelOf({ pool, backend: name })),
    changes: settable,
  };
}

/** The flags that say which balancer is meant, as far as they stand there. */
function instanceIn(words: readonly string[]): InstanceFlags {
  const given = (flag: string) => {
    const joined = words.find((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1);
    const place = words.indexOf(flag);
    return joined ?? (place < 0 ? undefined : words[place + 1]);
  };
  const [name, control] = [given('--name'), given('--control')];
  return { ...(name ? { name } : {}), ...(control ? { control } : {}) };
}
