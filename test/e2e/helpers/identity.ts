import { readFileSync } from 'node:fs';

/**
 * Who a server runs as. Some servers refuse to be root, so when the tests run as root they get the user
 * that their package made; otherwise they run as whoever runs the tests.
 */
export function identityOf(user: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  if (uid === undefined || gid === undefined) throw new Error(`there is no user ${user}`);
  return { uid: Number(uid), gid: Number(gid) };
}
