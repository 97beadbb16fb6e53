/**
 * Every command of the README and of the pages for those who take part is run: as it stands, or shortened as the table
 * says. A command that no test runs fails here.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/lib/port.js';
import { remedy } from '../../scripts/transfers/transfers.js';
import { blocksOf, commandsOf, documents } from '../helpers/documents.js';
import { Checkout } from './helpers/checkout.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { Daemon } from './helpers/daemon.js';
import { outsideNpm } from './helpers/environment.js';
import { describeWhere, describeWith } from './helpers/programs.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';
import type { Server } from './helpers/server.js';
import { makeTempFolder, removeFolder } from './helpers/temp-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const minute = 60_000;

/** Pages whose commands have a test of their own, which goes through the page. */
const followed: Readonly<Record<string, string>> = {
  'docs/configuration.md': 'test/e2e/10.task-pages.test.ts',
  'docs/containers.md': 'test/e2e/11.containers.test.ts',
  'docs/http.md': 'test/e2e/10.task-pages.test.ts',
  'docs/mysql.md': 'test/e2e/10.task-pages.test.ts',
  'docs/postgresql.md': 'test/e2e/10.task-pages.test.ts',
  'docs/proxy-protocol.md': 'test/e2e/10.task-pages.test.ts',
  'docs/redis.md': 'test/e2e/10.task-pages.test.ts',
  'docs/systemd.md': 'test/e2e/11.systemd.test.ts',
  'docs/troubleshooting.md': 'test/e2e/10.task-pages.test.ts',
  'docs/tuning.md': 'test/e2e/10.task-pages.test.ts',
};

/** What takes minutes, or would run this very test, by the file that runs the same. */
const elsewhere: Readonly<Record<string, { file: string; says: string }>> = {
  'npm install spliceway': { file: 'scripts/package-test/install.js', says: "'install'" },
  'npx spliceway --listen 127.0.0.1:5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307': {
    file: 'scripts/package-test/install.js',
    says: 'npx spliceway',
  },
  'npm start': { file: 'test/e2e/07.checkout.test.ts', says: 'npm start sets it up' },
  'npm test': { file: '.ci/run', says: 'npm test -- --no-skips' },
  'npm test -- --only unit --no-skips': { file: '.ci/run', says: 'npm test -- --no-skips' },
  'npm test -- --only addon': { file: '.ci/run', says: 'npm test -- --no-skips' },
  'make -C test/native sanitize': { file: 'scripts/checks/cpp-tests.js', says: "'sanitize'" },
  'make -C test/native threads': { file: 'scripts/checks/cpp-tests.js', says: "'threads'" },
  'npm run simulate -- --faults': { file: 'scripts/checks/simulation.js', says: "'faults'" },
  'npm run soak -- --minutes 10': { file: 'test/e2e/09.soak.test.ts', says: 'seconds: 30' },
  'npm run bench': { file: 'docs/BENCHMARKS.md', says: 'Written by `npm run bench`' },
  'npm run build:addon': { file: 'package.json', says: '"npm run build:addon && npm' },
  'npm run build:ts': { file: 'package.json', says: 'npm run build:addon && npm run build:ts"' },
  'npm run prebuild': { file: '.ci/run', says: 'npm run prebuild -- --twice' },
  'npm run prebuild -- --twice': { file: '.ci/run', says: 'npm run prebuild -- --twice' },
  'npm run package-test': { file: '.ci/run', says: 'npm run package-test' },
  'npm run pack': { file: 'scripts/package-test/package-test.js', says: 'await pack()' },
};

/** Instead of what takes long. */
const shortened: Readonly<Record<string, string>> = {
  'npm run simulate': 'npm run simulate -- --seeds 200',
  'npm run simulate -- --seeds 1000000': 'npm run simulate -- --seeds 200',
  'npm run simulate -- --minutes 10': 'npm run simulate -- --minutes 0.02',
  'npm run simulate -- --sanitize': 'npm run simulate -- --sanitize --seeds 20',
  'npm run fuzz': 'npm run fuzz -- --minutes 0.05',
  'npm run fuzz -- --minutes 5': 'npm run fuzz -- --minutes 0.05',
  'npm run fuzz -- --minutes 30 --target schedule':
    'npm run fuzz -- --minutes 0.05 --target schedule',
  'npm run transfers': 'npm run transfers -- --count 10',
  'npm run transfers -- --count 100': 'npm run transfers -- --count 10',
  'npm run transfers -- --count 10000 --json FILE':
    'npm run transfers -- --count 10 --json "$FOLDER/transfers.json"',
  'npm run transfers -- --engine native --transfer splice':
    'npm run transfers -- --engine native --transfer splice --count 10',
  'npm run bench -- --quick':
    'npm run bench -- --quick --workload requests-50 --peer native --repetitions 1',
  'npm run bench -- --workload bulk-1 --peer native':
    'npm run bench -- --workload bulk-1 --peer native --repetitions 1 --seconds 1',
  'npm run bench -- --report bench-results/FILE.json':
    'npm run bench -- --report "$(ls -t bench-results/*.json | head -1)"',
};

