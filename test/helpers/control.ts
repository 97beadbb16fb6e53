/** Control sockets under test, and requests to them as any HTTP client makes them. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { type ControlClient, connectControl } from '../../src/control/client.js';
import { createControl } from '../../src/control/create.js';
import type { Control, ControlOptions } from '../../src/control/types.js';
import type { Proxy as RunningProxy } from '../../src/proxy/proxy.js';
import { within } from './deadline.js';
import { tempPath } from './temp.js';

export interface TestControl {
  readonly control: Control;
  readonly client: ControlClient;
}

export async function startControl(
  proxy: RunningProxy,
  options: Partial<ControlOptions> = {},
): Promise<TestControl> {
  const control = await createControl(proxy, { path: tempPath('control.sock'), ...options });
  onTestFinished(() => control.close());
  return { control, client: connectControl(control.path) };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  readonly body: any;
}

/** One request, on a connection of its own. */
export async function ask(
  control: Pick<Control, 'path'>,
  line: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const [method = '', path = ''] = line.split(' ');
  const type: Record<string, string> =
    body === undefined ? {} : { 'Content-Type': 'application/json' };
  const sent = request({
    socketPath: control.path,
    method,
    path,
    agent: false,
    headers: { ...type, ...headers },
  });
  // It may be refused before all of it is sent.
  sent.on('error', () => {});
  const answered = once(sent, 'response');
  sent.end(typeof body === 'string' ? body : JSON.stringify(body));
  const [answer] = (await within('an answer', answered)) as [IncomingMessage];
  const said = await within('the whole answer', text(answer));
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body: said === '' ? undefined : JSON.parse(said),
  };
}

/** A connection that says what a test has it say, destroyed when the test ends. */
export async function connectTo(to: NetConnectOpts): Promise<Socket> {
  const socket = connect(to);
  socket.on('error', () => {});
  onTestFinished(() => {
    socket.destroy();
  });
  await within('a connection', once(socket, 'connect'));
  return socket;
}

/** The end of a connection, in order or not. */
export function closeOf(socket: Socket): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
  return within('the end of a connection', closed);
}
