/** What must hold of a transfer: nothing but what the two ends report counts. */

import { keyBytes } from './plan.js';

/** @import { EndReport } from './ends.js' */
/** @import { Transfer } from './plan.js' */

/**
 * One direction: what `sink` got of what `source` sent.
 *
 * @param {EndReport} source
 * @param {EndReport} sink
 * @param {boolean} closedPlainly `source` left by a close, which may have sent a FIN
 * @param {boolean} acknowledgedArrives
 * @returns {string[]} what is wrong
 */
function judgeStream(source, sink, closedPlainly, acknowledgedArrives) {
  /** @type {string[]} */
  const wrong = [];
  const amounts = `${sink.received} of the ${source.sent} bytes sent`;
  if (sink.wrongAt >= 0) wrong.push(`the byte at ${sink.wrongAt} is not the one that was sent`);
  if (sink.received > source.sent) wrong.push(`more came than was sent: ${amounts}`);
  const whole = sink.received === source.sent;
  if (whole && sink.receivedDigest !== source.sentDigest) wrong.push('the digests differ');

  const { outcome, error } = sink;
  if (outcome === 'failed') wrong.push(`it failed with ${error}`);
  if (outcome === 'clean') {
    if (!whole) wrong.push(`a clean end after ${amounts}`);
    if (!source.fin && !closedPlainly) wrong.push('a clean end that nobody made');
  }
  if (outcome === 'reset') {
    if (source.outcome !== 'gave up') wrong.push(`a reset that nobody made, after ${amounts}`);
    if (acknowledgedArrives && sink.received < source.acknowledged) {
      wrong.push(`a reset after ${amounts}, ${source.acknowledged} of which were acknowledged`);
    }
  }
  return wrong;
}

/**
 * @param {Transfer} transfer
 * @param {EndReport} client
 * @param {EndReport | undefined} server nothing when it never heard of the client
 * @param {boolean} acknowledgedArrives what the proxy's kernel has acknowledged arrives before a reset
 * @returns {string[]} what is wrong; nothing when all is well
 */
export function judge(transfer, client, server, acknowledgedArrives) {
  if (server === undefined) {
    // A reset overtakes what it follows, and without its first bytes the server does not know whose it is.
    const leavesNoTrace = transfer.client.gives_up === 1 || client.sent < keyBytes;
    const left = client.outcome === 'gave up' && client.received === 0 && leavesNoTrace;
    return left ? [] : [`the server never heard of a client that ended as ${client.outcome}`];
  }
  const closes = /** @param {{ gives_up: number }} script */ (script) => script.gives_up === 2;
  return [
    ...judgeStream(client, server, closes(transfer.client), acknowledgedArrives).map(
      (what) => `at the server: ${what}`,
    ),
    ...judgeStream(server, client, closes(transfer.server), acknowledgedArrives).map(
      (what) => `at the client: ${what}`,
    ),
  ];
}
