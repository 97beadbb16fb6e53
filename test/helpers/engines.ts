/** The engines that the behaviour suite runs on. */
import { loadAddon } from '../../src/engine/native/addon.js';

export type EngineName = 'native' | 'stream';

const all: readonly EngineName[] = ['stream', 'native'];

/** Both, unless the environment names one of them: never fewer by accident. */
export const engines: readonly EngineName[] = chosen();

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
