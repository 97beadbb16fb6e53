import { createRequire } from 'node:module';
import * as spliceway from 'spliceway';
import { afterEach, expect, test, vi } from 'vitest';
import { relay } from './relay.cjs';

afterEach(() => {
  vi.useRealTimers();
});

test('relays', async () => {
  expect(await relay(spliceway.createProxy)).toBe('native');
});

test('faked timers do not stop a proxy', async () => {
  vi.useFakeTimers();
  const options = { listen: '127.0.0.1:0', backends: ['127.0.0.1:9'] };
  const proxy = await spliceway.createProxy(options);
  await proxy.close({ drain: '1s' });
});

test('require() gives what import gives', () => {
  const required = createRequire(import.meta.url)('spliceway');
  expect(required.SplicewayError).toBe(spliceway.SplicewayError);
});
