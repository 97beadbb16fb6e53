/** Limits of sessions: of the whole proxy, of a backend, of one client's address. */
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { until, within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startEcho } from './helpers/servers.js';
import { connect, readAll, readExactly, socketPair } from './helpers/sockets.js';

describe.each(ways)('maxSessions with %s', (way) => {
  it('holds clients back who come when all sessions are open, and serves them in their turn', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessions: 2,
    });
    const paused = once(proxy, 'listenerPaused');
    const resumed = once(proxy, 'listenerResumed');
    const clients = [];
    for (let index = 0; index < 6; index++) {
      const client = await connect(portOf(proxy));
      client.write(`${index}`);
      clients.push(client);
    }
    expect(await within('the pause', paused)).toEqual([
      { reason: '2 sessions are open, as many as maxSessions allows', openSessions: 2 },
    ]);
    for (const [index, client] of clients.entries()) {
      expect(String(await readExactly(client, 1))).toBe(`${index}`);
      expect(proxy.stats().sessions.open).toBeLessThanOrEqual(2);
      client.end();
      await readAll(client);
    }
    await within('the listener', resumed);
    expect(proxy.stats().sessions).toMatchObject({ opened: 6, failed: 0 });
  });

  it('counts what handoff() is given, and refuses it when all sessions are open', async () => {
    const proxy = await startProxy(way, {
      backends: [(await startEcho()).address],
      maxSessions: 1,
    });
    const first = await socketPair();
    proxy.handoff(first.near);
    const second = await socketPair();
    expect(() => proxy.handoff(second.near)).toThrow(
      expect.objectContaining({
        code: 'ERR_SPLICEWAY_RESOURCE_LIMIT',
        message:
          'the session could not be taken over: 1 session is open, as many as maxSessions allows; ' +
          'wait for some to end, or raise maxSessions',
      }),
    );
    expect(second.near.destroyed).toBe(false);
    first.far.end();
    await readAll(first.far);
    await until('room', () => proxy.stats().sessions.open === 0);
    second.far.write('x');
    await until('the handoff', () => {
      try {
        proxy.handoff(second.near);
        return true;
      } catch {
        return false;
      }
    });
    expect(String(await readExactly(second.far, 1))).toBe('x');
  });
});

// The stream engine has no figure of its own.
describe.each(ways.filter((way) => way !== 'stream'))(
  'more than the machine allows with %s',
  (way) => {
    it('is what the descriptors allow, with a warning', async () => {
      const proxy = await startProxy(way, {
        backends: [(await startEcho()).address],
        maxSessions: 1_048_576,
      });
      const [message] = await within('the warning', once(proxy, 'warning'));
      expect(message).toMatch(
        /^maxSessions is 1048576, but the file descriptors allow \d+ sessions; raise the limit/,
      );
    });
  },
);
