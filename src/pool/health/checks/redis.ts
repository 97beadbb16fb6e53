/**
 * Whether a Redis server answers, and what it is. The protocol is RESP 2, which every version and its relatives speak:
 * https://redis.io/docs/latest/develop/reference/protocol-spec/
 */
import type { CheckConfigOf } from '../../../model/health.js';
import type { Check } from './check.js';
import { type Conversation, converse, type Found, MOST_BYTES } from './conversation.js';
import { quoted, told } from './reason.js';
import { checkRole } from './role.js';

const CRLF = '\r\n';

export function redisCheck({ username, password, role }: CheckConfigOf<'redis'>): Check {
  return (target, signal) =>
    converse(target, signal, async (conversation) => {
      if (password !== undefined) {
        const account = username === undefined ? [password] : [username, password];
        await expectText(conversation, ['AUTH', ...account], 'OK');
      }
      await expectText(conversation, ['PING'], 'PONG');
      const found = role === undefined ? '' : checkRole(role, ...(await roleOf(conversation)));
      await conversation.end();
      return found;
    });
}

async function expectText(
  conversation: Conversation,
  command: readonly string[],
  wanted: string,
): Promise<void> {
  const answer = await ask(conversation, command);
  if (answer !== wanted)
    throw new Error(`${command[0]}: expected ${wanted}, got ${quoted(answer)}`);
}

/** What it is, and what it said of that. */
async function roleOf(conversation: Conversation): Promise<['primary' | 'replica', string]> {
  const answer = await ask(conversation, ['INFO', 'replication']);
  const [, role = ''] = /^role:(\w+)/m.exec(answer) ?? [];
  if (role === 'master') return ['primary', 'role is master'];
  if (role === 'slave') return ['replica', 'role is slave'];
  throw new Error(`INFO replication: expected a role, got ${quoted(answer)}`);
}

/** @throws what it answers with an error */
async function ask(conversation: Conversation, command: readonly string[]): Promise<string> {
  const parts = command.map((part) => `$${Buffer.byteLength(part)}${CRLF}${part}${CRLF}`);
  conversation.send(`*${command.length}${CRLF}${parts.join('')}`);
  const [name] = command;
  return await conversation.receive(`the answer to ${name}`, (received) => {
    const found = findReply(received);
    if (found?.value.isError) throw new Error(`${name}: ${found.value.text}`);
    return found && { value: found.value.text, bytes: found.bytes };
  });
}

interface Reply {
  readonly text: string;
  readonly isError: boolean;
}

/** A simple string, an error or a bulk string; nothing else answers these commands. */
function findReply(received: Buffer): Found<Reply> | undefined {
  if (received.length === 0) return undefined;
  const kind = received.toString('latin1', 0, 1);
  if (!'+-$'.includes(kind)) {
    throw new Error(`expected Redis, got ${quoted(received.toString('latin1'))}`);
  }
  const lineEnd = received.indexOf(CRLF);
  if (lineEnd < 0) return undefined;
  const line = received.toString('utf8', 1, lineEnd);
  const bytes = lineEnd + CRLF.length;
  if (kind === '$') return findBulk(received, line, bytes);
  return { value: { text: told(line), isError: kind === '-' }, bytes };
}

function findBulk(received: Buffer, size: string, from: number): Found<Reply> | undefined {
  const length = Number(size);
  if (!Number.isInteger(length) || length < 0 || length > MOST_BYTES) {
    throw new Error(`expected the length of a text, got ${quoted(size)}`);
  }
  const to = from + length;
  if (received.length < to + CRLF.length) return undefined;
  const text = received.toString('utf8', from, to);
  return { value: { text, isError: false }, bytes: to + CRLF.length };
}
