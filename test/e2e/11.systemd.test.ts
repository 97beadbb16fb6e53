/** The units for systemd, and docs/systemd.md: what they say is done, as far as no running systemd is needed. */
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { RunningCommand } from '../helpers/cli.js';
import { startGreeter } from '../helpers/greeters.js';
import { closeDescriptor, listeningSocket } from '../helpers/inherited.js';
import { startServiceManager } from '../helpers/service-manager.js';
import { runCommand, runOk } from './helpers/command.js';
import { describeAsNobody, describeWith } from './helpers/programs.js';
import { ways } from './helpers/proxy.js';
import { makeTempFolder, removeFolder } from './helpers/temp-folder.js';
import { allowedCalls, settingsOf } from './helpers/unit.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const command = path.join(root, 'dist/cli/main.js');
const units = path.join(root, 'docs/examples/systemd');
const page = readFileSync(path.join(root, 'docs/systemd.md'), 'utf8');
const sandbox = fileURLToPath(new URL('helpers/sandbox.py', import.meta.url));

const blocks = (kind: string) =>
  [...page.matchAll(new RegExp(`\`\`\`${kind}\n(.*?)\`\`\``, 'gs'))].map(([, text = '']) => text);

/** What only a running systemd can do, and what other tests do: setpriv test/e2e/11.unprivileged, npm those of the package. */
const elsewhere =
  /^(systemctl (daemon-reload|stop|restart|reload) ?.*|npm install --global spliceway)$/;

/** As the unit says of a systemd that is older than what it needs. */
function forThisSystemd(unit: string): string {
  const version = execFileSync('systemd-analyze', ['--version'], { encoding: 'utf8' });
  if (Number(/^systemd (\d+)/.exec(version)?.[1]) >= 253) return unit;
  const [advice = '', type = '', reload = ''] =
    /write\n# (Type=notify), and (ExecReload=.*?)\. /.exec(unit) ?? [];
  expect(advice).not.toBe('');
  return unit.replace(/^Type=.*$/m, `${type}\n${reload}`);
}

