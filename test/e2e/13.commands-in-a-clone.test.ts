/** The commands of the documents that change files of the checkout, or make it anew: run in a clone, in their order. */
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { freePort } from '../../scripts/lib/port.js';
import { blocksOf } from '../helpers/documents.js';
import { Checkout } from './helpers/checkout.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { core, debug, inClone, record, variable } from './helpers/commands.js';
import { Daemon } from './helpers/daemon.js';
import { outsideNpm } from './helpers/environment.js';
import { describeWith } from './helpers/programs.js';
import { startRedis } from './helpers/redis.js';
import type { Server } from './helpers/server.js';

const minute = 60_000;
const debuggers = { git: 'git', gdb: 'gdb', perf: 'linux-perf', 'redis-server': 'redis-server' };

describeWith(debuggers, 'commands in a clone', () => {
  const keep = stopAfterwards();
  let checkout: Checkout;
  let server: Server;
  beforeAll(async () => {
    checkout = keep(await Checkout.clone());
    server = keep(await startRedis());
    const write = (name: string, text: string) => writeFile(path.join(checkout.folder, name), text);
    const [configuration] = blocksOf('docs/configuration.md', 'yaml');
    await write('balance.yaml', configuration?.text.replaceAll('5555', '0') ?? '');
    await write('.changeset/test.md', '---\n"spliceway": minor\n---\n\nSomething new.\n');
    // Wherever the checkout comes from, this one is on the branch that releases are made from, and pushes to nobody.
    await checkout.run('git checkout -q -B main && git init -q --bare ../origin.git');
    await checkout.run('git remote set-url origin ../origin.git');
  });

  /** What has to be seen of a command, and what it needs to end by itself. */
  const asks: Readonly<Record<string, () => Promise<void>>> = {
    // One test has changed, so that is what has to be run.
    'npm test -- --changed': async () => {
      await checkout.run('echo "// Changed." >> test/02.duration.test.ts');
      const printed = await checkout.run('npm test -- --changed', 9 * minute);
      expect(printed).toMatch(/^Steps: lint types package unit$/m);
      expect(printed).toMatch(/Test Files.*1 passed/);
      await checkout.run('git checkout -q test/02.duration.test.ts');
    },
    'npx changeset status': async () => {
      expect(await checkout.run('npx changeset status 2>&1')).toMatch(/minor.*spliceway/s);
    },
    'npx changeset version': async () => {
      const before = JSON.parse(await checkout.run('npm pkg get version')) as string;
      await checkout.run('npx changeset version');
      const [major, minor] = before.split('.');
      const after = JSON.parse(await checkout.run('npm pkg get version')) as string;
      expect(after).toBe(`${major}.${Number(minor) + 1}.0`);
    },
    // It names what is missing.
    'npm run release:check -- v1.2.3': async () => {
      expect(await checkout.run('npm run release:check -- v1.2.3 2>&1 || true')).toContain(
        'v1.2.3',
      );
    },
    "git commit --all --message 'release: 1.2.3'": async () => {
      const who =
        '-c user.name=somebody -c user.email=somebody@example.org -c commit.gpgSign=false';
      await checkout.run(`git ${who} commit --quiet --all --message 'release: 1.2.3'`);
    },
    // What the tag names is what the commands before it have changed.
    'git push origin main v1.2.3': async () => {
      await checkout.run('git push -q origin main v1.2.3');
      expect(await checkout.run('git --git-dir ../origin.git tag')).toBe('v1.2.3\n');
      const { version } = JSON.parse(
        await checkout.run('git --git-dir ../origin.git show v1.2.3:package.json'),
      ) as { version: string };
      expect(version).toBe(JSON.parse(await checkout.run('npm pkg get version')));
    },
    // Ctrl+C ends it, and then the record is written; it would go to standard output where that is a pipe.
    [record]: async () => {
      const script = `exec ${record.replace('record', 'record --output perf.data')}`;
      const options = { cwd: checkout.folder, env: outsideNpm(), stopSignal: 'SIGINT' } as const;
      const running = keep(new Daemon('/bin/sh', ['-c', script], options));
      await running.ready(() => running.output.includes('listening on'));
      await running.stop();
    },
    'perf report --no-children': async () => {
      expect(await checkout.run('perf report --no-children --stdio')).toMatch(
        /^ +\d+\.\d+% +node /m,
      );
    },
    // With the breakpoint that the page names, which a client reaches.
    [debug]: async () => {
      const port = await freePort();
      const script = debug
        .replace(
          'gdb',
          `gdb --batch ${['set breakpoint pending on', 'break spliceway::Relay::Pump', 'run', 'generate-core-file core'].map((line) => `-ex '${line}'`).join(' ')}`,
        )
        .replace('5555', `${port}`)
        .replace('3306', `${server.port}`);
      const options = { cwd: checkout.folder, env: outsideNpm() };
      const running = keep(new Daemon('/bin/sh', ['-c', `exec ${script}`], options));
      await running.ready(() => running.output.includes('listening on'), 2 * minute);
      const client = connect(port, '127.0.0.1').on('error', () => {});
      client.write('PING\r\n');
      await running.exited(minute);
      client.destroy();
      expect(running.output).toMatch(
        /hit Breakpoint 1.*spliceway::Relay::Pump.*Saved corefile core/s,
      );
    },
    [core]: async () => {
      const printed = await checkout.run(core.replace('gdb', 'gdb --batch'), 2 * minute);
      expect(printed).toMatch(/^#0 .*spliceway::Relay::Pump/m);
    },
    'npx spliceway doctor': async () => {
      const printed = await checkout.run(`${variable} && npx spliceway doctor`);
      expect(printed).toMatch(/^addon .*\.node, as SPLICEWAY_PREBUILD says$/m);
    },
  };

  test.each(inClone)('%s', { timeout: 10 * minute }, async (command) => {
    const ask = asks[command];
    if (ask === undefined) await checkout.run(command, 9 * minute);
    else await ask();
  });
});
