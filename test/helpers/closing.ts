/** docs/closing.md, row by row: what its words mean, and whether they are so. */

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { randomBytes } from './bytes.js';
import { within } from './deadline.js';
import { openDescriptors } from './descriptors.js';
import { type EngineName, engines } from './engines.js';
import { isShortOfTcpMemory, kernelSocket, peerOf, shortagesOfTcpMemory } from './kernel.js';
import { nextSession, portOf, startProxy } from './proxies.js';
import { startServer } from './servers.js';
import { connect, type Ending, readExactly, readToEnding, reset, write } from './sockets.js';
import { describeWhere } from './where.js';

// ── The rows ──

export interface Row {
  /** Its first three cells, which tell it from all others. */
  readonly title: string;
  readonly event: string;
  /** Whose bytes are on the way, `X` or `Y`, and where; both are empty for nothing. */
  readonly owner: string;
  readonly place: string;
  readonly reader: string;
  readonly outcome: { readonly x: string; readonly y: string; readonly reason: string };
}

const page = readFileSync(new URL('../../docs/closing.md', import.meta.url), 'utf8');
export const [general = [], ofStream = []] = page.split('## Where `stream` differs').map(rowsOf);

function rowsOf(text: string): Row[] {
  return [...text.matchAll(/^\| (.*) \| (.*) \| (.*) \| (.*) \| (.*) \| `(.*)` \|$/gm)].map(
    ([, event = '', way = '', reader = '', x = '', y = '', reason = '']) => {
      const [, owner = '', place = ''] = /^([XY])'s, (\w+)$/.exec(way) ?? [];
      const title = [event, way, reader].join(' | ');
      return { title, event, owner, place, reader, outcome: { x, y, reason } };
    },
  );
}

function rowsFor(engine: EngineName): Row[] {
  const differing = engine === 'stream' ? ofStream : [];
  return general.map((row) => differing.find(({ title }) => title === row.title) ?? row);
}

// ── What they say ──

type Event = (x: Socket, y: Socket, turn: () => Promise<void>) => unknown;

export const events: Record<string, Event> = {
  'ends its stream': (x) => x.end(),
  resets: reset,
  "resets after Y's end": async (x, y, turn) => {
    await new Promise<void>((resolve) => y.end(resolve));
    await turn();
    reset(x);
  },
  'is silent': () => {},
};

/** What is held is in a pipe with `splice`, and in memory with `copy`. */
export interface Way {
  readonly engine: EngineName;
  readonly transfer: 'auto' | 'splice' | 'copy';
}

/** How far the bytes from a source to a sink have come. */
interface Journey {
  readonly source: Socket;
  readonly sink: Socket;
  /** Written by the source, but not by the proxy. */
  readonly missing: number;
}

/** What a sender's kernel may wait to hear of though the receiver has room: acknowledgements may be late. */
const LATE_ACKNOWLEDGEMENTS = 256 * 1024;

export const places: Record<string, (journey: Journey) => boolean> = {
  unread: ({ source, missing }) => missing > 0 && peerOf(source).unread > 0,
  held: ({ missing }) => missing > 0,
  sent: ({ sink, missing }) => missing === 0 && peerOf(sink).unacknowledged > LATE_ACKNOWLEDGEMENTS,
};

/** A kernel that is short of memory for TCP gives sockets small buffers, in which a piece may get stuck on its way. */
const STALL_MS = 30_000;
const ATTEMPTS = 10;

/** What one write brings to the other end of loopback in one segment. */
const PIECE = 60 * 1024;
/** More than all buffers on the way take. */
const data = randomBytes(1024 * PIECE, 1);

/**
 * An open session of X and Y, alone on its loop with a second one.
 *
 * @param idleSeconds where the row is about the idle time-out
 */
async function openSession(way: Way, role: 'client' | 'backend', row: Row, idleSeconds: number) {
  const backend = await startServer((socket, index) => index > 0 && socket.pipe(socket), {
    paused: true,
  });
  const proxy = await startProxy(way.engine, {
    transfer: way.transfer,
    backends: [backend.address],
    threads: 1,
    idleTimeout: row.outcome.reason === 'idle-timeout' ? `${idleSeconds}s` : '1h',
    halfCloseTimeout: row.reader === 'does not' ? '100ms' : '1h',
  });
  const started = nextSession(proxy);
  const client = await connect(portOf(proxy));
  const server = await backend.socket(0);
  const second = await connect(portOf(proxy));
  const session = await started;
  const [x, y] = role === 'client' ? [client, server] : [server, client];

  /** Resolves when the loop has looked at everything that was there before. */
  const turn = async () => {
    second.write('x');
    await readExactly(second, 1);
  };
  const missing = (source: Socket, sent: number) =>
    sent - (source === client ? session.bytesUpstream : session.bytesDownstream);

  /** Has the source send until some of it is where it should be, and returns all of it. */
  const fill = async (source: Socket, sink: Socket, place: string): Promise<Buffer> => {
    const isThere = places[place];
    for (let sent = PIECE; sent <= data.length; sent += PIECE) {
      await write(source, data.subarray(sent - PIECE, sent), STALL_MS);
      // What came in the middle of a turn is met in the next one.
      for (let turns = 0; missing(source, sent) > 0 && turns < 2; turns++) await turn();
      const isStill = () => isThere?.({ source, sink, missing: missing(source, sent) }) ?? false;
      if (!isStill()) continue;
      // Not only because the loop, or the kernel, was slow.
      for (let turns = 0; isStill() && turns < 10; turns++) await turn();
      if (isStill()) return data.subarray(0, sent);
    }
    throw new Error(`${data.length} bytes are on their way, and none is ${place}`);
  };
  return { session, x, y, fill, turn };
}

