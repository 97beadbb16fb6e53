import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { accepts, freePort } from '../../../scripts/lib/port.js';
import { Daemon } from './daemon.js';
import { identityOf } from './identity.js';
import { program } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder } from './temp-folder.js';

export const nginxNeeds = { nginx: 'nginx', curl: 'curl' };

/** Serves and (with PUT) takes files in `files`, a folder in its own. */
const fileServer = (port: number, folder: string) => `
  server {
    listen 127.0.0.1:${port};
    location / {
      root ${folder}/files;
      dav_methods PUT;
    }
  }`;

/**
 * @param server its block of configuration for that port; default: it serves and (with PUT) takes files in `<its folder>/files`
 * @param wanted the port; default: any free one
 */
export async function startNginx(
  server: (port: number, folder: string) => string = fileServer,
  wanted?: number,
): Promise<Server> {
  const { folder, port, words } = await prepareNginx(server, wanted);
  const [command = '', ...args] = words;
  const daemon = new Daemon(command, args);
  await daemon.ready(() => accepts(port));
  return new Server(daemon, folder, port);
}

/** A server that somebody else is to start: with its command. @param server its block of configuration for that port */
export async function prepareNginx(
  server: (port: number, folder: string) => string,
  wanted?: number,
): Promise<{ folder: string; port: number; words: string[] }> {
  const folder = await makeTempFolder('nginx');
  await mkdir(path.join(folder, 'files'));
  const port = wanted ?? (await freePort());
  const configuration = path.join(folder, 'nginx.conf');
  const temporaryPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await writeFile(
    configuration,
    `
      ${identityOf('root') ? 'user root;' : ''}
      daemon off;
      master_process off;
      worker_processes 1;
      pid ${folder}/pid;
      error_log stderr;
      events { worker_connections 1024; }
      http {
        ${temporaryPaths.map((name) => `${name}_temp_path ${folder}/${name};`).join('\n')}
        access_log off;
        sendfile on;
        client_max_body_size 0;
        keepalive_requests 1000000;
        ${server(port, folder)}
      }
    `,
  );
  const words = [program('nginx'), '-e', 'stderr', '-p', folder, '-c', configuration];
  return { folder, port, words };
}
