import { startConfigured } from '../peers/configured.js';
import { onLoopback } from './workload.js';

const bodyBytes = 64;

/**
 * @param {string} [host] where it listens
 * @returns {Promise<import('./workload.js').RunningServer>} an HTTP server with one small answer
 */
export async function startNginx(host = '127.0.0.1') {
  const { port, stop } = await startConfigured({
    role: 'load',
    program: 'nginx',
    host: '127.0.0.1',
    args: (folder, file) => ['-e', 'stderr', '-p', folder, '-c', file],
    configuration: (folder, port) => `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/pid;
error_log stderr;
events { worker_connections 1024; }
http {
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ')}
  access_log off;
  keepalive_requests 1000000000;
  server { listen ${host}:${port}; location / { return 200 "${'x'.repeat(bodyBytes)}"; } }
}
`,
  });
  return onLoopback(port, stop);
}
