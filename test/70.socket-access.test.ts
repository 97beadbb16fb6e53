/** Who may connect to a Unix listener: `mode`, `user` and `group` of its socket. */

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findProgram } from '../scripts/lib/run.js';
import { parseOptions } from '../src/config/schema.js';
import { SocketFile } from '../src/entrance/socket-file.js';
import { listenError } from '../src/errors/listen-error.js';
import { runCommand } from './helpers/cli.js';
import { oneService } from './helpers/config.js';
import { within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { otherUsers } from './helpers/machine.js';
import { packageUrl } from './helpers/program.js';
import { startProxy } from './helpers/proxies.js';
import { tempFiles } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

const files = tempFiles();
const backends = ['127.0.0.1:9'];
const itAsRoot = it.runIf(process.getuid?.() === 0);

const permissions = (path: string) => statSync(path).mode & 0o777;

const umask = () =>
  Number.parseInt(/Umask:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '', 8);

function withUmask(umask: number): void {
  const before = process.umask(umask);
  onTestFinished(() => void process.umask(before));
}

function refusal(listen: unknown): string {
  try {
    parseOptions({ listen, backends } as never);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe.each(ways)('a unix listener with %s', (way) => {
  it('has the mode that the umask leaves where none is given', async () => {
    withUmask(0o022);
    const path = files.path('default.sock');
    await startProxy(way, { listen: `unix:${path}`, backends });
    expect(permissions(path)).toBe(0o755);
  });

  it('has the mode that was asked for, wider or narrower than the umask', async () => {
    withUmask(0o022);
    const [wide, narrow, text] = ['wide', 'narrow', 'text'].map((name) => files.path(name));
    const listen = [
      { address: `unix:${wide}`, mode: '0666' },
      { address: `unix:${narrow}`, mode: '600' },
      `unix:${text},mode=0660`,
    ];
    const proxy = await startProxy(way, { listen, backends });
    expect([wide, narrow, text].map((path) => permissions(path ?? ''))).toEqual([
      0o666, 0o600, 0o660,
    ]);
    expect(proxy.addresses()[2]?.address).toBe(text);
    expect(process.umask()).toBe(0o022);
  });

  itAsRoot('belongs to the user and the group that were asked for', async () => {
    const path = files.path('owned.sock');
    const listen = { address: `unix:${path}`, mode: '0660', user: 'nobody', group: 12_345 };
    await startProxy(way, { listen, backends });
    const { uid, gid } = statSync(path);
    expect(uid).toBeGreaterThan(0);
    expect(gid).toBe(12_345);
    expect(permissions(path)).toBe(0o660);
  });
});

/** A proxy on a Unix socket that goes to another user; prints who accepts, and what it warned of. */
const GIVING_AWAY = `
  import { once } from 'node:events';
  import { statSync } from 'node:fs';
  import { connect } from 'node:net';
  const { packageUrl, path } = JSON.parse(process.argv.at(-1));
  const { createProxy } = await import(packageUrl);
  const listen = { address: 'unix:' + path, mode: '0660', user: 12345, group: 7 };
  const proxy = await createProxy({ listen, backends: '127.0.0.1:9', threads: 1 });
  const warnings = [];
  proxy.on('warning', (warning) => warnings.push(warning));
  await new Promise(setImmediate);
  const { uid, gid, mode } = statSync(path);
  console.log(JSON.stringify([proxy.accept, warnings, uid, gid, mode & 0o777]));
  await proxy.close();`;

/** A listener of Node on such a socket; prints whether it can pause, and who is accepted after that. */
const PAUSING = `
  import { once } from 'node:events';
  import { connect } from 'node:net';
  const { packageUrl, path } = JSON.parse(process.argv.at(-1));
  const [{ Listener }, { nativeDescriptors }, { loadAddon }] = await Promise.all(
    ['entrance/listener.js', 'engine/native/descriptors.js', 'engine/native/addon.js'].map(
      (file) => import(new URL(file, packageUrl)),
    ),
  );
  const address = { kind: 'unix', path, access: { user: 12345 } };
  let listener;
  const accepted = new Promise((resolve) => {
    const onConnection = (socket) => resolve(socket.destroy());
    listener = new Listener(address, { onConnection }, nativeDescriptors(loadAddon().binding));
  });
  await listener.open();
  const paused = listener.pause();
  listener.resume();
  connect(path).on('error', () => {});
  await accepted;
  console.log(JSON.stringify([paused, listener.address.address]));
  listener.close();`;

describe('the file of a socket', () => {
  it('is not wider than its mode, nor open to the group that it has first, from when it is bound', async () => {
    withUmask(0);
    const umasks: number[] = [];
    const bind = () => void umasks.push(umask());
    new SocketFile('/x', { mode: 0o600 }).bindBy(bind);
    new SocketFile('/x', { mode: 0o664, group: 1 }).bindBy(bind);
    new SocketFile('/x', { group: 1 }).bindBy(bind);
    new SocketFile('/x', { mode: 0o777 }).bindBy(bind);
    expect(umasks).toEqual([0o022, 0o022, 0o020, 0]);
    expect(umask()).toBe(0);
  });

  it('leaves the umask alone without a mode and a group, and never asks for it, which sets it to 0', () => {
    withUmask(0o022);
    const asked = vi.spyOn(process, 'umask');
    onTestFinished(() => asked.mockRestore());
    const bind = vi.fn();
    new SocketFile('/x').bindBy(bind);
    new SocketFile('/x', { user: 1 }).bindBy(bind);
    new SocketFile('/x', { mode: 0o755 }).bindBy(bind);
    expect(asked.mock.calls).toEqual([]);
    new SocketFile('/x', { mode: 0o444 }).bindBy(bind);
    expect(asked.mock.calls).toEqual([[0o222], [0o022]]);
    expect(bind).toHaveBeenCalledTimes(4);
  });
});

describe('a socket that goes to another user', () => {
  /** As root, without what root needs to change the files of others. */
  const remedy =
    otherUsers() ?? (findProgram('setpriv') ? undefined : 'apt-get install util-linux');

  itWhere(remedy, 'takes CAP_CHOWN alone, and the loops accept all the same', async () => {
    const task = JSON.stringify({ packageUrl, path: files.path('given.sock') });
    const program = [process.execPath, '--input-type=module', '-e', GIVING_AWAY, task];
    const { stdout } = await within(
      'the program',
      promisify(execFile)('setpriv', ['--bounding-set=-fowner', ...program]),
    );
    expect(JSON.parse(stdout)).toEqual(['native', [], 12_345, 7, 0o660]);
  });

  itWhere(remedy, 'pauses with CAP_CHOWN alone, where Node accepts', async () => {
    const path = files.path('pausing.sock');
    const task = JSON.stringify({ packageUrl, path });
    const program = [process.execPath, '--input-type=module', '-e', PAUSING, task];
    const { stdout } = await within(
      'the program',
      promisify(execFile)('setpriv', ['--bounding-set=-fowner', ...program]),
    );
    expect(JSON.parse(stdout)).toEqual([true, path]);
  });
});

describe('a file that took the place of the socket', () => {
  const access = { mode: 0o666, ...(process.getuid?.() === 0 ? { user: 12_345, group: 7 } : {}) };

  /** A socket that was bound, and all but its mode and owner set. */
  async function boundSocket(path: string): Promise<SocketFile> {
    const file = new SocketFile(path, access);
    const server = createServer();
    onTestFinished(() => void server.close());
    const listening = once(server, 'listening');
    file.bindBy(() => server.listen(path));
    await listening;
    file.bound();
    return file;
  }

  it('keeps its mode and owner: a symbolic link is not followed, to a file or to a socket', async () => {
    const path = files.path('linked.sock');
    const file = await boundSocket(path);
    const secret = files.write('secret', '');
    chmodSync(secret, 0o600);
    renameSync(path, `${path}.away`);
    const before = [secret, `${path}.away`].map((name) => [permissions(name), statSync(name).uid]);
    for (const target of [secret, `${path}.away`]) {
      symlinkSync(target, path);
      expect(() => file.permit()).toThrow(/was replaced/);
      rmSync(path);
    }
    const after = [secret, `${path}.away`].map((name) => [permissions(name), statSync(name).uid]);
    expect(after).toEqual(before);
  });

  it('keeps its mode and owner: another socket', async () => {
    const path = files.path('other.sock');
    const file = await boundSocket(path);
    renameSync(path, `${path}.away`);
    const other = createServer();
    onTestFinished(() => void other.close());
    await once(other.listen(path), 'listening');
    const before = permissions(path);
    expect(() => file.permit()).toThrow(/was replaced/);
    expect(permissions(path)).toBe(before);
  });

  it('cannot be told from it without /proc, so nothing is bound then', async () => {
    const [path, nowhere] = [files.path('no-proc.sock'), files.path('no-proc')];
    const cause = await new SocketFile(path, access, nowhere).prepare().catch((error) => error);
    expect(listenError(`unix:${path}`, cause).message).toContain('/proc, which is not mounted');
    await new SocketFile(path, {}, nowhere).prepare();
  });

  it('is none where it was removed, which is told, and not that the folder is missing', async () => {
    const path = files.path('removed.sock');
    const file = await boundSocket(path);
    rmSync(path);
    const causes = [file.keepWhile(() => {})];
    try {
      file.permit();
    } catch (error) {
      causes.push(error as Error);
    }
    expect(causes).toHaveLength(2);
    for (const cause of causes) {
      const { message } = listenError(`unix:${path}`, cause as Error);
      expect(message).toContain('its socket was removed at once, or another file took its place');
    }
  });

  it('is told', () => {
    const cause = Object.assign(new Error('x'), { code: 'ESTALE' });
    const { message } = listenError('unix:/run/x.sock', cause);
    expect(message).toContain('or another file took its place, which was left alone');
  });
});

describe('what is wrong with the access of a listener', () => {
  const path = '/run/spliceway-x.sock';
  it.each([
    [{ address: `unix:${path}`, mode: 660 }, 'listen.mode: 660 is not a mode; quote it, so t'],
    [{ address: `unix:${path}`, mode: '888' }, 'listen.mode: "888" is not a mode; write three'],
    [[`unix:${path},mode=66`], 'listen[0].mode: "66" is not a mode'],
    [[`unix:${path},mod=660`], 'listen[0].mod: unknown option (did you mean '],
    [`unix:${path},mode=660,mode=600`, 'listen: mode is given twice'],
    [{ address: `unix:${path}`, user: 'no-such' }, 'listen.user: this machine has no user "no-su'],
    [{ address: `unix:${path}`, group: 'none_x' }, 'listen.group: this machine has no group "none'],
    [{ address: `unix:${path}`, user: -1 }, 'listen.user: -1 is not a user; give a name, or a nu'],
    [{ address: `unix:${path}`, user: 2 ** 32 - 1 }, '4294967295 is not a user'],
    [{ address: ':5555', mode: '0600' }, ':5555 is not a Unix socket, and only those have a mode'],
    [{ address: 'fd:3', mode: '0600' }, 'fd:3 is open already; mode, user and group are set by'],
    [':5555,mode=0600', ':5555 is not a Unix socket, and only those have a mode'],
    [['fd:3,mode=0600'], 'fd:3 is open already; mode, user and group are set by'],
    [{ mode: '0600' }, 'listen.address: the address is missing'],
  ])('%j', (listen, message) => {
    expect(refusal(listen)).toContain(message);
  });

  it.each([
    ...[', mode=0660', ',Mode=0660', ',mode:0660', ' mode=0660', ' ,mode=0660', ',mode', ',a/b'],
    ...[',max-sessions=3', '?mode=0660', ',mode=0660,', ',,mode=0660', ',mode=0660 ', ',mode =6'],
  ])('is no part of the path, but an error: %j', (option) => {
    const [end = ''] = option.split(',', 1);
    const wrong = end === '' ? 'is not an option' : `"unix:${path}${end}" is not a path that text`;
    const message = refusal(`unix:${path}${option}`);
    expect(message).toContain(wrong);
    expect(message).toContain('; write unix:/path,mode=0660,user=NAME,group=NAME, or { address');
    expect(message).toContain('or { address: "unix:/path" }, whose path may have commas');
  });

  it('is no part of the path of a backend, but an error', () => {
    for (const option of [' , weight=2', ' weight=2', '?weight=2', ',weight', ',weight=2,']) {
      const wrong = () => parseOptions({ backends: `unix:${path}${option}` });
      expect(wrong).toThrow(
        / is not (an option|a path that text may have); write ADDRESS,name=NAME,.* or \{ address: "unix:/,
      );
    }
    const { backends } = oneService(parseOptions({ backends: [{ address: `unix:${path}, a?` }] }));
    expect(backends[0]?.name).toBe(`unix:${path}, a?`);
  });

  it('may have spaces inside in the object form: the name of a group', () => {
    const bin = files.path('bin');
    mkdirSync(bin);
    const program = '#!/bin/sh\ntest "$1,$2" = "group,domain users" && echo "$2:x:12345:"\n';
    writeFileSync(`${bin}/getent`, program, { mode: 0o755 });
    vi.stubEnv('PATH', bin);
    onTestFinished(() => void vi.unstubAllEnvs());
    const listen = { address: `unix:${path}`, group: 'domain users' };
    expect(oneService(parseOptions({ listen, backends })).listen).toMatchObject([
      { access: { group: 12_345 } },
    ]);
    for (const group of [' users', 'users ', 'a\tb', 'a\nb', 'a:b', 'a,b', '-a b']) {
      expect(refusal({ ...listen, group })).toContain('is not a group; give a name');
    }
  });

  it('is not cut at a second equals sign', () => {
    expect(refusal(`unix:${path},group=root=evil`)).toContain('has no group "root=evil"');
  });

  it('is found by spliceway check, which shows what it would set', async () => {
    const at = `unix:${path}`;
    const wrong = files.write(
      'wrong.yaml',
      `listen:\n  - address: ${at}\n    user: no-such\nbackends: a:1\n`,
    );
    const { status, stderr } = await runCommand('check', '--config', wrong);
    expect(status).toBe(2);
    expect(stderr).toContain(`${wrong}:3:11: listen[0].user: this machine has no user "no-such"`);
    const good = files.write(
      'good.yaml',
      `listen:\n  - address: ${at}\n    mode: "0660"\n    user: root\n    group: 7\nbackends: a:1\n`,
    );
    const { stdout } = await runCommand('check', '--config', good);
    expect(stdout).toContain(`  listen    ${at} (mode 0660, user 0, group 7)\n`);
  });

  it('is told where the system does not permit it', () => {
    const cause = Object.assign(new Error('x'), { code: 'EPERM', syscall: 'chown' });
    const { message } = listenError(`unix:${path}`, cause);
    expect(message).toContain('not permitted to give the socket to this user or group');
  });

  it.each(['listen', 'bind'])(
    'is another thing than a file system that takes no sockets, as vfat: %s',
    (syscall) => {
      const cause = Object.assign(new Error('x'), { code: 'EPERM', syscall });
      expect(listenError(`unix:${path}`, cause).message).toContain(
        'file system can hold no socket',
      );
    },
  );
});
