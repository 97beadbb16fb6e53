/** A terminal that is stopped, as by Ctrl+S, holds up neither signals nor clients. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { within } from './helpers/deadline.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { tempPath } from './helpers/temp.js';

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const helper = fileURLToPath(new URL('helpers/terminal.py', import.meta.url));

/** Starts the command on a terminal that is stopped now, and may not be the command's to open. */
async function onStoppedTerminal(args: readonly string[], { isForeign = false } = {}) {
  const options = isForeign ? ['--foreign'] : [];
  const python = spawn('python3', [helper, ...options, process.execPath, command, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(python.stdout)[Symbol.asyncIterator]();
  const next = async () => (await within('a line of the terminal', lines.next())).value as string;
  const [pid = 0, port = 0] = (await next()).split(' ').map(Number);
  onTestFinished(() => {
    python.kill('SIGKILL');
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  });
  return {
    port,
    kill: (signal: NodeJS.Signals = 'SIGTERM') => process.kill(pid, signal),
    /** The terminal goes on, or stays as it is until the command has ended. */
    end: async (goesOn: boolean) => {
      if (goesOn) python.stdin.write('go on\n');
      else python.stdin.end();
      const status = await next();
      const rest = [];
      for await (const line of lines) rest.push(line);
      if (python.exitCode === null) await once(python, 'exit');
      return { status, output: rest.join('\n') };
    },
  };
}

describe('a stopped terminal', () => {
  const flags = ['--listen', '127.0.0.1:0', '--accept', 'node', '--log-level', 'trace'];

  it.each([
    ['of its user', false],
    ['of another user, as after su', true],
  ])('%s keeps no client waiting, and no signal', async (_whose, isForeign) => {
    const backend = await startGreeter('a');
    const args = [...flags, '--backend', backend];
    const terminal = await onStoppedTerminal(args, { isForeign });
    for (let turn = 0; turn < 20; turn++) {
      const socket = await client(terminal.port);
      expect(await nextText(socket)).toBe('a\n');
      socket.destroy();
    }
    terminal.kill();
    expect(await terminal.end(false)).toMatchObject({ status: '0' });
  });

  it('gets the lines that waited when it goes on', async () => {
    const backend = await startGreeter('a');
    const terminal = await onStoppedTerminal([...flags, '--backend', backend]);
    const socket = await client(terminal.port);
    await nextText(socket);
    terminal.kill();
    // The session is open, so that the command stays until the terminal has gone on.
    const ended = terminal.end(true);
    setImmediate(() => socket.destroy());
    const { status, output } = await ended;
    expect(status).toBe('0');
    expect(output).toMatch(/SIGTERM: .*\n.*stopped/s);
  });

  it('that goes away ends the program, also one with a file that it could read again', async () => {
    const file = tempPath('balance.yaml');
    writeFileSync(file, `listen: 127.0.0.1:0\nbackends: [${await startGreeter('a')}]\n`);
    const terminal = await onStoppedTerminal(['--config', file, '--accept', 'node']);
    terminal.kill('SIGHUP');
    // As Python has the status of a process that a signal ended.
    expect(await terminal.end(false)).toMatchObject({ status: '-1' });
  });

  it('stops no demonstration', async () => {
    const terminal = await onStoppedTerminal(['demo', '--listen', '127.0.0.1:0']);
    terminal.kill();
    expect(await terminal.end(false)).toMatchObject({ status: '0' });
  });
});
