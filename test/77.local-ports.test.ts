/** Local ports run out: a network of its own has four of them for each address that one may connect to. */
import { describe, expect } from 'vitest';
import { optionsOf, type Way, ways } from './helpers/engines.js';
import { fourPorts, holdingServer, ownNetwork, runInOwnNetwork } from './helpers/own-network.js';
import { itWhere } from './helpers/where.js';

const start = (way: Way, backends: readonly string[]) => `
  ${holdingServer(`...${JSON.stringify({ ...optionsOf(way), backends })}, listen: ':5555'`)}
  const come = (host) => {
    const client = connect(5555, '127.0.0.' + host).on('error', () => {});
    clients.push(client);
    return client;
  };
`;

/** Six clients of one backend, which holds the first four until the others have been warned of. Prints what was told. */
const sixClients = (way: Way) => `
  ${start(way, ['127.0.0.1:7000'])}
  const warned = once(proxy, 'warning');
  let gone = 0;
  for (const host of [1, 2, 3, 4, 5, 6]) {
    come(host).on('close', () => {
      gone += 1;
      server.emit('gone');
    });
  }
  await holds(4);
  const [warning] = await warned;
  // Only the loops have clients wait for a port.
  if (${way !== 'native'}) while (gone < 2) await once(server, 'gone');
  // Of a connection that is reset, no port stays in TIME-WAIT.
  for (const socket of held.slice(0, 4)) socket.resetAndDestroy();
  if (${way === 'native'}) await holds(6);
  const [{ failed, noPort, health }] = proxy.stats().backends;
  await end({ warning, failed, hasNoPort: noPort > 0, health: health.status });
`;

/** A client of two backends, the first one at an address that this machine has no way to. */
const twoBackends = (way: Way) => `
  ${start(way, ['[::1]:7000', '127.0.0.1:7000'])}
  const told = once(proxy, 'backendError');
  come(1);
  await holds(1);
  await told;
  const [{ failed, noPort }] = proxy.stats().backends;
  await end({ failed, noPort });
`;

describe.each(ways)('without a local port, with %s,', (way) => {
  itWhere(ownNetwork, 'no backend is blamed, and a warning says what to do', async () => {
    const told = await runInOwnNetwork(fourPorts, sixClients(way));
    expect(told).toMatchObject({ failed: 0, errors: [], hasNoPort: true, health: 'up' });
    expect(told.warning).toMatch(
      /^no local port was left for \d+ connections? to backend 127.0.0.1:7000 at 127.0.0.1:7000;/,
    );
    expect(told.warning).toContain('net.ipv4.ip_local_port_range');
  });

  itWhere(
    ownNetwork,
    'a backend fails where this machine has no address to connect from',
    async () => {
      const without = 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6';
      const told = await runInOwnNetwork(without, twoBackends(way));
      expect(told).toMatchObject({ failed: 1, noPort: 0 });
      expect(told.errors[0]).toContain('EADDRNOTAVAIL');
    },
  );
});
