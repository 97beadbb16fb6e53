/** nginx through the proxy: whole files compared by their hash, both ways, and many small requests. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { hashOfFile, hashOfOutput, writeRandomFile } from './helpers/big-file.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
import { describeWith, program } from './helpers/programs.js';
import { type EngineName, ProxyProcess } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';

const mebibyte = 1024 * 1024;
const curlQuiet = ['--silent', '--show-error', '--fail'];

/** The native engine carries the full sizes; the other is the same code path in the tests, and slower. */
const sizes: readonly { engine: EngineName; download: number; upload: number }[] = [
  { engine: 'native', download: 1024 * mebibyte, upload: 256 * mebibyte },
  { engine: 'stream', download: 128 * mebibyte, upload: 64 * mebibyte },
];

describeWith({ ...nginxNeeds, wrk: 'wrk' }, 'nginx behind the proxy', () => {
  describe.each(sizes)('$engine engine', ({ engine, download, upload }) => {
    const keep = stopAfterwards();
    let server: Server;
    let proxy: ProxyProcess;
    const url = (file: string) => `http://127.0.0.1:${proxy.port}/${file}`;
    const onDisk = (file: string) => path.join(server.folder, 'files', file);
    beforeAll(async () => {
      server = keep(await startNginx());
      proxy = keep(await ProxyProcess.start({ engine, backends: [server] }));
      await writeFile(onDisk('small.txt'), 'a small file\n');
    });

    test(`a download of ${download / mebibyte} MiB has the hash of its file`, async () => {
      const expected = await writeRandomFile(onDisk('down.bin'), download);
      const received = await hashOfOutput(program('curl'), [...curlQuiet, url('down.bin')]);
      expect(received).toBe(expected);
    });

    test(`an upload of ${upload / mebibyte} MiB arrives with the hash of its file`, async () => {
      const source = path.join(server.folder, 'source.bin');
      const expected = await writeRandomFile(source, upload);
      await runOk(program('curl'), [...curlQuiet, '--upload-file', source, url('up.bin')]);
      expect(await hashOfFile(onDisk('up.bin'))).toBe(expected);
    });

    test('one connection carries many requests', async () => {
      const requests = 500;
      const output = await runOk(program('curl'), [
        ...curlQuiet,
        ...['--write-out', '%{num_connects} %{http_code}\n', '--output', '/dev/null'],
        `${url('small.txt')}?[1-${requests}]`,
      ]);
      const lines = output.trim().split('\n');
      expect(lines).toHaveLength(requests);
      expect(lines[0]).toBe('1 200');
      expect(new Set(lines.slice(1))).toEqual(new Set(['0 200']));
    });

    test.each([
      ['connections kept open', []],
      ['a new connection for each request', ['--header', 'Connection: close']],
    ])('wrk with %s: no socket errors', async (_, args) => {
      // wrk knows only a time to run for, and how many requests that makes is the machine's affair.
      for (let requests = 0; requests <= 100; ) {
        const output = await runOk(program('wrk'), [
          ...[
            '--threads',
            '2',
            '--connections',
            '50',
            '--duration',
            '2s',
            '--timeout',
            '60s',
            ...args,
          ],
          url('small.txt'),
        ]);
        expect(output).not.toMatch(/Socket errors|Non-2xx/);
        const inThisRun = Number(output.match(/(\d+) requests in/)?.[1]);
        expect(inThisRun).not.toBeNaN();
        requests += inThisRun;
      }
    });
  });
});
