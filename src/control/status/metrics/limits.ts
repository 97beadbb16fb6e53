/** Edges of the buckets that Prometheus is given of histograms. */

/** From half a millisecond to ten seconds, as is the custom of Prometheus. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Of sessions, which may be those of a day. */
const LONG_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 6000, 20_000, 80_000];
const BYTES = [100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/** Of turns, which are to be short. */
const SHORT_SECONDS = [1e-5, 5e-5, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1];

/** What histograms are given as, by metric: a test sees to it that each is an edge. */
export const histogramLimits = {
  connect: SECONDS,
  firstByte: SECONDS,
  queue: SECONDS,
  duration: LONG_SECONDS,
  bytes: BYTES,
  turns: SHORT_SECONDS,
} as const;
