/** Waiting, never for longer than a deadline. */

/** Only what never comes takes so long, also on a machine that has a tenth of a core for it. */
const DEADLINE_MS = 60_000;
/** How often `until` looks. Not a time that anything has to be done in. */
const LOOK_EVERY_MS = 2;

/** The promise's value, or an error that says what was missing. */
export async function within<Value>(
  what: string,
  promise: PromiseLike<Value>,
  deadlineMs = DEADLINE_MS,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    // Made here, for a stack that leads to the test.
    const error = new Error(`${what}: not within ${deadlineMs} ms`);
    timer = setTimeout(() => reject(error), deadlineMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the condition holds; for states that no event announces. */
export async function until(
  what: string,
  condition: () => boolean,
  deadlineMs = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

/**
 * For what has to happen before a time-out of the proxy runs off: tried with a short time first, and with four times as
 * much whenever this machine was too slow for it. So it is quick, and right on any machine.
 *
 * @param attempt makes its statements and gives `true`, or gives `false` when its time was not enough to make them
 */
export async function withTimeEnough(
  firstMs: number,
  attempt: (ms: number) => Promise<boolean>,
): Promise<void> {
  for (let ms = firstMs; !(await attempt(ms)); ms *= 4) {
    if (ms > DEADLINE_MS) throw new Error(`${ms} ms were not enough`);
  }
}
