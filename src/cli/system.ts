/** What the kernel says of its limits, read from /proc. A fact that cannot be read is `undefined`. */
import { readFileSync } from 'node:fs';
import { type OpenFiles, openFiles } from '../engine/open-files.js';

export interface SystemFacts {
  readonly files: OpenFiles | undefined;
  /** Bytes that an unprivileged process may ask one pipe to hold. */
  readonly pipeMaxBytes: number | undefined;
  /** Pages that all pipes of one user may hold before new ones get a single page; 0 is unlimited. */
  readonly pipePagesSoft: number | undefined;
  /** Pages that all pipes of one user may hold before new ones are refused; 0 is unlimited. */
  readonly pipePagesHard: number | undefined;
  /** Whether this process is exempt from the page limits: CAP_SYS_RESOURCE or CAP_SYS_ADMIN, pipe(7). */
  readonly pipesUnlimited: boolean;
  readonly pageBytes: number;
  /** First and last port for outgoing connections. */
  readonly ephemeralPorts: readonly [first: number, last: number] | undefined;
  /** Connections that may wait to be accepted, whatever a listener asks for. */
  readonly somaxconn: number | undefined;
  /** What decides how fast TCP sends, for connections that nobody has told otherwise. */
  readonly congestionControl: string | undefined;
}

export function readSystemFacts(): SystemFacts {
  const ports = numbers('/proc/sys/net/ipv4/ip_local_port_range');
  const [firstPort, lastPort] = ports;
  return {
    files: openFiles(),
    pipeMaxBytes: numbers('/proc/sys/fs/pipe-max-size')[0],
    pipePagesSoft: numbers('/proc/sys/fs/pipe-user-pages-soft')[0],
    pipePagesHard: numbers('/proc/sys/fs/pipe-user-pages-hard')[0],
    pipesUnlimited: hasPipeCapability(),
    pageBytes: pageBytes(),
    ephemeralPorts:
      firstPort === undefined || lastPort === undefined ? undefined : [firstPort, lastPort],
    somaxconn: numbers('/proc/sys/net/core/somaxconn')[0],
    congestionControl: read('/proc/sys/net/ipv4/tcp_congestion_control')?.trim(),
  };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function numbers(path: string): number[] {
  return (read(path)?.match(/\d+/g) ?? []).map(Number);
}

function hasPipeCapability(): boolean {
  // Bits from linux/capability.h.
  const CAP_SYS_ADMIN = 1n << 21n;
  const CAP_SYS_RESOURCE = 1n << 24n;
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(read('/proc/self/status') ?? '')?.[1];
  return (BigInt(`0x${effective ?? '0'}`) & (CAP_SYS_ADMIN | CAP_SYS_RESOURCE)) !== 0n;
}

/** From the auxiliary vector, pairs of words (type, value): getauxval(3). 4 KiB where that is unreadable. */
function pageBytes(): number {
  const AT_PAGESZ = 6n;
  try {
    const words = new BigUint64Array(new Uint8Array(readFileSync('/proc/self/auxv')).buffer);
    const at = words.findIndex((word, index) => index % 2 === 0 && word === AT_PAGESZ);
    return at === -1 ? 4096 : Number(words[at + 1]);
  } catch {
    return 4096;
  }
}
