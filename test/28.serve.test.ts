/** `spliceway serve`: the command as a program that runs, whatever happens around it. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RunningCommand, runCommand, runningInShell } from './helpers/cli.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { refusedAddress, startServer } from './helpers/servers.js';
import { tempPath } from './helpers/temp.js';

describe('spliceway serve', () => {
  it('takes turns over its backends and stops with 0', async () => {
    const pool = [await startGreeter('a'), await startGreeter('b')];
    await using command = new RunningCommand([
      '--listen',
      '127.0.0.1:0',
      ...pool.flatMap((address) => ['--backend', address]),
    ]);
    const port = await command.port();
    const greetings = [];
    for (let turn = 0; turn < 4; turn++) {
      const socket = await client(port);
      greetings.push(await nextText(socket));
      socket.destroy();
    }
    expect(greetings).toEqual(['a\n', 'b\n', 'a\n', 'b\n']);
    command.kill('SIGTERM');
    const { status, stdout } = await command.ended();
    expect(status).toBe(0);
    expect(stdout).toBe(`listening on 127.0.0.1:${port}\n`);
  });

  it('prints one line for each listener, and nothing else, on standard output', async () => {
    const path = tempPath('serve.sock');
    await using command = new RunningCommand([
      'serve',
      ...['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0', '--listen', `unix:${path}`],
      ...['--backend', await startGreeter('a'), '--engine', 'stream', '--log-level', 'trace'],
    ]);
    await command.waitFor('stdout', /unix:.*\n/);
    const ports = [...command.stdout.matchAll(/^listening on 127\.0\.0\.1:(\d+)$/gm)];
    expect(command.stdout.trimEnd().split('\n')).toHaveLength(3);
    expect(command.stdout).toContain(`listening on unix:${path}\n`);
    for (const to of [...ports.map(([, port]) => Number(port)), path]) {
      const socket = await client(to);
      expect(await nextText(socket)).toBe('a\n');
      socket.destroy();
    }
    command.kill('SIGINT');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it('runs from a file, whose settings flags override', async () => {
    const path = tempPath('serve.json');
    const backends = [await startGreeter('a')];
    const config = { listen: '127.0.0.1:0', backends, engine: 'native', threads: 1 };
    writeFileSync(path, JSON.stringify(config));
    await using command = new RunningCommand(['--config', path, '--engine', 'stream']);
    expect(await nextText(await client(await command.port()))).toBe('a\n');
    expect(command.stderr).toContain('"engine":"stream"');
  });

  it('takes from a file, of standard input too, how it drains and logs, which flags override', async () => {
    const config = { listen: '127.0.0.1:0', backends: await startGreeter('a') };
    const own = { drainTimeout: '2h', logLevel: 'debug', logFormat: 'pretty' };
    await using command = new RunningCommand(['--config', '-', '--log-format', 'json']);
    command.type(JSON.stringify({ ...config, ...own }));
    const socket = await client(await command.port());
    await nextText(socket);
    await command.waitFor('stderr', /"level":20/);
    command.kill('SIGTERM');
    await command.waitFor('stderr', /"msg":"SIGTERM: .*up to 2h for 1 session/);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it('fails with 1 when the listener is in use', async () => {
    const { address: listener } = await startServer();
    const result = await runCommand('--listen', listener, '--backend', '127.0.0.1:9');
    expect(result).toMatchObject({ status: 1, stdout: '' });
    expect(result.stderr).toMatch(
      new RegExp(
        `^spliceway: cannot listen on ${listener}: .* in use.* \\(ERR_SPLICEWAY_LISTEN\\)$`,
        'm',
      ),
    );
  });

  it.each([
    ['127.0.0.1', ''],
    ['0.0.0.0', '127.0.0.1'],
  ])('says that its own listeners on %j and %j may overlap', async (...hosts) => {
    const port = (await refusedAddress()).split(':')[1];
    const listeners = hosts.map((host) => `${host}:${port}`);
    const { status, stderr } = await runCommand(
      ...listeners.flatMap((listener) => ['--listen', listener]),
      ...['--backend', '127.0.0.1:9', '--log-level', 'silent'],
    );
    expect(status).toBe(1);
    expect(stderr).toContain(`${listeners.join(' and ')} may overlap; keep one of them`);
  });

  it.each(['json', 'pretty'])('goes on serving when the log has no room, %s', async (format) => {
    const flags = ['--listen', '127.0.0.1:0', '--log-format', format];
    const pool = ['--backend', await refusedAddress(), '--backend', await startGreeter('a')];
    await using command = runningInShell('exec "$@" 2>/dev/full', [...flags, ...pool]);
    const port = await command.port();
    for (let turn = 0; turn < 4; turn++) {
      expect(await nextText(await client(port))).toBe('a\n');
    }
    command.kill('SIGTERM');
    command.kill('SIGINT');
    expect(await command.ended()).toMatchObject({ status: 0, signal: null });
  });

  it('starts with 128 open files, as doctor and the README say', async () => {
    const pool = ['--backend', await startGreeter('a'), '--threads', '2'];
    const flags = ['--listen', '127.0.0.1:0', ...pool];
    await using command = runningInShell('ulimit -n 128; exec "$@"', flags);
    expect(await nextText(await client(await command.port()))).toBe('a\n');
  });

  it.each([20, 40])('says what to do where %d open files do not let it load', async (limit) => {
    const flags = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9'];
    await using command = runningInShell(`ulimit -n ${limit}; exec "$@"`, flags);
    const { status, stdout, stderr } = await command.ended();
    expect(stderr).toMatch(/^spliceway: .* ulimit -n 1024 \(ERR_SPLICEWAY_RESOURCE_LIMIT\)\n$/);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  });

  it('outlives dead backends: disconnects the client, says why, goes on', async () => {
    const dead = await refusedAddress();
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', dead, '--log-format', 'json'],
    ]);
    const port = await command.port();
    for (let turn = 0; turn < 20; turn++) {
      const socket = await client(port);
      socket.resume();
      await once(socket, 'close');
    }
    await command.waitFor('stderr', /ERR_SPLICEWAY_NO_BACKEND/);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
    const lines = command.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { level: number; code?: string; count?: number });
    for (const code of ['ERR_SPLICEWAY_NO_BACKEND', 'ERR_SPLICEWAY_BACKEND_FAILED']) {
      const ofCode = lines.filter((line) => line.code === code);
      expect(ofCode[0]).toMatchObject({ level: 40, count: 1 });
      // Twenty at once make two lines, not twenty; a slow machine may need a few more.
      expect(ofCode.length).toBeLessThan(10);
      expect(ofCode.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(20);
    }
  });

  it('logs nothing when told to be silent', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await refusedAddress(), '--log-level', 'silent'],
    ]);
    const socket = await client(await command.port());
    socket.resume();
    await once(socket, 'close');
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0, stderr: '' });
  });

  it('logs each session at debug, with its bytes', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await startGreeter('a'), '--log-level', 'debug'],
    ]);
    const socket = await client(await command.port());
    await nextText(socket);
    const { localPort } = socket;
    socket.end('four');
    const [line] = await command.waitFor('stderr', /^.*session closed.*$/m);
    expect(JSON.parse(line)).toMatchObject({
      level: 20,
      session: 1,
      client: `127.0.0.1:${localPort}`,
      reason: 'finished',
      bytesUpstream: 4,
      bytesDownstream: 6,
    });
  });
});
