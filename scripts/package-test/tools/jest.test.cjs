/** CommonJS, as Jest runs tests where nothing else is said. */
const { createProxy, SplicewayError } = require('spliceway');
const { relay } = require('./relay.cjs');

// Jest's are globals, but for `jest` itself.
const { expect, test } = /** @type {any} */ (globalThis);
// @ts-expect-error It is no package of this checkout.
const fakes = jest;

test('relays', async () => {
  expect(await relay(createProxy)).toBe('native');
});

test('an error is of its class, and an Error', async () => {
  const refused = createProxy({ listen: 'nonsense', backends: [] });
  const error = await refused.catch((reason) => reason);
  expect(error).toBeInstanceOf(SplicewayError);
  expect(error).toBeInstanceOf(Error);
});

test('faked timers do not stop a proxy', async () => {
  fakes.useFakeTimers();
  try {
    const proxy = await createProxy({ listen: '127.0.0.1:0', backends: ['127.0.0.1:9'] });
    await proxy.close({ drain: '1s' });
  } finally {
    fakes.useRealTimers();
  }
});
