import { existsSync } from 'node:fs';
import { openFileLimit } from '../../lib/limits.js';
import { childOf } from '../measure/process-usage.js';
import { startConfigured } from './configured.js';
import { formatAddress } from './peer.js';

/** @import { Peer } from './peer.js' */

/** Debian has it in a package of its own, and not compiled in. */
const streamModule = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** @type {Peer} */
export const nginx = {
  name: 'nginx',
  title: 'nginx stream',
  kind: 'rival',
  needs: { nginx: 'nginx libnginx-mod-stream' },
  async start({ server, listenHost, namespace }) {
    const { pid, ...running } = await startConfigured({
      role: 'proxy',
      program: 'nginx',
      host: listenHost,
      namespace,
      args: (folder, file) => ['-e', 'stderr', '-p', folder, '-c', file],
      configuration: (folder, port) => `
${existsSync(streamModule) ? `load_module ${streamModule};` : ''}
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections ${Math.min(openFileLimit()?.hard ?? 1024, 1_000_000)}; }
stream {
  server {
    listen ${formatAddress({ host: listenHost, port })};
    proxy_pass ${formatAddress(server)};
    proxy_connect_timeout 10s;
    proxy_timeout 1h;
  }
}
`,
    });
    // The bytes are moved by the worker; its master sleeps.
    return { ...running, pid: await childOf(pid) };
  },
};
