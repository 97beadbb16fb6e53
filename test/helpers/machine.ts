/** What this machine allows. Each answer is what to do about it where it does not, and nothing where it does. */
import { spawnSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { findProgram } from '../../scripts/lib/run.js';
import type { Remedy } from './where.js';

/** Addresses of IPv6, of which loopback's is the least. */
export const ipv6: Remedy = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ family }) => family === 'IPv6'),
)
  ? undefined
  : 'enable IPv6 (sysctl net.ipv6.conf.lo.disable_ipv6=0)';

/** Root that can become other users: in a container without privileges it often is the only one that there is. */
export function otherUsers(): Remedy {
  if (process.getuid?.() !== 0) return 'be root';
  const { status } = spawnSync('true', { uid: 1000, gid: 1000 });
  return status === 0 ? undefined : 'be root where there are other users (/proc/self/uid_map)';
}

/**
 * Words that begin a command with namespaces of its own, as root of these. With a namespace of users, nobody needs to be root
 * for it; but containers, a chroot and some distributions refuse those, while they may allow root the others.
 *
 * @param kinds such as `--net`
 */
export function namespaceWords(kinds: readonly string[]): readonly string[] | undefined {
  const ways = [['--user', '--map-root-user'], []];
  return ways
    .map((way) => ['unshare', ...way, ...kinds])
    .find(([command = '', ...words]) => spawnSync(command, [...words, 'true']).status === 0);
}

/** Namespaces of these kinds, and iproute2, which sets a network of one's own up. */
export function namespacesWith(kinds: readonly string[]): Remedy {
  if (findProgram('ip') === undefined) return 'apt-get install iproute2';
  if (namespaceWords(kinds) !== undefined) return undefined;
  return 'run it where namespaces are allowed: outside of a chroot or container, with user.max_user_namespaces above 0, or as root';
}

/** A network of one's own with a firewall. */
export function ownFirewall(): Remedy {
  return nftables(
    'add table inet test; add chain inet test in { type filter hook input priority 0; }',
  );
}

/** A network of one's own that turns connections round (DNAT). */
export function ownNat(): Remedy {
  return nftables(
    'add table ip nat; add chain ip nat output { type nat hook output priority -100; }',
  );
}

/** @param rules what is tried there */
function nftables(rules: string): Remedy {
  const nft = findProgram('nft');
  if (nft === undefined) return 'apt-get install nftables';
  const [command = '', ...words] = namespaceWords(['--net']) ?? [];
  if (spawnSync(command, [...words, nft, rules]).status === 0) return namespacesWith(['--net']);
  return (
    namespacesWith(['--net']) ??
    'run it on a kernel with nftables, for NAT with that (nf_tables, nf_nat)'
  );
}
