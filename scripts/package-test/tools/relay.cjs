/** What each tool has to get to work: a proxy that relays. */

// Not by require(), which a bundle of ES modules does not know.
const { once } = process.getBuiltinModule('node:events');
const net = process.getBuiltinModule('node:net');
const { text } = process.getBuiltinModule('node:stream/consumers');

/**
 * @param {typeof import('spliceway').createProxy} createProxy
 * @returns {Promise<string>} the engine that relayed
 */
exports.relay = async (createProxy) => {
  const backend = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (backend.address());
  const proxy = await createProxy({
    listen: '127.0.0.1:0',
    backends: [`127.0.0.1:${port}`],
  });
  const client = net.connect(/** @type {number} */ (proxy.addresses()[0]?.port), '127.0.0.1');
  client.end('hello');
  const answer = await text(client);
  if (answer !== 'hello') throw new Error(`${answer} came back`);
  await proxy.close({ drain: '5s' });
  backend.close();
  return proxy.engine.name;
};
