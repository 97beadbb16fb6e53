/**
 * Whether a PostgreSQL server lets its account in, and what it is. Version 3 of the protocol, which all servers since 2003
 * speak: https://www.postgresql.org/docs/current/protocol.html
 */
import { createHash } from 'node:crypto';
import type { CheckConfigOf, ServerRole } from '../../../model/health.js';
import type { Check } from './check.js';
import { type Conversation, converse, type Found, MOST_BYTES } from './conversation.js';
import { quoted, told } from './reason.js';
import { checkRole } from './role.js';
import { ScramLogin } from './scram.js';

const PROTOCOL_VERSION = 3 << 16;

/** What a server asks for with a message of type R, by its number. */
const Ask = { nothing: 0, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

export function postgresCheck(config: CheckConfigOf<'postgres'>): Check {
  const { role } = config;
  return (target, signal) =>
    converse(target, signal, async (conversation) => {
      await logIn(conversation, config);
      const found = role === undefined ? '' : checkRole(role, ...(await roleOf(conversation)));
      await conversation.end(messageOf('X'));
      return found;
    });
}

/** @throws what the server says against it */
async function logIn(
  conversation: Conversation,
  { user, password, database = user }: CheckConfigOf<'postgres'>,
): Promise<void> {
  const settings = { user, database, application_name: 'spliceway' };
  const texts = Object.entries(settings).flat();
  conversation.send(messageOf('', int32(PROTOCOL_VERSION), ...texts.map(text), Buffer.of(0)));
  const scram = new ScramLogin(password ?? '');
  for (;;) {
    const { type, payload } = await receive(conversation, 'the answer to the login');
    // Settings of the server and the key to cancel with come before Z: it waits for a query.
    if (type === 'Z') return;
    if (type !== 'R') continue;
    const asked = payload.length < 4 ? -1 : payload.readInt32BE(0);
    const data = payload.subarray(4);
    if (asked === Ask.nothing) continue;
    if (password === undefined) throw new Error(`the server asks for the password of ${user}`);
    switch (asked) {
      case Ask.md5:
        conversation.send(messageOf('p', text(md5Proof(user, password, data))));
        break;
      case Ask.sasl: {
        const first = Buffer.from(scram.first(data));
        conversation.send(messageOf('p', text(scram.mechanism), int32(first.length), first));
        break;
      }
      case Ask.saslContinue:
        conversation.send(messageOf('p', Buffer.from(await scram.proof(data.toString()))));
        break;
      case Ask.saslFinal:
        scram.checkServer(data.toString());
        break;
      default:
        throw new Error(
          `the server asks for a login that a check does not know (${asked}); let ${user} in with scram-sha-256 or md5`,
        );
    }
  }
}

function md5Proof(user: string, password: string, salt: Buffer): string {
  const md5 = (...parts: readonly (string | Buffer)[]) => {
    const sum = createHash('md5');
    for (const part of parts) sum.update(part);
    return sum.digest('hex');
  };
  return `md5${md5(md5(password, user), salt)}`;
}

/** What it is, and what it said of that. */
async function roleOf(conversation: Conversation): Promise<[ServerRole, string]> {
  conversation.send(messageOf('Q', text('SELECT pg_is_in_recovery()')));
  let row: Buffer = Buffer.alloc(0);
  for (;;) {
    const { type, payload } = await receive(conversation, 'the answer to pg_is_in_recovery()');
    if (type === 'D') row = payload;
    if (type === 'Z') break;
  }
  // One column, its length, and a letter.
  switch (row.toString('latin1', 6)) {
    case 'f':
      return ['primary', 'not in recovery'];
    case 't':
      return ['replica', 'in recovery'];
    default:
      throw new Error(
        `expected true or false of pg_is_in_recovery(), got ${quoted(row.toString('latin1'))}`,
      );
  }
}

interface Message {
  readonly type: string;
  readonly payload: Buffer;
}

/** The next message. @throws what the server says when it is an error */
async function receive(conversation: Conversation, what: string): Promise<Message> {
  const message = await conversation.receive(what, findMessage);
  if (message.type === 'E') throw new Error(wordsOf(message.payload));
  return message;
}

/** A letter, four bytes of length that count themselves, and what it says. */
function findMessage(received: Buffer): Found<Message> | undefined {
  if (received.length < 5) return undefined;
  const length = received.readUInt32BE(1);
  const type = received.toString('latin1', 0, 1);
  if (length < 4 || length > MOST_BYTES || !/[A-Za-z]/.test(type)) {
    throw new Error(`expected PostgreSQL, got ${quoted(received.toString('latin1'))}`);
  }
  const bytes = 1 + length;
  if (received.length < bytes) return undefined;
  return { value: { type, payload: received.subarray(5, bytes) }, bytes };
}

/** Of an error: fields of a letter and a text, of which M is the message and C its code. */
function wordsOf(payload: Buffer): string {
  const fields = payload.toString('utf8').split('\0');
  const field = (letter: string) => fields.find((one) => one.startsWith(letter))?.slice(1) ?? '';
  return `${told(field('M'))} (${told(field('C'))})`;
}

function messageOf(type: string, ...parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(4 + payload.length), payload]);
}

function int32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(number);
  return bytes;
}

const text = (words: string): Buffer => Buffer.from(`${words}\0`);
