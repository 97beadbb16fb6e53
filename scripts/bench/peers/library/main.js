/**
 * A Node program that uses the library, and blocks its event loop when it gets SIGUSR2.
 *
 * Arguments: where to listen; the server's address; who accepts; for how long to block, in ms.
 */
import { inRoot } from '../../../lib/root.js';

const [listen, backend, accept, blockedMs] = process.argv.slice(2);
// Not a plain import: the types must check in a checkout that has not been built.
const { createProxy } = await import(inRoot('dist', 'index.js'));

const options = { engine: 'native', threads: 1, accept };
const proxy = await createProxy({ listen, backends: [backend], ...options });
const [{ address, port }] = proxy.addresses();

process.on('SIGUSR2', () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(blockedMs));
});
console.log(`listening on ${address}:${port}`);
