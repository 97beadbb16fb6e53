/** Waiting, never for longer than a deadline. */

const DEADLINE_MS = 10_000;
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
