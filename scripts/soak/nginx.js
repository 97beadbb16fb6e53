import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** Bytes of an answer; nginx takes no parameter of 4 KiB. */
const bodyBytes = 3500;

/**
 * @param {string} folder for it and for what nginx writes
 * @param {number} port
 * @returns {string} the file
 */
export function nginxConfiguration(folder, port) {
  const file = path.join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(' ');
  writeFileSync(
    file,
    `${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
# One process: what is done to it is done to all of it.
master_process off;
pid ${folder}/pid;
error_log stderr crit;
events { worker_connections 512; }
http {
  ${temporary}
  access_log off;
  server { listen 127.0.0.1:${port}; location / { return 200 "${'x'.repeat(bodyBytes)}"; } }
}
`,
  );
  return file;
}
