/**
 * Node's timers, as they were when this package was loaded: a program's tests that put faked ones in their place later do
 * not stop the proxy.
 */
export const {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
  clearImmediate,
} = globalThis;

/** Milliseconds of a clock that never goes back. */
export const now = performance.now.bind(performance);
