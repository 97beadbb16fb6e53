/** The control socket before it serves a proxy. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { existsSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectControl } from '../src/control/client.js';
import { claimControl } from '../src/control/create.js';
import { ask, closeOf, connectTo } from './helpers/control.js';
import { until, within } from './helpers/deadline.js';
import { startProxy } from './helpers/proxies.js';
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
