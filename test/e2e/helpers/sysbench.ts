/** sysbench: database clients that work on a table, in one run after the other, until they are stopped. */
import { runOk } from './command.js';
import { Daemon } from './daemon.js';
import { program } from './programs.js';

export const sysbenchNeeds = { sysbench: 'sysbench' };

/** As many as work at once, and a table that is there at once. */
const settings = ['--threads=4', '--tables=1', '--table-size=500', '--db-ps-mode=disable'];

const argumentsOf = (port: number, more: readonly string[]) => [
  'oltp_read_write',
  ...['--db-driver=mysql', '--mysql-host=127.0.0.1', `--mysql-port=${port}`, '--mysql-ssl=off'],
  ...['--mysql-user=tester', '--mysql-password=secret', '--mysql-db=shop'],
  ...settings,
  ...more,
];

function sysbench(port: number, ...more: string[]): Promise<string> {
  return runOk(program('sysbench'), argumentsOf(port, more));
}

/** Makes the table that the clients work on, on a server. */
export async function prepareSysbench(port: number): Promise<void> {
  await sysbench(port, 'prepare');
}

/** One client, which works until it is stopped. It ends by itself when it loses its connection. */
export function startOneClient(port: number): Daemon {
  const endless = ['--threads=1', '--time=0', '--events=0', 'run'];
  return new Daemon(program('sysbench'), argumentsOf(port, endless));
}

export class Sysbench {
  #isOver = false;
  readonly #transactions: Promise<number>;

  /** @param port of a proxy whose servers are prepared */
  constructor(port: number) {
    this.#transactions = this.#run(port);
    // Heard of in `stop()`.
    this.#transactions.catch(() => {});
  }

  /**
   * Ends it after the run at hand. Idempotent.
   *
   * @returns how many transactions were committed
   * @throws when a connection was lost or refused: what sysbench says of it
   */
  stop(): Promise<number> {
    this.#isOver = true;
    return this.#transactions;
  }

  /** Each run connects anew. Its clients fail with their first lost connection. */
  async #run(port: number): Promise<number> {
    let transactions = 0;
    while (!this.#isOver) {
      const output = await sysbench(port, '--time=1', 'run');
      const [, count] = output.match(/transactions:\s+(\d+)/) ?? [];
      const [, reconnects] = output.match(/reconnects:\s+(\d+)/) ?? [];
      if (count === undefined || reconnects !== '0') throw new Error(output);
      transactions += Number(count);
    }
    return transactions;
  }
}
