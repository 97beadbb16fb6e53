/**
 * Balances backends on one port, says who comes and goes, and stops as a service should.
 *
 *   node balance.mjs 127.0.0.1:5555 127.0.0.1:3306 127.0.0.1:3307
 */
import { createProxy } from 'spliceway';

const [listen, ...backends] = process.argv.slice(2);
const proxy = await createProxy({ listen, backends, connectTimeout: '2s' });

proxy.on('session', (session) => {
  session.on('open', (backend) => console.log(`${session.id} goes to ${backend}`));
  session.on('close', ({ reason, bytesUpstream, bytesDownstream }) => {
    console.log(`${session.id} ${reason}: ${bytesUpstream} bytes up, ${bytesDownstream} down`);
  });
});
proxy.on('backendError', ({ backend, error }) => console.warn(`${backend}: ${error.message}`));
for (const { address, port } of proxy.addresses()) console.log(`listening on ${address}:${port}`);

process.once('SIGTERM', async () => {
  await proxy.close({ drain: '30s' });
  console.log(`served ${proxy.stats().sessions.opened} sessions`);
});