/**
 * An open session whose bytes are where the row says. A machine that is slow with that may meet the idle time-out before the
 * row has begun: then it gets longer.
 */
async function openFilledSession(way: Way, role: 'client' | 'backend', row: Row) {
  let idleSeconds = 2;
  for (let attempt = 1; ; attempt++) {
    const shortages = shortagesOfTcpMemory();
    const { pipes } = openDescriptors();
    const { fill, ...opened } = await openSession(way, role, row, idleSeconds);
    const { session, x, y } = opened;
    const [source, sink] = row.owner === 'Y' ? [y, x] : [x, y];
    try {
      const sent = row.owner === '' ? undefined : await fill(source, sink, row.place);
      const isInPipe =
        way.transfer === 'splice' && (row.place === 'held' || row.place === 'unread');
      if (isInPipe) expect(openDescriptors().pipes).toBeGreaterThan(pipes);
      if (session.state !== 'closed') return { ...opened, sink, sent };
      idleSeconds *= 4;
    } catch (error) {
      const isStuck = error instanceof Error && error.message.startsWith('writing: not within');
      const wasShort = isShortOfTcpMemory() || shortagesOfTcpMemory() > shortages;
      if (isStuck && wasShort && attempt < ATTEMPTS) {
        session.destroy();
        continue;
      }
      // The socket may hear of the end before the session does.
      const ended = session.closed.then(({ reason }) => reason);
      if (row.outcome.reason !== 'idle-timeout' || (await ended) !== 'idle-timeout') throw error;
      idleSeconds *= 4;
    }
  }
}

/** Tells what one side got, in the words of the page. */
class Witness {
  readonly #socket: Socket;
  readonly #ports: [number, number];
  #ending: Promise<Ending> | undefined;

  /** @param socket connected */
  constructor(socket: Socket) {
    this.#socket = socket;
    this.#ports = [socket.localPort ?? 0, socket.remotePort ?? 0];
  }

  /** Reads from now on; at the latest, `testimony` does. */
  read(): Promise<Ending> {
    this.#ending ??= readToEnding(this.#socket);
    return this.#ending;
  }

  /** Reads, and ends its stream when it has got the other's end. */
  async answer(): Promise<void> {
    const { how } = await this.read();
    if (how !== 'end' || this.#socket.writableEnded) return;
    this.#socket.end();
  }

  /** After the session. @param sent what was on its way to this side, if anything was */
  async testimony(sent?: Buffer): Promise<string> {
    const { data, how } = await this.read();
    const end = this.#end(how);
    if (sent === undefined) return end;
    expect(data.equals(sent.subarray(0, data.length))).toBe(true);
    const much = data.length === sent.length ? 'all' : data.length > 0 ? 'some' : 'none';
    return `${much}, ${end}`;
  }

  #end(how: string): string {
    if (how !== 'end') return 'RST';
    // After its own end nothing but TIME_WAIT is left, which a late acknowledgement may end at any time (RFC 1337).
    if (this.#socket.writableEnded) return 'FIN';
    return kernelSocket(...this.#ports) !== undefined ? 'FIN' : 'FIN, RST';
  }
}

/** Has the event of a row happen, and gives what came of it. */
async function play(way: Way, role: 'client' | 'backend', row: Row): Promise<Row['outcome']> {
  const { event, owner, reader, outcome } = row;
  const { session, x, y, turn, sink, sent } = await openFilledSession(way, role, row);
  const [ofX, ofY] = [new Witness(x), new Witness(y)];

  await events[event]?.(x, y, turn);
  const isGone = event.startsWith('resets');
  const deaf = reader === 'reads' ? undefined : sink;
  if (deaf !== x && !isGone) void ofX.read();
  if (deaf !== y) void (reader === 'reads' ? ofY.answer() : ofY.read());

  const { reason } = await within('the end of the session', session.closed);
  const seen = await ofY.testimony(owner === 'X' ? sent : undefined);
  return {
    x: isGone ? '–' : await ofX.testimony(owner === 'Y' ? sent : undefined),
    // Where the page does not say how much it is, it depends on who is faster.
    y: outcome.y.startsWith('all or some,') ? seen.replace(/^(all|some),/, 'all or some,') : seen,
    reason,
  };
}

/** Plays each row, with X as client and as backend. */
export function describeClosing(way: Way): void {
  const remedy = engines.includes(way.engine)
    ? undefined
    : `name ${way.engine} in SPLICEWAY_TEST_ENGINES`;
  describeWhere(remedy, `rows with ${way.engine}, ${way.transfer}`, () => {
    describe.each(['client', 'backend'] as const)('where X is the %s', (role) => {
      for (const row of rowsFor(way.engine)) {
        it(row.title, async () => {
          for (let attempt = 1; ; attempt++) {
            const shortages = shortagesOfTcpMemory();
            const got = await play(way, role, row);
            // What was held because the kernel had no memory for it moves on when it has.
            const wasShort = isShortOfTcpMemory() || shortagesOfTcpMemory() > shortages;
            if (wasShort && attempt < ATTEMPTS && !isDeepStrictEqual(got, row.outcome)) continue;
            expect(got).toEqual(row.outcome);
            return;
          }
        });
      }
    });
  });
}
