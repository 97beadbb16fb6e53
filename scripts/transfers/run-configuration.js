/** Transfers through one configuration: those that need to be alone one by one, then the others together. */
import { configurationTitle } from './configurations.js';
import { Ends, startClients, startServers } from './ends.js';
import { judge } from './judge.js';
import { formatScript } from './plan.js';
import { describeProxy, startProxy } from './proxy.js';

/** @import { Network } from '../lib/network.js' */
/** @import { Configuration } from './configurations.js' */
/** @import { RunningProgram } from '../lib/program.js' */
/** @import { EndReport } from './ends.js' */
/** @import { Transfer } from './plan.js' */

/**
 * @typedef {object} Outcome of the transfers of one configuration
 * @property {number} transfers that were judged
 * @property {number} bytes that arrived, both ways
 * @property {number} resets transfers in which an end left early
 * @property {number} halfCloses transfers in which one end kept its stream open after the other's end
 * @property {number} unheard transfers whose client left before the server knew it
 * @property {number} slowestMs what the slowest transfer took
 * @property {string[]} failures
 */

/** Transfers at once. With few files, the proxy takes half as many at most. */
const together = 24;
/** None takes a tenth of it, on a machine that has nothing else to do. */
const deadlineMs = 180_000;
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

class Run {
  /** @type {Outcome} */
  outcome = {
    ...{ transfers: 0, bytes: 0, resets: 0, halfCloses: 0, unheard: 0, slowestMs: 0 },
    failures: [],
  };
  #configuration;
  #place;
  #ends;
  #proxy;
  #onJudged;
  #stuck = false;
  /**
   * Of clients that left so early that the server may never hear of them.
   *
   * @type {{ transfer: Transfer, client: EndReport, server: Promise<EndReport> }[]}
   */
  #perhapsUnheard = [];

  /**
   * @param {Configuration} configuration
   * @param {Place} place
   * @param {Ends} ends
   * @param {RunningProgram} proxy
   * @param {() => void} onJudged
   */
  constructor(configuration, place, ends, proxy, onJudged) {
    this.#configuration = configuration;
    this.#place = place;
    this.#ends = ends;
    this.#proxy = proxy;
    this.#onJudged = onJudged;
  }

  /** @param {readonly Transfer[]} transfers */
  async all(transfers) {
    for (const transfer of transfers.filter(({ named }) => !named)) await this.#one(transfer);
    const waiting = transfers.filter(({ named }) => named);
    const worker = async () => {
      for (let next = waiting.shift(); next; next = waiting.shift()) await this.#one(next);
    };
    await Promise.all(Array.from({ length: together }, worker));
    if (!this.#stuck) await this.#finish();
  }

  /** @param {Transfer} transfer */
  async #one(transfer) {
    if (this.#stuck) return;
    const reports = this.#ends.start(transfer);
    const client = await within(reports.client, deadlineMs);
    if (client && client.outcome === 'gave up' && client.received === 0 && transfer.named) {
      this.#perhapsUnheard.push({ transfer, client, server: reports.server });
      return;
    }
    const server = client && (await within(reports.server, deadlineMs));
    if (client && server) this.#judge(transfer, client, server);
    else if (!this.#stuck) await this.#describeStuck(transfer, reports);
  }

  /** @param {Transfer} transfer @param {EndReport} client @param {EndReport | undefined} server */
  #judge(transfer, client, server) {
    const { outcome } = this;
    const wrong = judge(transfer, client, server, this.#configuration.engine === 'native');
    if (wrong.length > 0) this.#failed(transfer, wrong, client, server);
    outcome.transfers += 1;
    outcome.bytes += client.received + (server?.received ?? 0);
    outcome.slowestMs = Math.max(outcome.slowestMs, client.milliseconds);
    const scripts = [transfer.client, transfer.server];
    const oneEndsFirst = scripts.some((script) => script.ends_last || script.sends_last);
    if ([client, server].some((report) => report?.outcome === 'gave up')) outcome.resets += 1;
    else if (oneEndsFirst) outcome.halfCloses += 1;
    if (server === undefined) outcome.unheard += 1;
    this.#onJudged();
  }

  /** @param {Transfer} transfer @param {ReturnType<Ends['start']>} reports */
  async #describeStuck(transfer, reports) {
    this.#stuck = true;
    const state = await describeProxy(this.#proxy, this.#place.network);
    this.#ends.showAll();
    const client = await within(reports.client, describeMs);
    const server = await within(reports.server, describeMs);
    this.#failed(transfer, [`not over after ${deadlineMs / 1000} s`, state], client, server);
  }

  /** Whatever the proxy still brings to the server, it brings before it stops. */
  async #finish() {
    const status = await within(this.#proxy.stop(2 * deadlineMs), deadlineMs);
    if (status !== 0) {
      const state = await describeProxy(this.#proxy, this.#place.network);
      const what = status === undefined ? 'sessions were left' : `the proxy's status is ${status}`;
      this.#failure(`${what} when all clients were gone`, [state]);
    }
    const late = this.#perhapsUnheard.map(async ({ transfer, client, server }) =>
      this.#judge(transfer, client, await within(server, describeMs)),
    );
    await Promise.all(late);
    const { strangers } = this.#ends;
    const { unheard } = this.outcome;
    if (strangers > unheard) {
      this.#failure('connections that nobody made', [
        `${strangers} for ${unheard} unheard clients`,
      ]);
    }
  }

  /**
   * @param {Transfer} transfer
   * @param {readonly string[]} wrong
   * @param {EndReport | undefined} client
   * @param {EndReport | undefined} server
   */
  #failed(transfer, wrong, client, server) {
    this.#failure(`transfer ${transfer.number}`, [
      ...wrong,
      ...[`client ${formatScript(transfer.client)}`, `client ${JSON.stringify(client)}`],
      ...[`server ${formatScript(transfer.server)}`, `server ${JSON.stringify(server)}`],
    ]);
  }

  /** @param {string} what @param {readonly string[]} lines */
  #failure(what, lines) {
    const { seed } = this.#place;
    const head = `${what}, of seed ${seed}, ${configurationTitle(this.#configuration)}`;
    this.outcome.failures.push([head, ...lines].join('\n  '));
  }
}

/**
 * @typedef {object} Place
 * @property {Network} network
 * @property {string} program the program of ends/
 * @property {string} seed
 *
 * @param {Configuration} configuration
 * @param {readonly Transfer[]} transfers
 * @param {Place} place
 * @param {() => void} onJudged called after each transfer
 * @returns {Promise<Outcome>}
 */
export async function runConfiguration(configuration, transfers, place, onJudged) {
  const { network, program } = place;
  /** @type {RunningProgram[]} */
  const running = [];
  /** @template {RunningProgram} T @param {T} started @returns {T} */
  const keep = (started) => {
    running.unshift(started);
    return started;
  };
  try {
    const servers = keep(await startServers(program, network));
    const proxy = keep(await startProxy(configuration, network, servers.port, program));
    const clients = keep(await startClients(program, network, proxy.port));
    const run = new Run(configuration, place, new Ends(clients, servers), proxy, onJudged);
    await run.all(transfers);
    return run.outcome;
  } finally {
    for (const { stop } of running) await stop();
  }
}
