/** A proxy whose backend leads back to it by an address that nobody could know: its own connections come back. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { findProgram } from '../scripts/lib/run.js';
import { optionsOf, ways } from './helpers/engines.js';
import { namespacesWith, namespaceWords, ownNat } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { itWhere } from './helpers/where.js';

const kinds = ['--net'];

/** Two clients, one after the other. Prints how often each went round, and what was told. */
const program = `
  import { once } from 'node:events';
  import { connect } from 'node:net';
  import { createProxy } from ${JSON.stringify(packageUrl)};
  const { options, client } = JSON.parse(process.argv.at(-1));
  const proxy = await createProxy(options);
  const warnings = [];
  const warned = once(proxy, 'warning');
  proxy.on('warning', (message) => warnings.push(message));
  const sessions = () => proxy.stats().sessions;
  const goRound = async () => {
    const { opened } = sessions();
    const socket = connect(client).on('error', () => {}).resume();
    await new Promise((resolve) => socket.on('close', resolve));
    while (sessions().open > 0) await new Promise((resolve) => setImmediate(resolve));
    return sessions().opened - opened;
  };
  const rounds = [await goRound(), await goRound()];
  await warned;
  await proxy.close();
  console.log(JSON.stringify({ rounds, rejected: sessions().rejected, warnings }));
`;

interface Told {
  readonly rounds: readonly [first: number, second: number];
  readonly rejected: number;
  readonly warnings: readonly string[];
}

/** Runs the program as root of a network of its own, which the commands of \`network\` have set up. */
async function goRound(network: string, setup: unknown): Promise<Told> {
  const node = [process.execPath, '--input-type=module', '-e', program, JSON.stringify(setup)];
  const [command = '', ...words] = namespaceWords(kinds) ?? [];
  const script = `ip link set lo up; ${network}; exec "$@"`;
  const args = [...words, 'sh', '-ec', script, 'sh', ...node];
  const { stdout } = await promisify(execFile)(command, args, { timeout: 60_000 });

  return JSON.parse(stdout);
}

describe.each(ways)('a backend that leads back to the proxy with %s', (way) => {
  const options = { ...optionsOf(way), listen: ':5555', threads: 2 };

  for (const [version, network, backend] of [
    ['IPv4', 'ip route add local 198.18.0.0/15 dev lo', '198.18.0.7:5555'],
    ['IPv6', 'ip -6 route add local 2001:db8::/32 dev lo', '[2001:db8:0::7]:5555'],
  ] as const) {
    const title = `by a route of ${version} is told, and clients go round some tens of times`;
    itWhere(namespacesWith(kinds), title, async () => {
      const told = await goRound(network, {
        options: { ...options, backends: [backend] },
        client: { port: 5555, host: '127.0.0.1' },
      });
      const [first, second] = told.rounds;
      // One connection in 32 is noted on each loop; a loop that is quicker to accept one than another to note it misses it.
      expect(first).toBeLessThan(500);
      expect(first).toBeGreaterThan(1);
      // Once one came back, all are looked at.
      expect(second).toBeLessThan(100);
      expect(told.rejected).toBeGreaterThanOrEqual(2);
      const address = backend.replace('db8:0:', 'db8:');
      expect(told.warnings.length).toBeGreaterThan(0);
      for (const warning of told.warnings) {
        expect(warning).toMatch(
          /^\d+ clients? w(as|ere) refused, which w(as|ere) this proxy itself/,
        );
        expect(warning).toContain(
          `its backend at ${address} leads back to it; correct the backend`,
        );
      }
    });
  }

  const few = 'is told before it has taken all sessions, where there are few';
  itWhere(namespacesWith(kinds), few, async () => {
    const told = await goRound('ip route add local 198.18.0.0/15 dev lo src 127.0.0.1', {
      options: { ...options, backends: ['198.18.0.7:5555'], maxSessions: 20 },
      client: { port: 5555, host: '127.0.0.1' },
    });
    expect(told.warnings.some((warning) => warning.includes('leads back to it'))).toBe(true);
  });

  const from = 'is told where its connections come from source addresses';
  itWhere(namespacesWith(kinds), from, async () => {
    const told = await goRound('ip route add local 198.18.0.0/15 dev lo', {
      options: {
        ...options,
        backends: ['198.18.0.7:5555'],
        from: ['127.0.0.9', '127.0.0.10'],
        maxSessions: 20,
      },
      client: { port: 5555, host: '127.0.0.1' },
    });
    expect(told.warnings.some((warning) => warning.includes('leads back to it'))).toBe(true);
  });

  itWhere(
    ownNat(),
    'by a NAT of this machine is told, where the engine can ask for it',
    async () => {
      const chain = 'add chain ip nat output { type nat hook output priority -100; }';
      const rule =
        'add rule ip nat output ip daddr 203.0.113.9 tcp dport 80 dnat to 198.51.100.1:5555';
      const addresses = 'ip address add 198.51.100.1/32 dev lo; ip route add 203.0.113.0/24 dev lo';
      const nft = `${findProgram('nft')} 'add table ip nat; ${chain}; ${rule}'`;
      const told = await goRound(`${addresses}; ${nft}`, {
        options: { ...options, backends: ['203.0.113.9:80'], maxSessionsPerClient: 500 },
        client: { port: 5555, host: '127.0.0.1' },
      });
      expect(told.rejected).toBeGreaterThanOrEqual(2);
      // Node has no way to ask where a connection had been sent: the client goes round until it meets the limit.
      expect(told.warnings[0]).toContain(
        way === 'stream'
          ? 'as maxSessionsPerClient allows (500)'
          : 'its backend at 203.0.113.9:80 leads back to it',
      );
      expect(told.rounds[0]).toBeLessThanOrEqual(501);
    },
  );
});
