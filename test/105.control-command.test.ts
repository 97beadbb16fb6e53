/** The control socket of the command: where it is, what it is called, and what a reload by it says. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asNobody, nobodyRemedy } from '../scripts/lib/nobody.js';
import { controlFolder } from '../src/cli/control-place.js';
import { connectControl } from '../src/control/client.js';
import { RunningCommand } from './helpers/cli.js';
import { until, within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { startEcho } from './helpers/servers.js';
import { deadPath, tempPath } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

const SERVING = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9', '--threads', '1'];

/** A folder for what runs, as a service manager makes it. */
function runtimeFolder(): string {
  const folder = tempPath('run');
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}

const started = (flags: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  new RunningCommand([...SERVING, ...flags], {
    RUNTIME_DIRECTORY: '',
    XDG_RUNTIME_DIR: '',
    ...env,
  });

/** Where it says that its control socket is. */
async function controlOf(command: RunningCommand): Promise<string> {
  const [, file = ''] = await command.waitFor('stderr', /"msg":"control socket: ([^"]+)"/);
  return file;
}

describe.each(engines)('the control socket of the command with %s', (engine) => {
  it('is in the folder of the service, named for the first address, and gone at the end', async () => {
    const folder = runtimeFolder();
    await using command = started(['--engine', engine], { RUNTIME_DIRECTORY: `${folder}:/other` });
    const port = await command.port();
    const file = path.join(folder, `127.0.0.1-${port}.sock`);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await connectControl(file).status()).toMatchObject({
      name: `127.0.0.1-${port}`,
      pid: command.pid,
      engine: { name: engine },
    });
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(existsSync(file)).toBe(false);
  });

  it('reloads the file, and says what changed or each error with its place', async () => {
    const file = tempPath('balance.yaml');
    const write = (text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    const text = 'listen: 127.0.0.1:0\nthreads: 1\nbackends: [127.0.0.1:9]\n';
    write(text);
    const socket = tempPath('control.sock');
    const flags = ['--config', file, '--control', socket, '--engine', engine];
    await using command = new RunningCommand(flags);
    await command.port();
    const client = connectControl(socket);
    write(`${text}idleTimeout: soon\nnothing: 1\n`);
    const refused = await client.reload().catch((error: Error) => error);
    expect(refused).toMatchObject({ code: 'ERR_SPLICEWAY_CONFIG_FILE' });
    expect(String(refused)).toContain(`${file}:4:14: `);
    expect(String(refused)).toContain(`${file}:5:1: `);
    write(text.replace('[127', '[127.0.0.1:10, 127'));
    expect(await client.reload({ generation: 1 })).toEqual({
      generation: 2,
      added: ['default/127.0.0.1:10'],
      removed: [],
      changed: [],
    });
    await command.waitFor(
      'stderr',
      /control: user \d+ \(process \d+\): POST \/v1\/reload: generation 2/,
    );
    write(`${text}logLevel: debug\n`);
    expect(await client.reload()).toMatchObject({ generation: 3, changed: ['logLevel'] });
  });
});

describe('the name', () => {
  it('is what --name says; a second balancer of that name is refused, and the first goes on', async () => {
    const folder = runtimeFolder();
    const env = { RUNTIME_DIRECTORY: folder };
    await using first = started(['--name', 'edge'], env);
    expect(await controlOf(first)).toBe(path.join(folder, 'edge.sock'));
    await using second = started(['--name', 'edge'], env);
    expect(await second.ended()).toMatchObject({ status: 1, stdout: '' });
    expect(second.stderr).toContain('another balancer runs by the name edge');
    expect(second.stderr).toContain('(ERR_SPLICEWAY_LISTEN)');
    expect((await connectControl(path.join(folder, 'edge.sock')).status()).name).toBe('edge');
  });

  it('that is taken is found before anybody is served', async () => {
    const env = { RUNTIME_DIRECTORY: runtimeFolder() };
    await using first = started(['--name', 'edge'], env);
    await controlOf(first);
    // It would fail on the address as well, if it came so far.
    const taken = ['--listen', `127.0.0.1:${await first.port()}`, '--backend', '127.0.0.1:9'];
    await using second = new RunningCommand([...taken, '--name', 'edge'], env);
    expect(await second.ended()).toMatchObject({ status: 1 });
    expect(second.stderr).toContain('another balancer runs by the name edge');
    expect(second.stderr).not.toContain('address is in use');
  });

  it('is free again where the start fails on something else', async () => {
    const folder = runtimeFolder();
    const listen = ['--listen', 'unix:/nowhere/at/all.sock', '--backend', '127.0.0.1:9'];
    await using command = new RunningCommand([...listen, '--name', 'edge'], {
      RUNTIME_DIRECTORY: folder,
    });
    expect(await command.ended()).toMatchObject({ status: 1 });
    expect(command.stderr).toContain('/nowhere/at/all.sock');
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that is taken keeps a balancer from the state of the one that runs', async () => {
    const state = tempPath('state.json');
    const flags = ['--name', 'edge', '--state', state];
    const env = { RUNTIME_DIRECTORY: runtimeFolder(), XDG_RUNTIME_DIR: '' };
    await using first = started(flags, env);
    const client = connectControl(await controlOf(first));
    await client.setBackend('default', '127.0.0.1:9', { weight: 7 });
    const isKept = () => readFileSync(state, 'utf8').includes('"weight": 7');
    await until('it is kept', () => existsSync(state) && isKept());
    const serving = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:10', '--threads', '1'];
    await using second = new RunningCommand([...serving, ...flags], env);
    expect(await second.ended()).toMatchObject({ status: 1 });
    expect(isKept()).toBe(true);
    // Whatever has become of the file, it is as it should be at the end.
    writeFileSync(state, '');
    first.kill('SIGTERM');
    expect(await first.ended()).toMatchObject({ status: 0 });
    expect(isKept()).toBe(true);
  });

  it('of nobody who chose one is no reason to stop: that is a warning', async () => {
    const folder = runtimeFolder();
    const env = { RUNTIME_DIRECTORY: folder };
    const listen = `unix:${tempPath('same.sock')}`;
    const flags = ['--listen', listen, '--backend', '127.0.0.1:9', '--threads', '1'];
    await using first = new RunningCommand(flags, env);
    const file = await controlOf(first);
    // By one name, as from two containers that share the folder: the path is another for the kernel alone.
    const other = `unix:${listen.slice('unix:'.length).toUpperCase()}`;
    const folderOfOther = path.dirname(other.slice('unix:'.length));
    mkdirSync(folderOfOther, { recursive: true });
    await using second = new RunningCommand(['--listen', other, ...flags.slice(2)], env);
    await second.waitFor('stderr', /there is no control socket: another balancer runs by the name/);
    await second.waitFor('stdout', /listening on/);
    expect((await connectControl(file).status()).pid).toBe(first.pid);
  });

  it.each(['Edge', '../x', '', '-x', 'x'.repeat(65), 'a/b'])('is refused as %j', async (name) => {
    await using command = started([`--name=${name}`]);
    expect(await command.ended()).toMatchObject({ status: 2 });
    expect(command.stderr).toContain('--name');
  });
});

