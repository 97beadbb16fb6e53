/** Every peer and every workload. To add one: a small module of its own, and a line here. */
import { noProxy } from './peers/no-proxy.js';
import { native, stream } from './peers/spliceway.js';
import { bulk1, bulk8 } from './workloads/iperf3-bulk.js';
import { redis1, redis50 } from './workloads/redis-requests.js';
import { wrk1, wrk50 } from './workloads/wrk-requests.js';

/** @import { Peer } from './peers/peer.js' */
/** @import { Workload } from './workloads/workload.js' */

/** @type {readonly Peer[]} */
export const peers = [noProxy, native, stream];

/**
 * Each line is one workload and what stands in for it, best first, where its programs are missing.
 *
 * @type {readonly (readonly Workload[])[]}
 */
export const workloads = [[bulk1], [bulk8], [redis1, wrk1], [redis50, wrk50]];

/** Pairs of peers whose ratio is shown. @type {readonly (readonly [string, string])[]} */
export const comparisons = [['native', 'stream']];
