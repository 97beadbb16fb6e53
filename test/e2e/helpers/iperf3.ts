import { freePort } from '../../../scripts/lib/port.js';
import { runCommand } from './command.js';
import { Daemon } from './daemon.js';
import { program } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder } from './temp-folder.js';
import { waitUntil } from './wait.js';

export const iperf3Needs = { iperf3: 'iperf3' };

/** What the tests read of the client's JSON report. */
export interface Iperf3Report {
  readonly error?: string;
  readonly start: { readonly connected: readonly unknown[] };
  readonly end: {
    readonly sum_received: { readonly bytes: number };
    /** The other way, of a `--bidir` run. */
    readonly sum_received_bidir_reverse?: { readonly bytes: number };
  };
}

export async function startIperf3(): Promise<Server> {
  const folder = await makeTempFolder('iperf3');
  const port = await freePort();
  const daemon = new Daemon(program('iperf3'), [
    ...['--server', '--bind', '127.0.0.1', '--port', String(port), '--forceflush'],
  ]);
  // Not by connecting: the server takes any connection for the beginning of a test.
  await daemon.ready(() => daemon.output.includes('Server listening'));
  return new Server(daemon, folder, port);
}

/**
 * Runs one client against a server or proxy on a port.
 *
 * @param args how to measure: direction, streams, time
 */
export async function iperf3(port: number, args: readonly string[]): Promise<Iperf3Report> {
  const all = ['--client', '127.0.0.1', '--port', String(port), '--json', ...args];
  return waitUntil(
    async () => {
      const { stdout } = await runCommand(program('iperf3'), all);
      const report = JSON.parse(stdout) as Iperf3Report;
      // It serves one client at a time, and may still be at the end of the last one.
      return report.error?.includes('server is busy') ? undefined : report;
    },
    { what: 'iperf3 to be free' },
  );
}
