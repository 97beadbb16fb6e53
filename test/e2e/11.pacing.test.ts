/** Who is paced on a machine whose congestion control paces; on others all are as the machine has it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { startNetwork, startUnpacedHost } from '../../scripts/lib/network.js';
import { remedy } from '../../scripts/transfers/transfers.js';
import { RunningCommand } from '../helpers/cli.js';
import { startServer } from '../helpers/servers.js';
import { tempPath } from '../helpers/temp.js';
import { describeWhere } from '../helpers/where.js';
import { findProgram } from './helpers/programs.js';

const needed = remedy();
const ip = findProgram('ip') ?? 'ip';

/** Says something when the backend has spoken, and stays. */
const clientProgram = `
  const [localAddress, port] = process.argv.slice(1);
  require('node:net')
    .connect({ host: '127.0.0.1', port, localAddress })
    .once('data', () => console.log('served'));
`;

describeWhere(needed, 'a listener on a loopback address', () => {
  it('sends as the machine wants to clients who were brought there from elsewhere', async () => {
    const network = await startNetwork();
    onTestFinished(network.remove);
    const host = network.proxy;
    const inside = (...words: string[]): string =>
      execFileSync(ip, ['netns', 'exec', host, ...words], { encoding: 'utf8' }).trim();
    const ofMachine = inside('cat', '/proc/sys/net/ipv4/tcp_congestion_control');

    // Namespaces of networks do not part the client of a Unix socket from its server.
    const path = tempPath('pacing.sock');
    await startServer((socket) => socket.write('hello'), { listen: { path } });
    const shell = `exec ${ip} netns exec ${host} "$@"`;
    const args = ['--listen', '127.0.0.1:0', '--backend', `unix:${path}`, '--engine', 'native'];
    await using running = new RunningCommand(args, {}, undefined, shell);
    const port = await running.port();

    /** What the kernel tells of the proxy's socket towards a new client; the congestion control is one of the words. */
    const socketTowards = async (from: string): Promise<string[]> => {
      const words = [process.execPath, '-e', clientProgram, from, String(port)];
      const client = spawn(ip, ['netns', 'exec', host, ...words]);
      onTestFinished(() => void client.kill());
      await once(client.stdout, 'data');
      const told = inside(
        'ss',
        '-tinH',
        'state',
        'established',
        `sport = :${port} and dst ${from}`,
      );
      return told.split(/\s+/);
    };
    expect(await socketTowards('127.0.0.1')).toContain(ofMachine === 'bbr' ? 'reno' : ofMachine);
    expect(await socketTowards(network.proxyHost)).toContain(ofMachine);
  });
});

describeWhere(needed, 'the host of the unpaced workloads', () => {
  it('has Reno for everybody, and goes without a trace', async () => {
    const { namespace, remove } = await startUnpacedHost();
    const cat = (file: string): string => {
      const words = ['netns', 'exec', namespace, 'cat', `/proc/sys/net/ipv4/${file}`];
      return execFileSync(ip, words, { encoding: 'utf8' }).trim();
    };
    expect(cat('tcp_congestion_control')).toBe('reno');
    remove();
    expect(() => cat('tcp_congestion_control')).toThrow();
  });
});
