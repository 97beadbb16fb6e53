/** The command: what it says of itself, how it is used wrongly, and what it checks. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { defaultText, settingKeys, settingOf } from '../src/config/shapes.js';
import { RunningCommand, runCommand } from './helpers/cli.js';
import { environmentOf, runtimeFolder } from './helpers/remote.js';
import { tempFiles } from './helpers/temp.js';

const files = tempFiles();

const flagOf = (key: string) => key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

describe('spliceway, asked about itself', () => {
  it('prints its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(await runCommand('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it.each([[['--help']], [['serve', '--help']]])('explains itself: %j', async (args) => {
    const result = await runCommand(...args);
    expect(result.status).toBe(0);
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('--backend <address[,option=N]>');
    expect(result.stdout).toContain('$ spliceway --listen :5555 --backend 127.0.0.1:3306');
  });

  it('gives the defaults that a file has, and no other', async () => {
    const words = (await runCommand('--help')).stdout.replaceAll(/\s+/g, ' ');
    const texts = words.split(/(?= --[a-z-]+ <)/);
    const printed = texts.flatMap((text) => {
      const [, flag, value] = /^ --([a-z-]+) <.*\(default: ([^\s,)]+)(?:, off)?\)/.exec(text) ?? [];
      return flag === undefined ? [] : [[flag, value]];
    });
    const declared = settingKeys
      .filter((key) => settingOf(key).flag !== undefined && defaultText(key) !== undefined)
      .map((key) => [flagOf(key), defaultText(key)]);
    const isTrue = ([, byDefault]: unknown[]) => byDefault === 'true';
    expect(printed).toEqual(declared.filter((one) => !isTrue(one)));
    for (const [flag] of declared.filter(isTrue)) expect(words).toContain(` --no-${flag} `);
  });

  it('lists its commands', async () => {
    expect((await runCommand('--help')).stdout).toMatch(/serve .*demo .*check .*doctor /s);
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
    [['demo', '--listen', ':70000'], address, '--listen: ":70000" is not an address'],
    [
      [...serve, '--listen', 'unix:/x,mode=9'],
      option,
      '--listen unix:/x,mode=9: mode: "9" is not a mode',
    ],
    [['--listen', ':0'], option, 'there is no backend to balance over; add --backend'],
    [['serve'], option, 'there is nowhere to listen; add --listen'],
    [['--log-level', 'debug'], option, 'there is nowhere to listen; add --listen'],
    [['demo', '--backend', 'a:1'], option, "unknown option '--backend'"],
    [[...serve, '--backend', 'b'], address, '--backend: "b" is not an address'],
    [[...serve, '--backend', 'b:70000'], address, 'port 70000 is too high'],
    [[...serve, '--backend', 'b:1,weight=0'], option, '--backend b:1,weight=0: weight: 0 is not'],
    [[...serve, '--backend', 'b:1,weight=-1'], option, 'weight: -1 is not a whole number from 1'],
    [[...serve, '--backend', '127.0.0.1:9'], option, '--backend 127.0.0.1:9: 127.0.0.1:9 is the'],
    [[...serve, '--listen', ':1', '--listen', ':1'], option, '--listen: :1 is the same listener'],
    [[...serve, '--policy', 'fastest'], option, '--policy: "fastest" is not a policy'],
    [[...serve, '--engine', 'turbo'], option, '--engine: "turbo" is not an engine'],
    [[...serve, '--accept', 'nativ'], option, '--accept: "nativ" is not a way to accept (did you'],
    [[...serve, '--accept', 'native', '--engine', 'stream'], option, '--accept: the stream engine'],
    [[...serve, '--transfer', 'sendfile'], option, '--transfer: "sendfile" is not a way to move'],
    [[...serve, '--busy-poll', '5'], duration, '--busy-poll: "5" is not a duration'],
    [[...serve, '--busy-poll', '2s'], duration, 'the longest here is 1s'],
    [[...serve, '--threads', '0'], option, '--threads: 0 is not a whole number from 1 to 256'],
    [[...serve, '--threads', 'many'], option, '--threads: "many" is not a whole number'],
    [
      [...serve, '--backend', 'b:1,max-sessions=0'],
      option,
      'max-sessions=0: maxSessions: 0 is not',
    ],
    [[...serve, '--max-sessions-per-client', 'x'], option, '--max-sessions-per-client: "x" is not'],
    [[...serve, '--max-sessions', '-1'], option, '--max-sessions: -1 is not a whole number from 1'],
    [[...serve, '--connect-timeout', '5'], duration, '--connect-timeout: "5" is not a duration'],
    [[...serve, '--idle-timeout', 'x'], duration, '--idle-timeout: "x" is not a duration'],
    [[...serve, '--half-close-timeout', '-1s'], duration, '--half-close-timeout: "-1s" is not'],
    [[...serve, '--drain-timeout', '1d'], duration, '--drain-timeout: "1d" is not a duration'],
    [['--config', 'a.yaml', '--listen', ':0'], option, '--listen cannot be combined with --config'],
    [['--config', 'a.yaml', '--backend', 'a:1'], option, '--backend cannot be combined with'],
    [['demo', '--threads', '0'], option, '--threads: 0 is not'],
    [['demo', '--connect-timeout', '5'], duration, '--connect-timeout: "5" is not a duration'],
  ])('%j', async (args, code, message) => {
    const { status, stdout, stderr } = await runCommand(...args);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(new RegExp(`^spliceway: .* \\(${code}\\)$`, 'm'));
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('on a file that is absent or wrong', async () => {
    const absent = files.path('absent.yaml');
    expect(await runCommand('--config', absent)).toMatchObject({
      status: 2,
      stderr: `spliceway: ${absent}: cannot be read: there is no such file (ERR_SPLICEWAY_CONFIG_FILE)\n`,
    });
    const native = files.write('native.yaml', 'listen: :0\nbackends: [a:1]\naccept: native\n');
    expect(await runCommand('--config', native, '--engine', 'stream')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the stream engine cannot accept natively'),
    });
    const wrong = files.write('wrong.yaml', 'listen: :0\nbackends: []\n');
    const { status, stderr } = await runCommand('--config', wrong);
    expect(status).toBe(2);
    expect(stderr).toContain(`${wrong}:2:11: backends: the pool is empty`);
  });
});

describe('spliceway check', () => {
  it('says what a good file holds', async () => {
    const path = files.write(
      'good.yaml',
      'listen: :5555\nbackends: [a:1, "b:2,weight=3"]\nthreads: 2\n',
    );
    const { status, stdout, stderr } = await runCommand('check', '--config', path);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // Settings without a place in a line come last, under their names.
    expect(stdout.replace(/^ {2}others .*\n/m, '')).toBe(
      [
        `${path}: ok`,
        '  listen    :5555',
        '  backend   a:1, weight 1',
        '  backend   b:2, weight 3',
        '  policy    round-robin',
        '  engine    auto, threads 2, accept auto',
        '  transfer  auto, busy poll 0',
        '  limits    sessions as descriptors allow, per client half of them',
        '  search    budget 15s, attempts 32, abort on close',
        '  timeouts  connect 5s, idle 1h, half-close 5m, handshake 1m, session age 0, drain 30s',
        '  names     looked up every 30s',
        '  keepalive 1m',
        '  ejection  after 5, for 10s, at most 5m, early reset 0',
        '  down      sessions keep, slow start 0',
        '  all down  fail',
        '  removed   keep',
        '  log       info, pretty on a terminal, else json',
        '',
      ].join('\n'),
    );
  });

  it.each([
    ['listen: :5555\nbackends: a:1\ndrainTimeout: 2s\n'],
    ['{"$schema": "x", "listen": ":5555", "backends": "a:1", "drainTimeout": "2s"}'],
  ])('reads standard input: %j', async (text) => {
    await using command = new RunningCommand(['check', '--config', '-']);
    command.type(text);
    const { status, stdout } = await command.ended();
    expect(stdout).toMatch(/^<stdin>: ok\n.*backend {3}a:1.*drain 2s\n/s);
    expect(status).toBe(0);
  });

  it('says where standard input is wrong', async () => {
    await using command = new RunningCommand(['check', '--config', '-']);
    command.type('listen: :5555\nbackends: a\n');
    expect((await command.ended()).stderr).toContain(
      '<stdin>:2:11: backends.address: "a" is not an',
    );
  });

  it.each([
    ['', 'sessions any number, per client any number'],
    ['maxSessions: 10', 'sessions 10, per client half of them'],
  ])('says that the stream engine has the limits it is given: "%s"', async (limit, said) => {
    const text = `listen: :5555\nbackends: [a:1]\nengine: stream\n${limit}\n`;
    const { stdout } = await runCommand('check', '--config', files.write('stream.yaml', text));
    expect(stdout).toContain(`  limits    ${said}\n`);
  });

  it('exits with 2 and one line for each error of a bad file', async () => {
    const path = files.write('bad.json', '{\n"listen": "x",\n"backends": ["a:1,weight=0"]\n}');
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
    const { status, stderr } = await runCommand('check', '--config', files.write('odd.yaml', text));
    expect(status).toBe(2);
    expect(stderr).toContain(words);
    expect(stderr).not.toMatch(/parseAllDocuments|stringKeys/);
  });
});

describe('spliceway doctor', () => {
  it('shows the limits of the machine, and its status is its verdict', async () => {
    // Balancers of other tests are not asked.
    await using command = new RunningCommand(['doctor'], environmentOf(runtimeFolder()));
    const { status, stdout, stderr } = await command.ended();
    expect(stderr).toBe('');
    for (const label of [
      'system',
      'node',
      'engine',
      'addon',
      'splice',
      'open files',
      'somaxconn',
      'congestion control',
    ]) {
      expect(stdout).toMatch(new RegExp(`^${label} +\\S`, 'm'));
    }
    const works = /^verdict +the native engine works here(, by copying)?$/m.test(stdout);
    expect(status).toBe(works ? 0 : 1);
  });
});
