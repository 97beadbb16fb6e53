/** Proxies under test, closed when the test ends. */
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import type { LongOptions, ShortOptions } from '../../src/config/options.js';
import { parseOptions } from '../../src/config/schema.js';
import type { ProxyInternals } from '../../src/proxy/assembly.js';
import { createProxyFromConfig } from '../../src/proxy/create.js';
import type { Proxy as RunningProxy } from '../../src/proxy/proxy.js';
import type { Session, SessionSummary } from '../../src/session/session.js';
import { within } from './deadline.js';
import { optionsOf, type Way } from './engines.js';
import { connect, readAll } from './sockets.js';

export type { RunningProxy };

/** What a test says of its proxy; it listens on any free port of 127.0.0.1, with two loops. */
export type TestOptions = Omit<ShortOptions, 'engine' | 'accept'>;

/** The same in the long form, which says itself where it listens. */
export type TestServices = Omit<LongOptions, 'engine' | 'accept'>;

export async function startProxy(
  way: Way,
  options: TestOptions | TestServices,
  internals?: ProxyInternals,
): Promise<RunningProxy> {
  const where = 'pools' in options ? {} : { listen: '127.0.0.1:0' };
  const config = parseOptions({ ...where, threads: 2, ...options, ...optionsOf(way) });
  const proxy = await createProxyFromConfig(config, internals);
  onTestFinished(() => proxy.close());
  return proxy;
}

/** The port of the first listener. */
export function portOf(proxy: RunningProxy): number {
  return proxy.addresses()[0]?.port ?? 0;
}

/** The port of the first address of a listener. */
export function portOfListener(proxy: RunningProxy, name: string): number {
  return proxy.listener(name).addresses[0]?.port ?? 0;
}

/** The next session that begins. Ask before the client connects. */
export function nextSession(proxy: RunningProxy): Promise<Session> {
  return expected(
    within('a session', once(proxy, 'session')).then(([session]) => session as Session),
  );
}

/** The summary of the next session that begins. Ask before the client connects. */
export function nextSummary(proxy: RunningProxy): Promise<SessionSummary> {
  return expected(
    nextSession(proxy).then((session) => within('the end of the session', session.closed)),
  );
}

/** A test that fails before it awaits this must not fail a second time. */
function expected<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}

/** One client after the other; what each was told. */
export async function askInTurn(proxy: RunningProxy, clients: number): Promise<string> {
  let answers = '';
  for (let index = 0; index < clients; index++) {
    const client = await connect(portOf(proxy));
    client.end();
    answers += String(await readAll(client));
  }
  return answers;
}
