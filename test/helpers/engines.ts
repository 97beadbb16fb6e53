/** The engines that the behaviour suite runs on, and who accepts for them. */
import type { ProxyOptions } from '../../src/config/options.js';
import { loadAddon } from '../../src/engine/native/addon.js';

export type EngineName = 'native' | 'stream';

const all: readonly EngineName[] = ['stream', 'native'];

/** Both, unless the environment names one of them: never fewer by accident. */
export const engines: readonly EngineName[] = chosen();

/** An engine, or the native one behind Node's `net.Server`. */
export type Way = EngineName | 'native behind node';

/** For what does not depend on who accepts, `engines` will do. */
export const ways: readonly Way[] = engines.flatMap((engine): Way[] =>
  engine === 'native' ? ['native', 'native behind node'] : [engine],
);

export function engineOf(way: Way): EngineName {
  return way === 'stream' ? 'stream' : 'native';
}

/** The options that make a proxy go this way. */
export function optionsOf(way: Way): Pick<ProxyOptions, 'engine' | 'accept'> {
  return { engine: engineOf(way), accept: way === 'native' ? 'native' : 'node' };
}

function chosen(): readonly EngineName[] {
  const wanted = process.env.SPLICEWAY_TEST_ENGINES?.split(',') ?? all;
  const names = all.filter((name) => wanted.includes(name));
  if (names.length !== wanted.length) {
    throw new Error(`SPLICEWAY_TEST_ENGINES is "${wanted}"; write stream, native or both`);
  }
  const addon = loadAddon();
  if (names.includes('native') && !addon.ok) {
    throw new Error(`no native engine to test: ${addon.reason}; run npm run build:addon first`);
  }
  return names;
}
