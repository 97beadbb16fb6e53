import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { verdict } from '../src/cli/demo.js';
import { formatBytes } from '../src/cli/live-line.js';
import { LogDestination } from '../src/cli/log-destination.js';
import { RateLimit } from '../src/cli/rate-limit.js';
import { printError } from '../src/cli/status.js';
import { RunningCommand, runCommand, runningInShell } from './helpers/cli.js';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spliceway-cli-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('spliceway, asked about itself', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await runCommand('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it.each([[['--help']], [['serve', '--help']]])('explains itself: %j', async (args) => {
    const result = await runCommand(...args);
    expect(result.status).toBe(0);
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('--backend <address[,weight=N]>');
    expect(result.stdout).toContain('$ spliceway --listen :5555 --backend 127.0.0.1:3306');
  });

  it('lists its commands', async () => {
    expect((await runCommand('--help')).stdout).toMatch(/serve .*check .*doctor /s);
  });
});

describe.concurrent('spliceway, used wrongly, exits with 2', () => {
  const serve = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9'];
  const option = 'ERR_SPLICEWAY_INVALID_OPTION';
  const address = 'ERR_SPLICEWAY_INVALID_ADDRESS';
  const duration = 'ERR_SPLICEWAY_INVALID_DURATION';

  it.each<[string[], string, string]>([
    [['--lisen', ':0'], option, "unknown option '--lisen' (Did you mean --listen?)"],
    [['chek'], option, '"chek" is neither a command nor an option; did you mean "check"?'],
    [['--listen'], option, "option '-l, --listen <address>' argument missing"],
    [['check'], option, "required option '-c, --config <file>' not specified"],
    [['check', 'a.yaml', '--config', 'a.yaml'], option, 'too many arguments'],
    [[...serve, '--log-level', 'loud'], option, "argument 'loud' is invalid"],
    [[...serve, '--log-format', 'xml'], option, "argument 'xml' is invalid"],
    [['--backend', 'a:1'], option, 'there is nowhere to listen; add --listen'],
    [['--listen', 'x', '--backend', 'a:1'], address, '--listen: "x" is not an address'],
    [['--listen', ':70000', '--backend', 'a:1'], address, '--listen: ":70000" is not an address'],
    [['--listen', ':70000'], address, 'port 70000 is too high'],
    [[...serve, '--backend', 'b'], address, '--backend: "b" is not an address'],
    [[...serve, '--backend', 'b:70000'], address, 'port 70000 is too high'],
    [[...serve, '--backend', 'b:1,weight=0'], option, '--backend b:1,weight=0: weight: 0 is not'],
    [[...serve, '--backend', 'b:1,weight=-1'], option, 'weight: -1 is not a whole number from 1'],
    [[...serve, '--backend', '127.0.0.1:9'], option, '--backend 127.0.0.1:9: 127.0.0.1:9 is the'],
    [[...serve, '--listen', ':1', '--listen', ':1'], option, '--listen: :1 is the same listener'],
    [[...serve, '--policy', 'random'], option, '--policy: "random" is not a policy'],
    [[...serve, '--engine', 'turbo'], option, '--engine: "turbo" is not an engine'],
    [[...serve, '--accept', 'nativ'], option, '--accept: "nativ" is not a way to accept (did you'],
    [[...serve, '--accept', 'native', '--engine', 'stream'], option, '--accept: the stream engine'],
    [[...serve, '--transfer', 'sendfile'], option, '--transfer: "sendfile" is not a way to move'],
    [[...serve, '--busy-poll', '5'], duration, '--busy-poll: "5" is not a duration'],
    [[...serve, '--busy-poll', '2s'], duration, 'the longest here is 1s'],
    [[...serve, '--threads', '0'], option, '--threads: 0 is not a whole number from 1 to 256'],
    [[...serve, '--threads', 'many'], option, '--threads: "many" is not a whole number'],
    [[...serve, '--connect-timeout', '5'], duration, '--connect-timeout: "5" is not a duration'],
    [[...serve, '--idle-timeout', 'x'], duration, '--idle-timeout: "x" is not a duration'],
    [[...serve, '--half-close-timeout', '-1s'], duration, '--half-close-timeout: "-1s" is not'],
    [[...serve, '--drain-timeout', '1d'], duration, '--drain-timeout: "1d" is not a duration'],
    [['--config', 'a.yaml', '--listen', ':0'], option, '--listen cannot be combined with --config'],
    [['--config', 'a.yaml', '--backend', 'a:1'], option, '--backend cannot be combined with'],
    [['--threads', '0'], option, '--threads: 0 is not'],
  ])('%j', async (args, code, message) => {
    const { status, stdout, stderr } = await runCommand(...args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(new RegExp(`^spliceway: .* \\(${code}\\)$`, 'm'));
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('on a file that is absent or wrong', async () => {
    const absent = join(folder, 'absent.yaml');
    expect(await runCommand('--config', absent)).toMatchObject({
      status: 2,
      stderr: `spliceway: ${absent}: cannot be read: there is no such file (ERR_SPLICEWAY_CONFIG_FILE)\n`,
    });
    const native = file('native.yaml', 'listen: :0\nbackends: [a:1]\naccept: native\n');
    expect(await runCommand('--config', native, '--engine', 'stream')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the stream engine cannot accept natively'),
    });
    const wrong = file('wrong.yaml', 'listen: :0\nbackends: []\n');
    const { status, stderr } = await runCommand('--config', wrong);
    expect(status).toBe(2);
    expect(stderr).toContain(`${wrong}:2:11: backends: the pool is empty`);
  });
});

describe('spliceway check', () => {
  it('says what a good file holds', async () => {
    const path = file('good.yaml', 'listen: :5555\nbackends: [a:1, "b:2,weight=3"]\nthreads: 2\n');
    expect(await runCommand('check', '--config', path)).toMatchObject({
      status: 0,
      stderr: '',
      stdout: [
        `${path}: ok`,
        '  listen    :5555',
        '  backend   a:1, weight 1',
        '  backend   b:2, weight 3',
        '  policy    round-robin',
        '  engine    auto, threads 2, accept auto',
        '  transfer  auto, busy poll 0',
        '  timeouts  connect 5s, idle 1h, half-close 5m',
        '',
      ].join('\n'),
    });
  });

  it('exits with 2 and one line for each error of a bad file', async () => {
    const path = file('bad.json', '{\n"listen": "x",\n"backends": ["a:1,weight=0"]\n}');
    const { status, stdout, stderr } = await runCommand('check', '--config', path);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const [first, second, ...rest] = stderr.trimEnd().split('\n');
    expect(first).toMatch(/bad\.json:2:11: listen: "x" is not .* \(ERR_SPLICEWAY_CONFIG_FILE\)$/);
    expect(second).toMatch(/bad\.json:3:14: backends\[0\]\.weight: 0 is not/);
    expect(rest).toEqual([]);
  });

  it.each([
    ['listen: ":0"\n---\nbackends: [a:1]\n', ':2:1: a second document begins here'],
    ['listen: ":0"\nbackends: [a:1]\n[a]: x\n', ': a key must be text'],
  ])('has its own words for %j, not those of the YAML library', async (text, words) => {
    const { status, stderr } = await runCommand('check', '--config', file('odd.yaml', text));
    expect(status).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/parseAllDocuments|stringKeys/);
  });
});

describe('spliceway doctor', () => {
  it('shows the limits of the machine, and its status is its verdict', async () => {
    const { status, stdout, stderr } = await runCommand('doctor');
    expect(stderr).toBe('');
    for (const label of [
      'system',
      'node',
      'engine',
      'addon',
      'splice',
      'open files',
      'somaxconn',
    ]) {
      expect(stdout).toMatch(new RegExp(`^${label} +\\S`, 'm'));
    }
    const works = /^verdict +the native engine works here$/m.test(stdout);
    expect(status).toBe(works ? 0 : 1);
  });
});

describe('spliceway serve', () => {
  const started: { close(): void }[] = [];
  afterEach(() => {
    for (const server of started.splice(0)) server.close();
  });

  /** A backend that greets with its name and then echoes. */
  async function backend(name: string): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.write(`${name}\n`);
      socket.pipe(socket);
    });
    started.push({
      close() {
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    });
    return `127.0.0.1:${await listen(server)}`;
  }

  async function listen(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  /** An address that nobody listens on: it was free a moment ago. */
  async function deadAddress(): Promise<string> {
    const server = createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    return `127.0.0.1:${port}`;
  }

  /** A connected client with everything it has been sent so far. */
  async function client(to: number | string): Promise<Socket> {
    const socket = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
    socket.on('error', () => {});
    started.push({ close: () => socket.destroy() });
    await once(socket, 'connect');
    return socket.setEncoding('utf8');
  }

  async function nextText(socket: Socket): Promise<string> {
    const [text] = (await once(socket, 'data')) as [string];
    return text;
  }

  it('takes turns over its backends and stops with 0', async () => {
    const pool = [await backend('a'), await backend('b')];
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
    const path = join(folder, 'serve.sock');
    await using command = new RunningCommand([
      'serve',
      ...['--listen', '127.0.0.1:0', '--listen', '127.0.0.1:0', '--listen', `unix:${path}`],
      ...['--backend', await backend('a'), '--engine', 'stream', '--log-level', 'trace'],
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
    const path = file(
      'serve.json',
      JSON.stringify({
        listen: '127.0.0.1:0',
        backends: [await backend('a')],
        engine: 'native',
        threads: 1,
      }),
    );
    await using command = new RunningCommand(['--config', path, '--engine', 'stream']);
    expect(await nextText(await client(await command.port()))).toBe('a\n');
    expect(command.stderr).toContain('"engine":"stream"');
  });

  it('fails with 1 when the listener is in use', async () => {
    const server = createServer();
    started.push(server);
    const port = await listen(server);
    const listener = `127.0.0.1:${port}`;
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
    const port = (await deadAddress()).split(':')[1];
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
    const pool = ['--backend', await deadAddress(), '--backend', await backend('a')];
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
    const pool = ['--backend', await backend('a'), '--threads', '2'];
    const flags = ['--listen', '127.0.0.1:0', ...pool];
    await using command = runningInShell('ulimit -n 128; exec "$@"', flags);
    expect(await nextText(await client(await command.port()))).toBe('a\n');
  });

  it('outlives dead backends: disconnects the client, says why, goes on', async () => {
    const dead = await deadAddress();
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

  it('drains at the first signal: no new client, and the live one finishes', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await backend('a'), '--log-format', 'pretty'],
    ]);
    const port = await command.port();
    const socket = await client(port);
    expect(await nextText(socket)).toBe('a\n');
    command.kill('SIGTERM');
    await command.waitFor('stderr', /waiting up to 30s for 1 session to finish/);
    const late = connect(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    socket.write('still here');
    expect(await nextText(socket)).toBe('still here');
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  // Two SIGTERM are two, however close: only Ctrl+C is ever doubled by accident.
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'stops at once at a second signal, %s',
    async (second) => {
      await using command = new RunningCommand([
        ...['--listen', '127.0.0.1:0', '--backend', await backend('a'), '--drain-timeout', '1h'],
      ]);
      const socket = await client(await command.port());
      await nextText(socket);
      command.kill('SIGTERM');
      await command.waitFor('stderr', /waiting up to 1h/);
      command.kill(second);
      expect(await command.ended()).toMatchObject({ status: 0 });
      expect(command.stderr).toContain(`${second}: stopping at once`);
    },
  );

  it('takes one Ctrl+C that arrives twice, as it can under npm, for one', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await backend('a')],
    ]);
    const socket = await client(await command.port());
    await nextText(socket);
    command.kill('SIGINT');
    command.kill('SIGINT');
    await command.waitFor('stderr', /waiting up to 30s/);
    socket.write('still here');
    expect(await nextText(socket)).toBe('still here');
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).not.toContain('stopping at once');
  });

  it('stops when the drain timeout is over', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await backend('a'), '--drain-timeout', '50ms'],
    ]);
    const socket = await client(await command.port());
    await nextText(socket);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it('logs nothing when told to be silent', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await deadAddress(), '--log-level', 'silent'],
    ]);
    const socket = await client(await command.port());
    socket.resume();
    await once(socket, 'close');
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0, stderr: '' });
  });

  it('logs each session at debug, with its bytes', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await backend('a'), '--log-level', 'debug'],
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

