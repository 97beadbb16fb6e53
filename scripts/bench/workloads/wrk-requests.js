import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { accepts, freePort } from '../../lib/port.js';
import { findProgram } from '../../lib/run.js';
import { runLoad, startProgram } from '../measure/process.js';

/** @import { Workload } from './workload.js' */

const bodyBytes = 64;

/**
 * @param {string} folder
 * @param {number} port
 */
const configuration = (folder, port) => `
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
    server { listen 127.0.0.1:${port}; location / { return 200 "${'x'.repeat(bodyBytes)}"; } }
  }
`;

/** @param {string} text such as 812.00us, 1.25ms, 2.00s @returns {number} milliseconds */
function milliseconds(text) {
  const scale = text.endsWith('us') ? 0.001 : text.endsWith('ms') ? 1 : 1000;
  return Number.parseFloat(text) * scale;
}

/**
 * The same kind of load as with Redis, for machines without it: small requests over open connections.
 *
 * @param {number} connections
 * @returns {Workload}
 */
const requests = (connections) => ({
  name: `http-requests-${connections}`,
  title: `HTTP answers of ${bodyBytes} bytes, ${connections === 1 ? '1 client' : `${connections} clients`} (wrk)`,
  unit: 'requests',
  needs: { nginx: 'nginx', wrk: 'wrk' },

  async startServer() {
    const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-bench-'));
    const port = await freePort();
    const file = path.join(folder, 'nginx.conf');
    writeFileSync(file, configuration(folder, port));
    const args = ['-e', 'stderr', '-p', folder, '-c', file];
    const nginx = findProgram('nginx') ?? 'nginx';
    const server = await startProgram('load', nginx, args, () => accepts(port));
    const stop = async () => {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return { port, stop };
  },

  async measure({ port, seconds }) {
    const output = await runLoad('wrk', [
      ...['--threads', '1', '--connections', String(connections), '--duration', `${seconds}s`],
      ...['--latency', `http://127.0.0.1:${port}/`],
    ]);
    const [, amount, time = ''] = output.match(/(\d+) requests in ([\d.]+\w+)/) ?? [];
    const p99 = output.match(/99%\s+([\d.]+\w+)/)?.[1];
    if (!amount || /Socket errors|Non-2xx/.test(output)) throw new Error(`wrk failed\n${output}`);
    return {
      amount: Number(amount),
      seconds: milliseconds(time) / 1000,
      ...(p99 ? { p99Ms: milliseconds(p99) } : {}),
    };
  },
});

export const wrk1 = requests(1);
export const wrk50 = requests(50);
