/** Transfers over three network namespaces, in segments of the size that a real network has. */
import { startNetwork } from '../../lib/network.js';
import { needsLoadProgram, runLoadProgram, startLoadServer } from './load-program.js';
import { measureFlow } from './units.js';
import { sideBySide, withoutNamespaces } from './workload.js';

/** @import { Workload } from './workload.js' */

const transferMebibytes = 64;

/** @type {Workload} */
export const networkTransfers = {
  name: 'network-transfers',
  title: `transfers of ${transferMebibytes} MiB over three hosts, MTU 1500, no offloading`,
  unit: 'bytes',
  needs: { ...needsLoadProgram, ip: 'iproute2', ethtool: 'ethtool' },
  impossible: withoutNamespaces,
  peers: sideBySide,

  async startServer() {
    const network = await startNetwork();
    try {
      const { port, stop } = await startLoadServer(network.serverHost, network.server);
      return {
        address: { host: network.serverHost, port },
        listenHost: network.proxyHost,
        proxyNamespace: network.proxy,
        clientNamespace: network.client,
        stop: () => stop().finally(network.remove),
      };
    } catch (error) {
      network.remove();
      throw error;
    }
  },

  measure: (target) =>
    measureFlow('bytes', target.pid, async () => {
      const size = transferMebibytes * 1024 * 1024;
      const report = await runLoadProgram('transfer', target, [target.seconds, size]);
      return { amount: report.bytes ?? 0, seconds: report.seconds ?? Number.NaN };
    }),
};
