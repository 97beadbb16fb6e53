/** Clients that mean no good or are broken: they say whatever bytes there are. */
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { Random } from '../../scripts/lib/random.js';
import { closeOf } from './control.js';
import { within } from './deadline.js';

/** All that is answered until the connection is closed. */
export async function untilClosed(socket: Socket): Promise<string> {
  let said = '';
  socket.setEncoding('latin1').on('data', (data: string) => {
    said += data;
  });
  await closeOf(socket);
  return said;
}

/** Sends bytes, ends, and reads what comes. */
export async function tell(to: NetConnectOpts, bytes: string): Promise<string> {
  const socket = connect(to);
  socket.on('error', () => {});
  socket.write(bytes, 'latin1');
  // Not end(): a half of a connection that is closed would be answered nothing.
  const closed = untilClosed(socket);
  const finished = new Promise<void>((resolve) => {
    socket.on('data', () => resolve());
    socket.on('close', () => resolve());
  });
  await within('an answer, or the end', finished);
  socket.destroy();
  return await closed;
}

/** A request with some of its bytes cut, doubled, or another. */
export function mutate(request: string, random: Random): string {
  let bytes = request;
  for (let edits = random.between(1, 4); edits > 0; edits--) {
    const at = random.between(0, bytes.length);
    const [before, after] = [bytes.slice(0, at), bytes.slice(at)];
    const length = random.logarithmic(1, 40);
    switch (random.between(0, 4)) {
      case 0:
        bytes = before + after.slice(length);
        break;
      case 1:
        bytes = before + after.slice(0, length) + after;
        break;
      case 2:
        bytes = before + String.fromCharCode(random.between(0, 255)) + after.slice(1);
        break;
      case 3:
        bytes = before + '9'.repeat(length) + after;
        break;
      default:
        bytes = before;
    }
  }
  return bytes;
}

/** Of any kind: some wait for more, so nobody waits for their answers. */
export async function send(to: NetConnectOpts, bytes: string): Promise<void> {
  const socket = connect(to);
  socket.on('error', () => {});
  socket.resume();
  socket.end(bytes, 'latin1');
  await closeOf(socket);
}