const record =
  'perf record --call-graph fp -- node --perf-basic-prof --interpreted-frames-native-stack dist/cli/main.js --config balance.yaml';
const debug = 'gdb --args node dist/cli/main.js --listen 127.0.0.1:5555 --backend 127.0.0.1:3306';
const core = "gdb node core -ex 'thread apply all backtrace'";
const variable = 'export SPLICEWAY_PREBUILD="$PWD/build/Release/spliceway.node"';
/** Those that change files of the checkout, or make it anew: in a clone, in this order. */
const inClone = [
  'npm ci && npm run build',
  'npm run docs:api',
  'npm test -- --only lint --fix',
  'npx changeset status',
  'npx changeset version',
  'npm install --package-lock-only',
  'npm run release:check -- v1.2.3',
  "git commit --all --message 'release: 1.2.3'",
  'git tag v1.2.3',
  'git push origin main v1.2.3',
  "CXXFLAGS='-g -O2 -fno-omit-frame-pointer' npm run build:addon",
  record,
  'perf report --no-children',
  "CXXFLAGS='-g -O1 -fno-omit-frame-pointer' npm run build:addon",
  debug,
  'ulimit -c unlimited',
  core,
  'npm ci && npm run build:addon',
  variable,
  'npx spliceway doctor',
];

const serving = /^npm start -- /;
const namespaced = /^npm run transfers/;
const commands = [
  ...new Set(
    documents
      .filter((document) => followed[document] === undefined)
      .flatMap((document) => blocksOf(document, 'sh').flatMap(commandsOf)),
  ),
];
const here = commands.filter(
  (command) => !elsewhere[command] && !inClone.includes(command) && !serving.test(command),
);

describe('commands of the documents', () => {
  test('are known: what the tables name is in a document, and runs where they say', () => {
    expect(commands.length).toBeGreaterThan(40);
    for (const command of [...Object.keys(elsewhere), ...Object.keys(shortened), ...inClone]) {
      expect(commands).toContain(command);
    }
    for (const [command, { file, says }] of Object.entries(elsewhere)) {
      expect(readFileSync(path.join(root, file), 'utf8'), command).toContain(says);
    }
    for (const [document, file] of Object.entries(followed)) {
      expect(readFileSync(path.join(root, file), 'utf8')).toContain(document);
    }
  });
});

function runHere(command: string, folder: string): Promise<string> {
  const env = { ...outsideNpm(), FOLDER: folder };
  const words = ['-c', shortened[command] ?? command];
  return runOk('/bin/sh', words, { cwd: root, env, deadlineMs: 9 * minute });
}

const tools = { clang: 'clang', iperf3: 'iperf3', 'redis-benchmark': 'redis-tools' };

describeWith({ ...tools, ...redisNeeds }, 'commands in the checkout', () => {
  const keep = stopAfterwards();
  test.each(here.filter((command) => !namespaced.test(command)))(
    '%s',
    { timeout: 10 * minute },
    async (command) => {
      await runHere(command, '');
    },
  );

  test.each(commands.filter((command) => serving.test(command)))('%s', async (command) => {
    const [a, b] = [keep(await startRedis()), keep(await startRedis())];
    const port = await freePort();
    const ports: Record<string, number> = { 5555: port, 3306: a.port, 3307: b.port };
    const script = command.replace(/\b\d{4}\b/g, (name) => String(ports[name]));
    const options = { cwd: root, env: outsideNpm() };
    const running = keep(new Daemon('/bin/sh', ['-c', `exec ${script}`], options));
    await running.ready(() => running.output.includes(`listening on 127.0.0.1:${port}\n`));
    expect(await redis(port, 'PING')).toBe('PONG');
    expect(await running.stop()).toBe(0);
  });
});

const wanted = remedy();

describeWhere(wanted === undefined, `to run: ${wanted}`, 'commands with namespaces', () => {
  const keep = stopAfterwards();
  let folder = '';
  beforeAll(async () => {
    folder = await makeTempFolder('commands');
    keep({ stop: () => removeFolder(folder) });
  });

  test.each(here.filter((command) => namespaced.test(command)))(
    '%s',
    { timeout: 10 * minute },
    async (command) => {
      await runHere(command, folder);
    },
  );
});

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
