/** Transfers through one configuration: those that need to be alone one by one, then the others together. */
import { configurationTitle } from './configurations.js';
import { Ends, startClients, startServers } from './ends.js';
import { judge } from './judge.js';
import { formatScript } from './plan.js';
import { describeProxy, startProxy } from './proxy.js';

/** @import { Network } from '../lib/network.js' */
/** @import { Configuration } from './configurations.js' */
/** @import { EndReport } from './ends.js' */
/** @import { Transfer } from './plan.js' */

/**
 * @typedef {object} Outcome of the transfers of one configuration
 * @property {number} transfers that were judged
 * @property {number} bytes that arrived, both ways
 * @property {number} resets transfers in which an end left early
 * @property {number} halfCloses transfers in which one end kept its stream open after the other's end
 * @property {number} unheard transfers whose client left before the server knew it
 * @property {string[]} failures
 */

/** Transfers at once. With few files, the proxy takes half as many at most. */
const together = 24;
/** None takes a tenth of it, on a machine that has nothing else to do. */
const deadlineMs = 60_000;
/** How long ends may take to describe themselves. */
const describeMs = 500;

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @returns {Promise<T | undefined>} nothing when it takes longer
 */
async function within(promise, ms) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  /** @type {Promise<undefined>} */
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** @param {Transfer} transfer @param {Record<string, EndReport | undefined>} reports @param {string[]} wrong */
function describeFailure(transfer, reports, wrong) {
  const lines = [...wrong.map((what) => `  ${what}`)];
  for (const end of /** @type {const} */ (['client', 'server'])) {
    lines.push(`  ${end} ${formatScript(transfer[end])}`);
    lines.push(`  ${end} ${JSON.stringify(reports[end])}`);
  }
  return lines.join('\n');
}

/**
 * @param {Configuration} configuration
 * @param {readonly Transfer[]} transfers
 * @param {{ network: Network, program: string, seed: string }} place
 * @param {(transfer: Transfer) => void} onJudged
 * @returns {Promise<Outcome>}
 */
export async function runConfiguration(
  configuration,
  transfers,
  { network, program, seed },
  onJudged,
) {
  const servers = await startServers(program, network);
  const proxy = await startProxy(configuration, network, servers.port, program);
  const clients = await startClients(program, network, proxy.port);
  const ends = new Ends(clients, servers);
  /** @type {Outcome} */
  const outcome = {
    ...{ transfers: 0, bytes: 0, resets: 0, halfCloses: 0, unheard: 0 },
    failures: [],
  };
  const lossless = configuration.engine === 'native';
  let stuck = false;

  /** @param {Transfer} transfer @param {Record<string, EndReport | undefined>} reports @param {string[]} wrong */
  const fail = (transfer, reports, wrong) => {
    outcome.failures.push(
      `transfer ${transfer.number} of seed ${seed}, ${configurationTitle(configuration)}\n` +
        describeFailure(transfer, reports, wrong),
    );
  };

  /** @param {Transfer} transfer @param {EndReport} client @param {EndReport | undefined} server */
  const settle = (transfer, client, server) => {
    const wrong = judge(transfer, client, server, lossless);
    if (wrong.length > 0) fail(transfer, { client, server }, wrong);
    const scripts = [transfer.client, transfer.server];
    outcome.transfers += 1;
    outcome.bytes += client.received + (server?.received ?? 0);
    if ([client, server].some((report) => report?.outcome === 'gave up')) outcome.resets += 1;
    else if (scripts.some((script) => script.ends_last || script.sends_last))
      outcome.halfCloses += 1;
    if (server === undefined) outcome.unheard += 1;
    onJudged(transfer);
  };

  /**
   * Clients that left so early that the server may never hear of them.
   *
   * @type {{ transfer: Transfer, client: EndReport, server: Promise<EndReport> }[]}
   */
  const perhapsUnheard = [];

  /** @param {Transfer} transfer */
  const runOne = async (transfer) => {
    if (stuck) return;
    const reports = await ends.start(transfer);
    const client = await within(reports.client, deadlineMs);
    if (client && client.outcome === 'gave up' && client.received === 0 && transfer.named) {
      perhapsUnheard.push({ transfer, client, server: reports.server });
      return;
    }
    const server = client && (await within(reports.server, deadlineMs));
    if (client && server) {
      settle(transfer, client, server);
    } else if (!stuck) {
      stuck = true;
      const state = await describeProxy(proxy, network);
      ends.showAll();
      const last = {
        client: await within(reports.client, describeMs),
        server: await within(reports.server, describeMs),
      };
      fail(transfer, last, [`not over after ${deadlineMs / 1000} s`, state]);
    }
  };

  try {
    for (const transfer of transfers.filter(({ named }) => !named)) await runOne(transfer);
    const waiting = transfers.filter(({ named }) => named);
    const worker = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await runOne(next);
    };
    await Promise.all(Array.from({ length: together }, worker));
    if (stuck) return outcome;
    // Whatever the proxy still brings to the server, it brings before it stops.
    if (!(await proxy.stop(deadlineMs))) {
      outcome.failures.push(
        `${configurationTitle(configuration)} of seed ${seed}\n` +
          `  sessions were left when all clients were gone\n${proxy.output()}`,
      );
    }
    const late = perhapsUnheard.map(async ({ transfer, client, server }) =>
      settle(transfer, client, await within(server, describeMs)),
    );
    await Promise.all(late);
    return outcome;
  } finally {
    await Promise.all([clients.stop(), proxy.stop(), servers.stop()]);
  }
}
