/** What the kernel says of another process, read from /proc. What cannot be read is `undefined`. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  /** Descriptors that are open, and how many may be. */
  readonly files: { readonly open: number; readonly most: number } | undefined;
  readonly segments: Segments | undefined;
}

/** Of TCP, over all connections of its network namespace, since that is there. */
export interface Segments {
  readonly sent: number;
  /** Those among them that were sent again. */
  readonly again: number;
}

export function readProcessFacts(pid: number): ProcessFacts {
  return { files: filesOf(pid), segments: segmentsIn(read(`/proc/${pid}/net/snmp`)) };
}

function filesOf(pid: number): ProcessFacts['files'] {
  const [, soft] = /^Max open files +(\S+)/m.exec(read(`/proc/${pid}/limits`)) ?? [];
  if (soft === undefined) return undefined;
  try {
    const open = readdirSync(`/proc/${pid}/fd`).length;
    return { open, most: soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft) };
  } catch {
    // Another user's.
    return undefined;
  }
}

/** @param text /proc/net/snmp: for each protocol a line of names, and one of figures */
export function segmentsIn(text: string): Segments | undefined {
  const [names = [], figures = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  const figure = (name: string) => Number(figures[names.indexOf(name)]);
  const [again, sent] = [figure('RetransSegs'), figure('OutSegs')];
  // Those that were sent again are not counted among OutSegs: RFC 4022.
  return Number.isFinite(again + sent) ? { sent: sent + again, again } : undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
