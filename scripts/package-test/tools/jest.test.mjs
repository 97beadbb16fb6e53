/** An ES module: `node --experimental-vm-modules node_modules/jest/bin/jest.js`. */
import { createProxy, SplicewayError } from 'spliceway';
import { relay } from './relay.cjs';

const { expect, test } = /** @type {any} */ (globalThis);

test('relays, and an error is of its class', async () => {
  expect(await relay(createProxy)).toBe('native');
  const refused = createProxy({ listen: 'nonsense', backends: [] });
  expect(await refused.catch((reason) => reason)).toBeInstanceOf(SplicewayError);
});
