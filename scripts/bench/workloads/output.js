/** What load generators print. Each function throws when there are no figures in it. */

/** @import { Delivered } from './units.js' */

/**
 * @param {string} text of `iperf3 --json`
 * @returns {Delivered | 'busy'} bytes; `busy` when the server has not let go of the last client yet
 */
export function parseIperf3(text) {
  const report = JSON.parse(text);
  const received = report.end?.sum_received;
  if (received?.bytes > 0) return { amount: received.bytes, seconds: received.seconds };
  if (/busy/.test(report.error)) return 'busy';
  throw new Error(`iperf3 gave no figures: ${report.error}`);
}

/** @param {string} text such as 812.00us, 1.25ms, 2.00s, 1.02m @returns {number} milliseconds */
export function milliseconds(text) {
  const [, value, unit = ''] = text.match(/^([\d.]+)([a-z]+)$/) ?? [];
  const scale = { us: 0.001, ms: 1, s: 1000, m: 60_000 }[unit];
  if (scale === undefined) throw new Error(`${text} is no time`);
  return Number(value) * scale;
}

/** Of all requests; a few are cut off when the time is over. */
const toleratedErrors = 0.001;

/**
 * @param {string} text of `wrk --latency`
 * @returns {Delivered} requests
 */
export function parseWrk(text) {
  const [, requests, time = ''] = text.match(/(\d+) requests in ([\d.]+\w+)/) ?? [];
  const amount = Number(requests);
  const p99 = text.match(/99%\s+([\d.]+\w+)/)?.[1];
  const errors = text.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/);
  const failed = (errors?.slice(1) ?? []).reduce((sum, count) => sum + Number(count), 0);
  if (!(amount > 0) || /Non-2xx/.test(text) || failed > amount * toleratedErrors) {
    throw new Error(`wrk failed\n${text}`);
  }
  return {
    amount,
    seconds: milliseconds(time) / 1000,
    ...(p99 ? { p99Ms: milliseconds(p99) } : {}),
  };
}

/**
 * @param {string} text of `redis-benchmark -t get --csv`
 * @param {number} requests that it was told to make
 * @returns {Delivered} requests
 */
export function parseRedis(text, requests) {
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms",…
  const line = text.match(/^"GET",.*$/m)?.[0] ?? '';
  const [, rate = 0, , , , , p99Ms = 0] = line.replaceAll('"', '').split(',').map(Number);
  if (!(rate > 0)) throw new Error(`redis-benchmark gave no rate\n${text}`);
  return { amount: requests, seconds: requests / rate, p99Ms };
}