describeWith(
  { 'systemd-analyze': 'systemd', systemctl: 'systemd', setpriv: 'util-linux' },
  'spliceway as a service of systemd',
  () => {
    let folder = '';
    beforeAll(async () => {
      folder = await makeTempFolder('systemd');
    });
    afterAll(() => removeFolder(folder));

    test('the commands of the page install units that systemd accepts, and a configuration that loads', async () => {
      const etc = path.join(folder, 'etc');
      const modules = path.join(folder, 'lib/node_modules');
      for (const made of [`${etc}/systemd/system`, modules, path.join(folder, 'bin')]) {
        mkdirSync(made, { recursive: true });
      }
      // As `npm install --global` leaves it.
      symlinkSync(root, path.join(modules, 'spliceway'));
      const program = `#!/bin/sh\nexec ${process.execPath} ${command} "$@"\n`;
      writeFileSync(path.join(folder, 'bin/spliceway'), program, { mode: 0o755 });
      writeFileSync(path.join(etc, 'spliceway.yaml'), blocks('yaml')[0] ?? '');

      const lines = blocks('sh')
        .filter((block) => !block.startsWith('setpriv'))
        .flatMap((block) => block.trimEnd().split('\n'))
        .filter((line) => !elsewhere.test(line))
        .map((line) => line.replaceAll(' /etc/', ` ${etc}/`))
        // In a folder, without a systemd that runs.
        .map((line) => line.replace('systemctl enable --now', `systemctl --root=${folder} enable`))
        .map((line) => line.replace(/^journalctl(.*) --follow/, `journalctl --directory=${etc}$1`));
      expect(lines.length).toBeGreaterThan(6);
      const script = `set -e\nexport PATH=${folder}/bin:$PATH npm_config_prefix=${folder}\n${lines.join('\n')}`;
      const printed = await runOk('/bin/sh', ['-c', script]);
      expect(printed).toContain(`${etc}/spliceway.yaml: ok`);

      const installed = `${etc}/systemd/system`;
      const service = `${installed}/spliceway.service`;
      const text = readFileSync(service, 'utf8');
      // systemd looks in the folders of the system alone, where it is not installed here.
      writeFileSync(
        service,
        forThisSystemd(text).replace('ExecStart=spliceway', `ExecStart=${folder}/bin/spliceway`),
      );
      const verified = await runCommand('systemd-analyze', [
        'verify',
        service,
        `${installed}/spliceway.socket`,
      ]);
      expect(verified).toEqual({ status: 0, stdout: '', stderr: '' });
      // Exposure of 2.0 of 10 at most.
      await runOk('systemd-analyze', ['security', '--offline=true', '--threshold=20', service]);
      const wanted = [
        'multi-user.target.wants/spliceway.service',
        'sockets.target.wants/spliceway.socket',
      ];
      // The links lead to where the folder is the root.
      for (const link of wanted) {
        expect(lstatSync(path.join(installed, link)).isSymbolicLink()).toBe(true);
      }
      const { status, stdout } = await runCommand(process.execPath, [
        command,
        ...['check', '--config', `${etc}/spliceway.yaml`],
      ]);
      expect({ status, stdout }).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/listen +fd:3\n/),
      });
    });

    describeAsNobody('in the sandbox of the unit', () => {
      test.each(ways)('$name: serves', async ({ engine, args }) => {
        const unit = path.join(units, 'spliceway.service');
        const filter = path.join(folder, 'filter.json');
        const families = settingsOf(unit, 'RestrictAddressFamilies').join(' ').split(' ');
        writeFileSync(filter, JSON.stringify({ calls: await allowedCalls(unit), families }));
        const [capability = ''] = settingsOf(unit, 'CapabilityBoundingSet');
        const only = `-all,+${capability.replace('CAP_', '').toLowerCase()}`;
        const shell = [
          `ulimit -n ${settingsOf(unit, 'LimitNOFILE')[0]} 2>/dev/null; umask ${settingsOf(unit, 'UMask')[0]}; exec setpriv`,
          '--reuid=nobody --regid=nogroup --clear-groups --no-new-privs',
          `--inh-caps=${only} --ambient-caps=${only} --bounding-set=${only}`,
          `/usr/bin/python3 ${sandbox} ${filter} "$@"`,
        ].join(' ');
        await using doctor = new RunningCommand(['doctor'], {}, command, shell);
        // Where splice is refused the engine copies, which no client would notice.
        expect((await doctor.ended()).stdout).toMatch(/^splice +works/m);

        const NOTIFY_SOCKET = `@spliceway-sandbox-${process.pid}-${performance.now()}`;
        const manager = await startServiceManager(NOTIFY_SOCKET);
        // As RuntimeDirectory= makes it.
        const RUNTIME_DIRECTORY = await makeTempFolder('run');
        onTestFinished(() => removeFolder(RUNTIME_DIRECTORY));
        await runOk('chown', ['nobody:nogroup', RUNTIME_DIRECTORY]);
        const flags = ['--listen', '127.0.0.1:0', '--engine', engine, ...args];
        // By name, for the resolver to work in there as well.
        const backend = (await startGreeter('sandboxed')).replace('127.0.0.1', 'localhost');
        await using running = new RunningCommand(
          [...flags, '--backend', backend],
          { NOTIFY_SOCKET, RUNTIME_DIRECTORY },
          command,
          shell,
        );
        expect((await manager.next())[0]).toBe('READY=1');
        const port = await running.port();
        expect(readdirSync(RUNTIME_DIRECTORY)).toEqual([`127.0.0.1-${port}.sock`]);
        for (let turn = 0; turn < 20; turn++) expect(await converse(port)).toBe('sandboxed\n');
        running.kill('SIGTERM');
        expect(await running.ended()).toMatchObject({ status: 0 });
        expect(running.stderr).not.toMatch(/"level":[45]0/);
      });
    });

    test.each(ways)(
      '$name: no client is refused while the service restarts behind its socket',
      async ({ engine, args }) => {
        const { target, descriptor } = await listeningSocket({ port: 0, host: '127.0.0.1' });
        onTestFinished(() => closeDescriptor(descriptor));
        const backend = await startGreeter('served');
        const NOTIFY_SOCKET = `@spliceway-restart-${process.pid}-${performance.now()}`;
        const manager = await startServiceManager(NOTIFY_SOCKET);
        const start = async () => {
          const running = new RunningCommand(
            ['--listen', 'fd:3', '--backend', backend, '--engine', engine, ...args],
            { NOTIFY_SOCKET },
            command,
            'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"',
            [descriptor],
          );
          expect((await manager.next())[0]).toBe('READY=1');
          return running;
        };

        let running = await start();
        let goesOn = true;
        let served = 0;
        const customers = Array.from({ length: 4 }, async () => {
          for (; goesOn; served++) expect(await converse(Number(target))).toBe('served\n');
        });
        // Looked at below; a failure before must not count as unhandled.
        const all = Promise.all(customers);
        all.catch(() => {});
        try {
          for (let restart = 0; restart < 3; restart++) {
            const before = served;
            while (served < before + 50) await Promise.race([all, converse(Number(target))]);
            running.kill('SIGTERM');
            expect((await manager.next())[0]).toBe('STOPPING=1');
            expect(await running.ended()).toMatchObject({ status: 0 });
            running = await start();
          }
          goesOn = false;
          await all;
        } finally {
          await running[Symbol.asyncDispose]();
        }
        expect(served).toBeGreaterThan(150);
      },
    );
  },
);

/** A client that comes, hears the greeting to its end and goes; rejects when it is refused or reset. */
function converse(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = '';
    const client = connect(port, '127.0.0.1').setEncoding('utf8');
    client.on('data', (text: string) => {
      heard += text;
      client.end();
    });
    client.on('error', reject);
    client.on('close', () => resolve(heard));
  });
}
