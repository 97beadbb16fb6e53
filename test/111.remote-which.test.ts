/** Which balancer a command talks to. */

import { once } from 'node:events';
import { chmodSync, linkSync, renameSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { asNobody, nobodyRemedy } from '../scripts/lib/nobody.js';
import { foldersOfSockets } from '../src/cli/control-place.js';
import { RunningCommand, runCommand } from './helpers/cli.js';
import { environmentOf, runtimeFolder, startBalancer } from './helpers/remote.js';
import { ANY_PORT } from './helpers/services.js';
import { tempPath } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

const flags = ['--listen', ANY_PORT, '--backend', '127.0.0.1:9', '--threads', '1'];

async function runIn(folder: string, ...args: string[]) {
  await using command = new RunningCommand(args, environmentOf(folder));
  return await command.ended();
}

const headOf = ({ stdout }: { readonly stdout: string }) => stdout.split(':')[0];

/** The file of a socket that a process has left behind. */
async function leaveDead(file: string): Promise<void> {
  const server = createServer();
  await once(server.listen(file), 'listening');
  linkSync(file, `${file}.kept`);
  await once(server.close(), 'close');
  renameSync(`${file}.kept`, file);
}

describe('the balancer that is meant', () => {
  it('is the one that runs; what has ended without a word is not counted', async () => {
    const folder = runtimeFolder();
    await leaveDead(path.join(folder, 'a-dead.sock'));
    const { command } = await startBalancer({ flags, folder, name: 'only' });
    expect(headOf(await runIn(folder, 'status'))).toBe('only');
    const dead = await runIn(folder, 'status', '--name', 'a-dead');
    expect(dead).toMatchObject({ status: 3, stdout: '' });
    expect(dead.stderr).toContain('nobody listens there any more');
    command.kill('SIGKILL');
    await command.ended();
    const none = await runIn(folder, 'status');
    expect(none).toMatchObject({ status: 3, stdout: '' });
    expect(none.stderr).toContain(`no balancer was found in ${folder}; start one`);
  });

  it('is to be said where several run: by --name, or by the file of its socket', async () => {
    const folder = runtimeFolder();
    await startBalancer({ flags, folder, name: 'one' });
    await startBalancer({ flags, folder, name: 'two' });
    const which = await runIn(folder, 'status');
    expect(which).toMatchObject({ status: 3, stdout: '' });
    expect(which.stderr).toContain(
      'several balancers run here: one, two; say which one, as in --name one',
    );
    expect(headOf(await runIn(folder, 'status', '--name', 'two'))).toBe('two');
    expect(headOf(await runIn(folder, 'status', '--control', `${folder}/one.sock`))).toBe('one');
    const wrong = await runIn(folder, 'set', 'db-1', 'weight=2', '--name', 'three');
    expect(wrong).toMatchObject({ status: 3, stdout: '' });
    expect(wrong.stderr).toContain('no balancer is called three here; there is one, two');
  });

  it('is looked for in no folder where its socket is named', async () => {
    const gone = await runCommand('status', '--control', tempPath('gone.sock'));
    expect(gone).toMatchObject({ status: 3, stdout: '' });
    expect(gone.stderr).toMatch(
      /gone\.sock: there is no such file; .*ERR_SPLICEWAY_CONTROL_FAILED/,
    );
  });

  it('is none where the path of its socket is empty, as of a variable that is not set', async () => {
    for (const args of [['status'], ['reset', '--yes']]) {
      const empty = await runCommand(...args, '--control', '');
      expect(empty).toMatchObject({ status: 2, stdout: '' });
      expect(empty.stderr).toContain('is not that of a file');
    }
  });

  it('is not guessed where a flag stands before the command', async () => {
    const { status, stderr } = await runCommand('--name', 'edge', 'status');
    expect(status).toBe(2);
    expect(stderr).toContain('write it first, as in spliceway status --name edge');
  });

  it('is that of the service, for whoever was started for one', () => {
    expect(foldersOfSockets({ RUNTIME_DIRECTORY: '/run/a:/run/b' })).toEqual(['/run/a']);
    const own = runtimeFolder();
    expect(foldersOfSockets({ XDG_RUNTIME_DIR: own })).toEqual([
      path.join(own, 'spliceway'),
      '/run/spliceway',
    ]);
    expect(foldersOfSockets({ RUNTIME_DIRECTORY: '' })).toEqual(['/run/spliceway']);
  });

  itWhere(nobodyRemedy(), 'that is of another user is no matter of this one', async () => {
    const folder = runtimeFolder();
    chmodSync(path.dirname(folder), 0o755);
    await startBalancer({ flags, folder });
    const [program, words] = asNobody('exec', []);
    const asOther = [program, ...words.slice(0, words.indexOf('--'))].join(' ');
    const run = async (name = 'status') => {
      const shell = `exec ${asOther} "$@"`;
      await using command = new RunningCommand([name], environmentOf(folder), undefined, shell);
      return await command.ended();
    };
    const closed = await run();
    expect(closed).toMatchObject({ status: 3, stdout: '' });
    expect(closed.stderr).toContain(`${folder} is another user's: ask as that user, or as root`);
    // Doctor has more to tell.
    const told = await run('doctor');
    expect(told.stdout).toMatch(/^balancer {2}unknown; .* is another user's: ask as that user/m);
    expect(told.stderr).toBe('');
    // Who may look into the folder may still not connect.
    chmodSync(folder, 0o755);
    const denied = await run();
    expect(denied).toMatchObject({ status: 3, stdout: '' });
    expect(denied.stderr).toContain(
      'permission denied; it is for the user that the balancer runs as',
    );
  });
});
