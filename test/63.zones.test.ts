/** Link-local backends: their zone is an interface's name, which is looked up for each connect. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect } from 'vitest';
import { optionsOf, ways } from './helpers/engines.js';
import { namespacesWith, namespaceWords } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { itWhere } from './helpers/where.js';

const kinds = ['--net'];

/** Prints what a client got before its backend's interface was there, while it was, and after it was made anew. */
const program = `
  import { execFileSync } from 'node:child_process';
  import { connect, createServer } from 'node:net';
  import { createProxy } from ${JSON.stringify(packageUrl)};
  const ip = (...args) => execFileSync('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const make = (index) => {
    ip('link', 'add', 'zone0', 'index', index, 'type', 'veth', 'peer', 'name', 'zone1');
    ip('link', 'set', 'zone0', 'up');
    ip('link', 'set', 'zone1', 'up');
    ip('address', 'add', 'fe80::7/64', 'dev', 'zone0', 'nodad');
  };
  const server = createServer((socket) => socket.on('error', () => {}).end('hello'));
  await new Promise((resolve) => server.listen(0, '::', resolve));
  const proxy = await createProxy({
    ...JSON.parse(process.argv.at(-1)),
    listen: '127.0.0.1:0',
    backends: ['[fe80::7%zone0]:' + server.address().port],
  });
  const ask = () => new Promise((resolve) => {
    let got = '';
    connect(proxy.addresses()[0].port, '127.0.0.1')
      .on('data', (data) => { got += data; })
      .on('error', () => {})
      .on('close', () => resolve(got));
  });
  const answers = [await ask()];
  make('77');
  answers.push(await ask());
  ip('link', 'delete', 'zone0');
  make('88');
  answers.push(await ask());
  console.log(JSON.stringify(answers));
  process.exit();
`;

describe.each(ways)('zones with %s', (way) => {
  itWhere(
    namespacesWith(kinds),
    'a link-local backend is reached again when its interface was made anew',
    async () => {
      const node = [process.execPath, '--input-type=module', '-e', program];
      const [command = '', ...words] = namespaceWords(kinds) ?? [];
      const script = 'ip link set lo up; exec "$@"';
      const args = [...words, 'sh', '-ec', script, 'sh', ...node, JSON.stringify(optionsOf(way))];
      const { stdout } = await promisify(execFile)(command, args, { timeout: 120_000 });
      expect(JSON.parse(stdout)).toEqual(['', 'hello', 'hello']);
    },
  );
});
