/** Events of one session come in different turns: who awaits between two of them misses none. */
import { on, once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Session } from '../src/session/session.js';
import { within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { refusedAddress, startEcho } from './helpers/servers.js';
import { connect, readAll } from './helpers/sockets.js';

describe.each(ways)('events of a session with %s', (way) => {
  it('open and close reach who iterates over sessions and awaits before listening', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const sessions = on(proxy, 'session');
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect(portOf(proxy))));
    for (const client of clients) client.end('x');
    const follow = async (session: Session) => {
      await once(session, 'open');
      await once(session, 'close');
      return session.state;
    };
    const seen: Promise<string>[] = [];
    for await (const [session] of sessions) {
      seen.push(within('open and close', follow(session as Session)));
      if (seen.length === clients.length) break;
    }
    expect(await Promise.all(seen)).toEqual(clients.map(() => 'closed'));
    await Promise.all(clients.map((client) => readAll(client)));
  });

  it('error and close come one after the other, and noBackend before both', async () => {
    const proxy = await startProxy(way, { backends: [await refusedAddress()] });
    const failed = within('noBackend', once(proxy, 'noBackend'));
    await connect(portOf(proxy));
    const [{ session }] = (await failed) as [{ session: Session }];
    expect(session.state).toBe('connecting');
    await within('error', new Promise((resolve) => session.once('error', resolve)));
    const [{ reason }] = await within('close', once(session, 'close'));
    expect(reason).toBe('no-backend');
  });

  it('close is told of every session before close() of the proxy resolves', async () => {
    const proxy = await startProxy(way, { backends: [(await startEcho()).address] });
    const told: string[] = [];
    proxy.on('session', (session) => {
      session.on('open', () => told.push('open'));
      session.on('error', () => told.push('error'));
      session.on('close', () => told.push('close'));
    });
    const started = within('a session', once(proxy, 'session'));
    await connect(portOf(proxy));
    const [session] = (await started) as [Session];
    await within('open', once(session, 'open'));
    await proxy.close();
    expect(told).toEqual(['open', 'error', 'close']);
  });
});