describe('the path', () => {
  it('is what --control says, in the place of a dead file', async () => {
    const file = await deadPath();
    await using command = started(['--control', file]);
    expect(await controlOf(command)).toBe(file);
    expect((await connectControl(file).status()).pid).toBe(command.pid);
  });

  it('that cannot be is an error where it was asked for', async () => {
    await using command = started(['--control', '/nowhere/at/all.sock']);
    expect(await command.ended()).toMatchObject({ status: 1 });
    expect(command.stderr).toContain('/nowhere/at/all.sock');
  });

  it('is none with --control off', async () => {
    const folder = runtimeFolder();
    await using command = started(['--control', 'off'], { RUNTIME_DIRECTORY: folder });
    await command.port();
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).not.toContain('control socket');
  });

  it('that is a backend ends the start, before anybody is served', async () => {
    const file = tempPath('control.sock');
    await using command = started(['--control', file, '--backend', `unix:${file}`]);
    expect(await command.ended()).toMatchObject({ status: 2 });
    expect(command.stderr).toContain('is the control socket of the proxy itself');
    // So begins the log of a proxy that has started.
    expect(command.stderr).not.toContain('"engine":');
    expect(existsSync(file)).toBe(false);
  });

  it('that is taken is an error where it was asked for', async () => {
    const file = tempPath('control.sock');
    await using first = started(['--control', file]);
    await controlOf(first);
    await using second = started(['--control', file]);
    expect(await second.ended()).toMatchObject({ status: 1, stdout: '' });
    expect(second.stderr).toContain(`unix:${file}: a program is listening on this path`);
    expect((await connectControl(file).status()).pid).toBe(first.pid);
  });

  itWhere(
    nobodyRemedy(),
    'that a user has none of is a warning, and the program runs on',
    async () => {
      const backend = await startEcho();
      const [program, [...words]] = asNobody('exec', []);
      await using command = new RunningCommand(
        ['--listen', '127.0.0.1:0', '--backend', backend.address, '--threads', '1'],
        { RUNTIME_DIRECTORY: '', XDG_RUNTIME_DIR: '' },
        undefined,
        `exec ${program} ${words.slice(0, words.indexOf('--')).join(' ')} "$@"`,
      );
      await command.port();
      await command.waitFor('stderr', /"level":40.*there is no control socket: neither/);
    },
  );
});

describe('the folder', () => {
  it('is that of the service, then of the user, then of root', () => {
    const folder = runtimeFolder();
    expect(controlFolder({ RUNTIME_DIRECTORY: '/run/a:/run/b', XDG_RUNTIME_DIR: folder })).toEqual({
      folder: '/run/a',
    });
    expect(controlFolder({ XDG_RUNTIME_DIR: folder })).toEqual({
      folder: path.join(folder, 'spliceway'),
    });
    expect(statSync(path.join(folder, 'spliceway')).mode & 0o777).toBe(0o700);
  });

  it('is not made where there is no room for it', () => {
    const folder = runtimeFolder();
    writeFileSync(path.join(folder, 'spliceway'), '');
    expect(controlFolder({ XDG_RUNTIME_DIR: folder })).toHaveProperty('reason');
    // What cannot even be looked at is nobody's folder.
    const another = controlFolder({ XDG_RUNTIME_DIR: `/${'x'.repeat(300)}` });
    expect(another).not.toMatchObject({ folder: expect.stringContaining('x'.repeat(300)) });
  });
});

describe('another user', () => {
  itWhere(nobodyRemedy(), 'is denied by the system', async () => {
    const file = tempPath('control.sock');
    chmodSync(path.dirname(file), 0o755);
    await using command = started(['--control', file]);
    await command.port();
    const [program, words] = asNobody(process.execPath, [
      '-e',
      `require('node:net').connect(${JSON.stringify(file)}).on('error', ({ code }) => console.log(code))
         .on('connect', () => { console.log('let in'); process.exit(); })`,
    ]);
    const { execFile } = await import('node:child_process');
    const said = new Promise<string>((resolve, reject) => {
      execFile(program, words, (error, stdout) => (error ? reject(error) : resolve(stdout)));
    });
    expect(await within('what nobody is told', said)).toBe('EACCES\n');
  });
});
