/** Whether a server accepts a connection and, where asked, answers as it should. */
import type { CheckConfigOf } from '../../../model/health.js';
import type { Check } from './check.js';
import { type Conversation, converse } from './conversation.js';
import { quoted } from './reason.js';

export function tcpCheck({ send, expect }: CheckConfigOf<'tcp'>): Check {
  const toSend = send === undefined ? undefined : bytesOf(send);
  const wanted = expect === undefined ? undefined : bytesOf(expect);
  const what = quoted(expect ?? '');
  return (target, signal) =>
    converse(target, signal, async (conversation) => {
      if (toSend !== undefined) conversation.send(toSend);
      if (wanted !== undefined) await find(conversation, wanted, what);
      await conversation.end();
      return '';
    });
}

async function find(conversation: Conversation, wanted: Buffer, what: string): Promise<void> {
  let searched = 0;
  await conversation.receive(what, (received) => {
    const at = received.indexOf(wanted, searched);
    if (at >= 0) return { value: undefined, bytes: at + wanted.length };
    // It may have begun at the very end.
    searched = Math.max(0, received.length - wanted.length + 1);
    return undefined;
  });
}

/** @param text as it is, or `hex:` and two digits for each byte */
function bytesOf(text: string): Buffer {
  const [, hex] = /^hex:(.*)$/.exec(text) ?? [];
  return hex === undefined ? Buffer.from(text) : Buffer.from(hex, 'hex');
}
