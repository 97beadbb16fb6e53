/** Health checks against servers that say anything: a check ends by itself, or by its time-out, with an answer or an error. */

import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { HealthOptions } from '../src/config/health-options.js';
import { ask, targetOf } from './helpers/checks.js';
import { mysql, postgres, ScramServer, silence } from './helpers/database-servers.js';
import { within } from './helpers/deadline.js';
import { startServer } from './helpers/servers.js';

/** The same numbers each time. Marsaglia, "Xorshift RNGs", 2003. */
class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  bytes(most: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(most) }, () => this.below(256)));
  }
}

type Step = Buffer | string | ((heard: Buffer) => Buffer | string);

const http = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nready';
const scram = () => {
  const server = new ScramServer(16);
  return [
    silence,
    postgres.asks(10, 'SCRAM-SHA-256\0\0'),
    (heard: Buffer) => postgres.asks(11, server.challenge(heard)),
    (heard: Buffer) => Buffer.concat([postgres.asks(12, server.final(heard)), postgres.ready]),
    postgres.row('f'),
  ];
};
const role = 'role:master\r\nconnected_slaves:0';

/** Conversations that go well, which are then spoilt. */
const conversations: readonly {
  readonly name: string;
  readonly health: HealthOptions;
  readonly script: () => readonly Step[];
  /** What the check says, or a part of it. */
  readonly words: string;
}[] = [
  {
    name: 'tcp',
    health: { type: 'tcp', send: 'PING', expect: 'PONG' },
    script: () => [silence, 'is it PONG?'],
    words: 'well: ',
  },
  {
    name: 'http',
    health: { type: 'http', body: 'ready' },
    script: () => [silence, http],
    words: 'well: 200',
  },
  {
    name: 'https',
    health: { type: 'https' },
    script: () => [silence, Buffer.from('15030100020228', 'hex')],
    words: 'handshake failure',
  },
  {
    name: 'mysql',
    health: { type: 'mysql', user: 'check', password: 'secret', role: 'primary' },
    script: () => [
      mysql.greeting('caching_sha2_password'),
      mysql.packet(2, Buffer.of(0xfe), 'mysql_native_password\0', mysql.nonce, '\0'),
      Buffer.concat([mysql.packet(4, Buffer.of(1, 3)), mysql.ok(5)]),
      mysql.row('0'),
    ],
    words: 'well: primary',
  },
  {
    name: 'postgres',
    health: { type: 'postgres', user: 'check', password: 'secret', role: 'primary' },
    script: scram,
    words: 'well: primary',
  },
  {
    name: 'redis',
    health: { type: 'redis', password: 'secret', role: 'primary' },
    script: () => [silence, '+OK\r\n', '+PONG\r\n', `$${role.length}\r\n${role}\r\n`],
    words: 'well: primary',
  },
];

/** What a server says in place of what it should; nothing for a reset. */
function spoil(bytes: Buffer, draw: Draw): Buffer | undefined {
  const at = draw.below(bytes.length + 1);
  switch (draw.below(5)) {
    case 0:
      return draw.bytes(200);
    case 1:
      return bytes.subarray(0, at);
    case 2: {
      const changed = Buffer.from(bytes);
      for (let count = draw.below(4); count >= 0; count--) {
        changed[draw.below(bytes.length + 1)] = draw.below(256);
      }
      return changed;
    }
    case 3:
      return Buffer.concat([bytes.subarray(0, at), draw.bytes(20), bytes.subarray(at)]);
    default:
      return undefined;
  }
}

const rounds = 300;

/** A server that goes through the script, one part after each thing that it hears. */
const start = (script: () => readonly Step[], say: (socket: Socket, part: Buffer) => void) =>
  startServer((socket) => {
    const steps = script();
    let step = 0;
    const next = (heard: Buffer) => {
      const part = steps[step++];
      if (part !== undefined)
        say(socket, Buffer.from(typeof part === 'function' ? part(heard) : part));
    };
    socket
      .setNoDelay()
      .on('data', next)
      .on('end', () => socket.end());
    next(Buffer.alloc(0));
  });

describe.each(conversations)('$name', ({ health, script, words }) => {
  it('says the same of it in whatever pieces it comes', async () => {
    const draw = new Draw(1);
    const server = await start(script, (socket, part) => {
      for (let from = 0; from < part.length; ) {
        const to = from + 1 + draw.below(9);
        socket.write(part.subarray(from, to));
        from = to;
      }
    });
    for (let round = 0; round < 20; round++) {
      expect(await ask(targetOf(server.port), health)).toMatch(words);
    }
  });

  it('ends with an answer or an error, whatever it is told', async () => {
    const draw = new Draw(2026);
    const server = await start(script, (socket, part) => {
      if (draw.below(3) > 0) return socket.write(part);
      const spoilt = spoil(part, draw);
      // It has nothing to add, so that the check need not wait for its time-out.
      return spoilt === undefined ? socket.resetAndDestroy() : socket.end(spoilt);
    });
    const answers = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      const answer = await within('the answer', ask(targetOf(server.port), health));
      // The words of an error that nobody has thought of.
      expect(answer).not.toMatch(/undefined|NaN|ERR_|out of range|Cannot|not a function|timed out/);
      answers.add(answer);
    }
    expect(answers.size).toBeGreaterThan(1);
  });

  it('ends with an error when it is told more than an answer can be', async () => {
    const chunk = Buffer.alloc(65_536, '-');
    const server = await startServer((socket) => {
      const flood = () => {
        while (socket.writable && socket.write(chunk));
      };
      socket.resume().on('drain', flood);
      flood();
    });
    const answer = await within('the answer', ask(targetOf(server.port), health));
    expect(answer).toMatch(/^(expected|the TLS handshake failed:) /);
  });
});
