/** Status addresses under test, and requests to them as any HTTP client makes them. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { createStatus } from '../../src/control/status/create.js';
import type { StatusAddress, StatusOptions } from '../../src/control/status/types.js';
import type { Proxy as RunningProxy } from '../../src/proxy/proxy.js';
import type { RunningCommand } from './cli.js';
import { within } from './deadline.js';

export interface Said {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: any JSON
  readonly body: any;
}

/** On any port of 127.0.0.1, unless the options say otherwise. */
export async function startStatus(
  proxy: RunningProxy,
  options: Partial<StatusOptions> = {},
): Promise<StatusAddress> {
  const status = await createStatus(proxy, { address: '127.0.0.1:0', ...options });
  onTestFinished(() => status.close());
  return status;
}

/** Where a command says that its status address is. */
export async function placeOf(command: RunningCommand): Promise<Pick<StatusAddress, 'address'>> {
  const said = /"msg":"status address: http:\/\/([^"]+):(\d+)\/"/;
  const [, host = '', port] = await command.waitFor('stderr', said);
  return { address: { address: host.replace(/[[\]]/g, ''), port: Number(port), family: 'IPv4' } };
}

/** One request, on a connection of its own. */
export async function get(
  { address: { address: host, port } }: Pick<StatusAddress, 'address'>,
  path: string,
  { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Said> {
  const sent = request({ host, port, path, method, agent: false, headers });
  // It may also be cut off within the answer.
  sent.on('error', () => {});
  const answered = once(sent, 'response');
  sent.end();
  const [answer] = (await within('an answer', answered)) as [IncomingMessage];
  const said = await within('the whole answer', text(answer));
  const isJson = answer.headers['content-type']?.includes('json') === true && said !== '';
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: said,
    body: isJson ? JSON.parse(said) : undefined,
  };
}

/** Values by the name of their series, with its labels as they are written. */
export function seriesIn(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const series = lines.map((line) => {
    const at = line.lastIndexOf(' ');
    return [line.slice(0, at), Number(line.slice(at + 1))] as const;
  });
  const found = new Map(series);
  if (found.size < series.length) throw new Error('two series have the same labels');
  return found;
}

/** The series of all metrics, or of some. */
export async function scrape(
  status: StatusAddress,
  query = '',
): Promise<ReadonlyMap<string, number>> {
  const { status: code, text: said } = await get(status, `/metrics${query}`);
  if (code !== 200) throw new Error(`${code}: ${said}`);
  return seriesIn(said);
}
