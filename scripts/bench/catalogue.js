/** Every peer and every workload. To add one: a small module of its own, and a line here. */
import { go } from './peers/go.js';
import { haproxyBest, haproxyDefault } from './peers/haproxy.js';
import { libraryNative, libraryNode } from './peers/library.js';
import { nginx } from './peers/nginx.js';
import { noProxy } from './peers/no-proxy.js';
import { pipe } from './peers/pipe.js';
import { native, nativeSpin, stream } from './peers/spliceway.js';
import { blockedLoop } from './workloads/blocked-loop.js';
import { heldSessions, idleMemory } from './workloads/held-sessions.js';
import {
  bulk1,
  bulk1Reverse,
  bulk1Unpaced,
  bulk8,
  bulk8Reverse,
  bulk8Unpaced,
  bulk64,
  bulk64Reverse,
} from './workloads/iperf3-bulk.js';
import { networkTransfers } from './workloads/network-transfers.js';
import {
  redis1,
  redis1Large,
  redis50,
  redis50Large,
  redis500,
  redis500Large,
} from './workloads/redis-requests.js';
import { churn, wrk1, wrk50 } from './workloads/wrk-requests.js';

/** @import { Peer } from './peers/peer.js' */
/** @import { Workload } from './workloads/workload.js' */

/** In the order of tables and plots. @type {readonly Peer[]} */
export const peers = [
  noProxy,
  native,
  nativeSpin,
  stream,
  haproxyDefault,
  haproxyBest,
  nginx,
  go,
  pipe,
  libraryNative,
  libraryNode,
];

/**
 * Each line is one workload and what stands in for it, best first, where its programs are missing.
 *
 * @type {readonly (readonly Workload[])[]}
 */
export const workloads = [
  [bulk1],
  [bulk8],
  [bulk64],
  [bulk1Reverse],
  [bulk8Reverse],
  [bulk64Reverse],
  [bulk1Unpaced],
  [bulk8Unpaced],
  [redis1, wrk1],
  [redis50, wrk50],
  [redis500],
  [redis1Large],
  [redis50Large],
  [redis500Large],
  [churn],
  [idleMemory],
  [heldSessions],
  [networkTransfers],
  [blockedLoop],
];

/** What `--quick` leaves of it, and for how long. */
export const quick = {
  workloads: [bulk1, bulk8, redis1, wrk1, redis50, wrk50, churn, idleMemory],
  withoutPeers: [stream],
  repetitions: 3,
  seconds: 1,
  /** Of workloads that start each peer anew. */
  freshRepetitions: 1,
};

/** The run that the published page is made of. */
export const full = { repetitions: 5, seconds: 2 };
