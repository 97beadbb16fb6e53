/** A copy of the built package without its addon, as on a machine that none was built for. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RunningCommand } from './helpers/cli.js';
import { listeningSocket } from './helpers/inherited.js';
import { environmentOf, runtimeFolder } from './helpers/remote.js';
import { startEcho } from './helpers/servers.js';
import { connect, readExactly } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

const OWN_ADDON = fileURLToPath(new URL('../build/Release/spliceway.node', import.meta.url));

/** @returns a file that has the name of an addon, and is none */
function text(): string {
  const file = tempPath('text.node');
  writeFileSync(file, 'This is text.');
  return file;
}

/** @returns the command of the copy */
function copyWithoutAddon(): string {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const copy = mkdtempSync(path.join(tmpdir(), 'spliceway-bare-'));
  onTestFinished(() => rmSync(copy, { recursive: true }));
  cpSync(path.join(root, 'dist'), path.join(copy, 'dist'), { recursive: true });
  cpSync(path.join(root, 'package.json'), path.join(copy, 'package.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  return path.join(copy, 'dist', 'cli', 'main.js');
}

/** Balancers of other tests are not asked. */
const doctorWith = (environment: NodeJS.ProcessEnv, command?: string) =>
  new RunningCommand(['doctor'], { ...environmentOf(runtimeFolder()), ...environment }, command);

describe('without an addon', () => {
  it('the stream engine takes over, and one warning line says so and why', async () => {
    const backend = await startEcho();
    const flags = ['--listen', '127.0.0.1:0', '--backend', backend.address, '--log-format', 'json'];
    await using command = new RunningCommand(flags, {}, copyWithoutAddon());
    const client = await connect(await command.port());
    client.write('still here');
    expect(String(await readExactly(client, 10))).toBe('still here');
    command.kill('SIGKILL');
    const { stderr } = await command.ended();
    const warnings = stderr.split('\n').filter((line) => line.includes('"level":40'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/stream engine/);
    expect(warnings[0]).toMatch(
      /there is no addon for linux \w+ with \w+; `spliceway doctor` says more/,
    );
  });

  it('an inherited socket is accepted on, and nothing reported to a service manager, which one line says', async () => {
    const { target, descriptor } = await listeningSocket({ port: 0, host: '127.0.0.1' });
    const backend = await startEcho();
    const flags = ['--listen', 'fd:3', '--backend', backend.address, '--log-format', 'json'];
    const environment = { NOTIFY_SOCKET: '/run/systemd/notify', WATCHDOG_USEC: '1000' };
    const command = copyWithoutAddon();
    await using bare = new RunningCommand(flags, environment, command, 'exec "$@"', [descriptor]);
    expect(await bare.port()).toBe(target);
    const client = await connect(target);
    client.end('still here');
    expect(String(await readExactly(client, 10))).toBe('still here');
    bare.kill('SIGTERM');
    const { status, stderr } = await bare.ended();
    expect(status).toBe(0);
    expect(stderr.match(/cannot report to the service manager/g)).toHaveLength(1);
  });

  it('what is no listening socket is refused, though only Node looks', async () => {
    const flags = ['--listen', 'fd:3', '--backend', '127.0.0.1:9'];
    await using bare = new RunningCommand(flags, {}, copyWithoutAddon(), 'exec "$@" 3</dev/null');
    const { status, stderr } = await bare.ended();
    expect(status).toBe(1);
    expect(stderr).toContain('cannot listen on fd:3: the descriptor is not that of a listening');
  });

  it('--engine native stops with status 1 and says what was looked for', async () => {
    const flags = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9', '--engine', 'native'];
    await using command = new RunningCommand(flags, {}, copyWithoutAddon());
    const { status, stderr } = await command.ended();
    expect(status).toBe(1);
    expect(stderr).toContain('ERR_SPLICEWAY_ENGINE_UNAVAILABLE');
    expect(stderr).toContain(path.join('build', 'Release', 'spliceway.node'));
  });

  it('--accept native stops with status 1 as well, whatever engine', async () => {
    const flags = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9', '--accept', 'native'];
    await using command = new RunningCommand(flags, {}, copyWithoutAddon());
    const { status, stderr } = await command.ended();
    expect(status).toBe(1);
    expect(stderr).toContain('ERR_SPLICEWAY_ENGINE_UNAVAILABLE');
    expect(stderr).toContain('accept auto or node');
  });

  it('doctor says what is missing, with status 1', async () => {
    await using command = doctorWith({}, copyWithoutAddon());
    const { status, stdout } = await command.ended();
    expect(status).toBe(1);
    expect(stdout).toMatch(/there is no addon for linux \w+ with \w+/);
    // A package, unlike a checkout, has nothing to build an addon from.
    expect(stdout).toContain('build one in a clone of the repository');
  });

  it('SPLICEWAY_PREBUILD names one that is loaded all the same', async () => {
    const environment = { SPLICEWAY_PREBUILD: OWN_ADDON };
    await using command = doctorWith(environment, copyWithoutAddon());
    const { status, stdout } = await command.ended();
    expect(stdout).toContain(`${OWN_ADDON}, as SPLICEWAY_PREBUILD says`);
    expect(status).toBe(0);
  });

  it('an addon that was built for another version of the package is not used', async () => {
    const command = copyWithoutAddon();
    const own = path.join(path.dirname(command), '..', 'version.js');
    const built = readFileSync(own, 'utf8');
    const [, version = ''] = built.match(/version = '(.+)'/) ?? [];
    writeFileSync(own, built.replace(version, '99.0.0'));
    await using doctor = doctorWith({ SPLICEWAY_PREBUILD: OWN_ADDON }, command);
    const { status, stdout } = await doctor.ended();
    expect(stdout).toContain(`was built for spliceway ${version}, and this is 99.0.0`);
    expect(status).toBe(1);
  });

  it.each([
    [
      'is not there',
      () => '/nowhere/spliceway.node',
      /SPLICEWAY_PREBUILD names \/nowhere\/spliceway.node, which is not there/,
    ],
    ['has another name', () => '/etc/hostname', /no file whose name ends in \.node/],
    ['is a folder', () => '/etc', /no file whose name ends in \.node/],
    ['is none', text, /does not load on linux \w+ with \w+: \S+/],
  ])('a file that %s is told of, and no other tried', async (_, made, reason) => {
    const file = made();
    const environment = { SPLICEWAY_PREBUILD: file };
    await using command = doctorWith(environment);
    const { status, stdout } = await command.ended();
    expect(stdout).toMatch(reason);
    expect(stdout).toContain(`tried ${file}, as SPLICEWAY_PREBUILD says`);
    expect(stdout).not.toContain(path.join('build', 'Release'));
    expect(status).toBe(1);
  });
});
