/** The control socket before it serves a proxy, and at the limits of what it takes. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectControl } from '../src/control/client.js';
import { claimControl } from '../src/control/create.js';
import { ask, closeOf, connectTo, startControl } from './helpers/control.js';
import { until, within } from './helpers/deadline.js';
import { type RunningProxy, startProxy } from './helpers/proxies.js';
import { tempPath } from './helpers/temp.js';

const head = (line: string, length: number) =>
  `${line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;

/** The answers that servers of this process owe from now on, by the method that they were asked by. */
function watchRequests(): ReadonlyMap<string, ServerResponse> {
  const asked = new Map<string, ServerResponse>();
  const note = (message: unknown): void => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse };
    asked.set(request.method ?? '', response);
  };
  subscribe('http.server.request.start', note);
  onTestFinished(() => {
    unsubscribe('http.server.request.start', note);
  });
  return asked;
}

describe('a socket that was claimed', () => {
  it('has its path, and answers when it serves a proxy', async () => {
    const path = tempPath('control.sock');
    const claimed = await claimControl(path);
    onTestFinished(() => claimed.close());
    await expect(claimControl(path)).rejects.toMatchObject({
      code: 'ERR_SPLICEWAY_LISTEN',
      systemCode: 'EADDRINUSE',
    });
    const asked = watchRequests();
    const early = connectControl(path).status();
    const gone = await connectTo({ path });
    gone.write(`${head('PATCH /v1/pools/default/backends/a', 12)}{"weight":7}`);
    await until('both have asked', () => asked.size === 2);
    gone.destroy();
    const unheard = asked.get('PATCH') as ServerResponse;
    await until('one has left', () => unheard.destroyed);
    const proxy = await startProxy('stream', { backends: ['127.0.0.1:9,name=a'] });
    const control = claimed.serve(proxy, { name: 'edge' });
    expect(control.path).toBe(path);
    expect(await within('an answer', early)).toMatchObject({ name: 'edge', generation: 1 });
    expect(await ask(control, 'GET /v1/status')).toMatchObject({ body: { generation: 1 } });
    await control.close();
    expect(existsSync(path)).toBe(false);
  });

  it('and is not to serve lets go of its path and of whoever waits', async () => {
    const path = tempPath('control.sock');
    const claimed = await claimControl(path);
    const early = connectControl(path).status();
    early.catch(() => {});
    const idle = await connectTo({ path });
    const ended = closeOf(idle.resume());
    await within('its end', claimed.close());
    await ended;
    await expect(early).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_CONTROL_FAILED' });
    expect(existsSync(path)).toBe(false);
  });
});

/** Options that run already, as a body of so many bytes. */
function padded(proxy: RunningProxy, bytes: number): string {
  const text = JSON.stringify(proxy.options);
  return text + ' '.repeat(bytes - text.length);
}

describe('a large body', () => {
  const LARGE = 100_000;
  const PART = 70_000;

  /** A proxy, and its control socket, to which a large body comes: the first part of it. */
  async function start() {
    const proxy = await startProxy('stream', { backends: ['127.0.0.1:9,name=a'] });
    const { control } = await startControl(proxy);
    const body = padded(proxy, LARGE);
    const begin = async () => {
      const socket = (await connectTo(control)).setEncoding('utf8');
      const answer = once(socket, 'data').then(([text]) => text as string);
      answer.catch(() => {});
      socket.write(head('PUT /v1/config', LARGE) + body.slice(0, PART));
      return { socket, answer };
    };
    // One of two is refused. Which is not for a test to say.
    const both = [await begin(), await begin()] as const;
    const refusals = both.map(({ answer }, index) => answer.then((text) => ({ text, index })));
    const refused = await within('a refusal', Promise.race(refusals));
    const tryOut = (what: unknown) => ask(control, 'PUT /v1/config?dry-run', what);
    return { proxy, body, tryOut, refusal: refused.text, held: both[1 - refused.index] ?? both[0] };
  }

  it('is in memory alone: another one is refused until its change is made', async () => {
    const { proxy, body, tryOut, refusal, held } = await start();
    expect(refusal).toMatch(/^HTTP\/1\.1 503 [\s\S]*"ERR_SPLICEWAY_TOO_MANY_REQUESTS"/);
    expect((await tryOut(body)).status).toBe(503);
    // Small ones are served meanwhile.
    expect((await tryOut(proxy.options)).status).toBe(200);
    held.socket.write(body.slice(PART));
    expect(await within('an answer', held.answer)).toMatch(/^HTTP\/1\.1 200 /);
    // Whatever comes of one, the next has the place.
    expect((await tryOut(body.replace('"a"', '1'))).status).toBe(422);
    expect((await tryOut(`${body}}`)).status).toBe(400);
    expect((await tryOut(body)).status).toBe(200);
  });

  it('that is cut leaves its place to the next', async () => {
    const { body, tryOut, held } = await start();
    held.socket.destroy();
    let status = 503;
    while (status === 503) ({ status } = await tryOut(body));
    expect(status).toBe(200);
  });
});

describe('a request without a host', () => {
  it.each(['1.0', '1.1'])('of HTTP/%s is told why it is refused', async (version) => {
    const { control } = await startControl(
      await startProxy('stream', { backends: ['127.0.0.1:9'] }),
    );
    const socket = await connectTo(control);
    const answer = text(socket);
    socket.end(`GET /v1/status HTTP/${version}\r\n\r\n`);
    const [top = '', body = ''] = (await within('an answer', answer)).split('\r\n\r\n');
    expect(top).toMatch(/^HTTP\/1\.1 400 /);
    expect(top).toMatch(/^content-type: application\/problem\+json$/im);
    expect(JSON.parse(body)).toMatchObject({
      status: 400,
      code: 'ERR_SPLICEWAY_INVALID_REQUEST',
      detail: expect.stringContaining('with a Host header'),
    });
  });

  it('is served with one, whatever the version', async () => {
    const { control } = await startControl(
      await startProxy('stream', { backends: ['127.0.0.1:9'] }),
    );
    const socket = await connectTo(control);
    const answer = text(socket);
    socket.end('GET /v1/status HTTP/1.0\r\nHost: x\r\n\r\n');
    expect(await within('an answer', answer)).toMatch(/^HTTP\/1\.1 200 [\s\S]*"generation":1/);
  });
});