describe('spliceway with no backend is a demonstration', () => {
  it('shows four clients taking turns, then live figures, and stays up', async () => {
    await using command = new RunningCommand(['--listen', '127.0.0.1:0']);
    const port = await command.port();
    await command.waitFor(
      'stdout',
      /^sessions \d+ \(\d+ open\) \| up .* \| down .* \| turns A 2, B 2$/m,
    );
    const answers = [...command.stdout.matchAll(/client \d: (backend [AB]: hello .*)/g)];
    expect(answers.map(([, answer]) => answer)).toEqual([
      'backend A: hello from client 1',
      'backend B: hello from client 2',
      'backend A: hello from client 3',
      'backend B: hello from client 4',
    ]);
    expect(command.stdout).toContain(
      'spliceway --listen 127.0.0.1:5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307',
    );
    const guest = connect(port, '127.0.0.1').setEncoding('utf8');
    guest.end('me too\n');
    const [answer] = (await once(guest, 'data')) as [string];
    expect(answer).toMatch(/^backend [AB]: me too\n$/);
    command.kill('SIGINT');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it('stays up when the reader of its output leaves', async () => {
    await using command = new RunningCommand(['--listen', '127.0.0.1:0', '--log-level', 'info']);
    await command.port();
    command.closeStdout();
    await command.waitFor('stderr', /engine/);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it.each([
    ['', 'spliceway --listen 127.0.0.1:6000'],
    ['start', 'npm start -- --listen 127.0.0.1:6000'],
  ])('says how to choose another port when its own is taken (%s)', async (script, advice) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const listener = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using command = new RunningCommand(['--listen', listener], {
      npm_lifecycle_event: script,
    });
    const { status, stdout, stderr } = await command.ended();
    server.close();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/in use.* \(ERR_SPLICEWAY_LISTEN\)/);
    // Alone on its line: to be copied as it is.
    expect(stderr.split('\n')).toContain(`  ${advice}`);
    expect(stderr.match(/ERR_SPLICEWAY_LISTEN/g)).toHaveLength(1);
  });

  it('names the address that it really listens on', async () => {
    await using command = new RunningCommand(['--listen', '127.0.0.2:0']);
    const [, host, port] = await command.waitFor('stdout', /^listening on (.*):(\d+)$/m);
    await command.waitFor('stdout', new RegExp(`a line at a time: {2}nc ${host} ${port}$`, 'm'));
    expect(host).toBe('127.0.0.2');
  });

  it.each([
    [['A', 'B', 'A', 'B'], 'They took turns.'],
    [['A', 'A', 'B', 'A'], 'All were answered, though not in strict turns.'],
    [['A', undefined, 'A', undefined], '2 of 4 clients got no answer: see the log.'],
  ])('says what came of it: %j', (turns, words) => {
    expect(verdict(turns)).toBe(words);
  });
});

describe('printError', () => {
  it('shows the stack of an error that nobody foresaw, and asks to report it', () => {
    const written: string[] = [];
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    printError(new TypeError('x is not a function'));
    vi.restoreAllMocks();
    expect(written.join('')).toMatch(/TypeError: x is not a function\n\s+at .*05\.cli/);
    expect(written.join('')).toContain('please report it');
  });
});

describe('LogDestination', () => {
  it('goes on where a full disk has room again, on a line of its own', () => {
    const path = file('log', '');
    const writable = openSync(path, 'a');
    const destination = new LogDestination(writable);
    destination.write('one\n');
    // Closed, as any other failure.
    closeSync(writable);
    destination.write('lost\n');
    expect(openSync(path, 'a')).toBe(writable);
    destination.write('two\n');
    closeSync(writable);
    expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
  });
});

describe('RateLimit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('writes the first event at once, and then one line an interval for all that came', () => {
    const lines: string[] = [];
    const limit = new RateLimit(1000);
    const event = (key: string, text: string) =>
      limit.report(key, (count) => lines.push(`${key} ${text} ${count}`));
    event('a', '1');
    event('a', '2');
    event('a', '3');
    event('b', '1');
    expect(lines).toEqual(['a 1 1', 'b 1 1']);
    vi.advanceTimersByTime(1000);
    expect(lines).toEqual(['a 1 1', 'b 1 1', 'a 3 2']);
    event('a', '4');
    event('b', '2');
    expect(lines.slice(3)).toEqual(['b 2 1']);
    vi.advanceTimersByTime(1000);
    expect(lines.slice(4)).toEqual(['a 4 1']);
    vi.advanceTimersByTime(10_000);
    expect(lines).toHaveLength(5);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('writes what is held when it is flushed', () => {
    const counts: number[] = [];
    const limit = new RateLimit(1000);
    for (let event = 0; event < 5; event++) limit.report('a', (count) => counts.push(count));
    limit.flush();
    expect(counts).toEqual([1, 4]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [1024 ** 2, '1.0 MiB'],
    [20 * 1024 ** 3, '20.0 GiB'],
  ])('writes %d as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
