/** The program of ends/: clients in one namespace, their servers in another. */
import { compile } from '../lib/compile.js';
import { startProgram } from '../lib/program.js';
import { formatScript } from './plan.js';

/** @import { Network } from '../lib/network.js' */
/** @import { Transfer } from './plan.js' */

/**
 * What an end says when it is over.
 *
 * @typedef {object} EndReport
 * @property {number} number
 * @property {'clean' | 'reset' | 'failed' | 'gave up' | 'under way'} outcome `clean`: the other's stream has
 *   ended, by FIN; `gave up`: it left by itself, before that or before its own stream had ended
 * @property {string} error the first that the kernel told; empty for none
 * @property {number} sent bytes, given to the kernel
 * @property {number} acknowledged bytes of these, when it gave up
 * @property {boolean} fin it has ended its stream, which is complete then
 * @property {number} received bytes
 * @property {number} wrongAt where what it received differs first from what the other sends; -1 for nowhere
 * @property {string} sentDigest SHA-256 of the bytes sent
 * @property {string} receivedDigest
 * @property {number} milliseconds
 *
 * @typedef {{ client: EndReport, server: EndReport | undefined }} Reports
 */

/** @returns {Promise<string>} the program */
export const buildEnds = () => compile('out/transfers/ends', 'scripts/transfers/ends', ['crypto']);

/** @typedef {Awaited<ReturnType<typeof startServers>>} Servers */

/**
 * @param {string} program
 * @param {Network} network
 */
export async function startServers(program, network) {
  const running = await startProgram(
    program,
    ['serve', network.serverHost],
    (output) => output.match(/listening on \S+:(\d+)/)?.[1],
    { namespace: network.server },
  );
  return { ...running, port: Number(running.answer) };
}

/**
 * @param {string} program
 * @param {Network} network
 * @param {number} port of the proxy
 */
export async function startClients(program, network, port) {
  return startProgram(program, ['connect', network.proxyHost, String(port)], () => true, {
    namespace: network.client,
  });
}

/** Runs transfers on two running programs. */
export class Ends {
  /** @type {Map<number, (report: EndReport) => void>} */
  #clients = new Map();
  /** @type {Map<number, (report: EndReport) => void>} */
  #servers = new Map();
  /** @type {Map<number, () => void>} */
  #expecting = new Map();
  #strangers = 0;
  #clientProgram;
  #serverProgram;

  /**
   * @param {import('../lib/program.js').RunningProgram} clientProgram
   * @param {import('../lib/program.js').RunningProgram} serverProgram
   */
  constructor(clientProgram, serverProgram) {
    this.#clientProgram = clientProgram;
    this.#serverProgram = serverProgram;
    clientProgram.onLine((line) => this.#take(line, this.#clients));
    serverProgram.onLine((line) => this.#take(line, this.#servers));
  }

  /** Connections of which the server could not tell whose they were, mostly since they ended too early. */
  get strangers() {
    return this.#strangers;
  }

  /**
   * @param {string} line
   * @param {Map<number, (report: EndReport) => void>} waiting
   */
  #take(line, waiting) {
    if (!line.startsWith('{')) return;
    const said = JSON.parse(line);
    if ('expecting' in said) this.#expecting.get(said.expecting)?.();
    else if ('stranger' in said) this.#strangers += 1;
    else if ('number' in said) waiting.get(said.number)?.(said);
    else throw new Error(`an end says ${line}`);
  }

  /**
   * Starts a transfer.
   *
   * @param {Transfer} transfer
   * @returns {{ client: Promise<EndReport>, server: Promise<EndReport> }} reports to come; the server's
   *   never does when its client left before it was known
   */
  start({ number, client, server }) {
    this.#expecting.set(number, () => this.#clientProgram.tell(formatScript(client)));
    /** @type {Promise<EndReport>} */
    const clientReport = new Promise((resolve) => this.#clients.set(number, resolve));
    /** @type {Promise<EndReport>} */
    const serverReport = new Promise((resolve) => this.#servers.set(number, resolve));
    this.#serverProgram.tell(formatScript(server));
    return { client: clientReport, server: serverReport };
  }

  /** Has all ends that are under way reported as they are. They are of no use after that. */
  showAll() {
    this.#clientProgram.tell('show');
    this.#serverProgram.tell('show');
  }
}
