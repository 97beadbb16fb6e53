/** What the commands show and ask on a terminal. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { RunningCommand } from './helpers/cli.js';
import { closeOf } from './helpers/control.js';
import { type Balancer, runtimeFolder, startBalancer, startOnTerminal } from './helpers/remote.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';

const LONG = 'a-backend-with-a-name-that-is-as-long-as-people-make-them-1';

async function startTwo(name?: string): Promise<Balancer> {
  const [one, two] = await Promise.all([startEcho(), startEcho()]);
  return await startBalancer({
    ...(name === undefined ? {} : { name }),
    config: {
      threads: 1,
      listeners: { sql: { address: ANY_PORT, pool: 'db' } },
      pools: {
        db: {
          policy: 'first',
          backends: [`${one.address},name=db-1`, `${two.address},name=${LONG}`],
        },
      },
    },
  });
}

/** What a terminal shows, a line each. */
const shown = (stdout: string) => stripVTControlCharacters(stdout).replaceAll('\r', '').split('\n');

async function endOf(command: RunningCommand) {
  const { status, stdout, stderr } = await command.ended();
  expect(stderr).toBe('');
  return { status, stdout, lines: shown(stdout) };
}

/** Without what is another a second later. */
const ageless = (lines: readonly string[]) =>
  lines.slice(3).map((line) => line.replace(/ +\d+s {2}/, ' AGE  '));

describe('tables', () => {
  it.each([40, 80, 200])('are as wide as a terminal of %i columns, and no wider', async (width) => {
    const balancer = await startTwo();
    await openClient(balancer.port);
    await balancer.client.setBackend('db', LONG, { state: 'maintenance', health: 'down' });
    const onTerminal = async (...args: string[]) =>
      await endOf(startOnTerminal(balancer, width, args));
    const status = await onTerminal('status');
    expect(status.status).toBe(0);
    // Of the sentences before and behind them a terminal makes several lines.
    const first = status.lines.findIndex((line) => line.startsWith('LISTENER'));
    const table = status.lines.slice(first).filter((line) => !line.startsWith('*'));
    for (const line of table) expect([...line].length, line).toBeLessThanOrEqual(width);
    const [backend = ''] = table.filter((line) => line.startsWith('db/a-'));
    expect(backend).toMatch(/maintenance\*.*down\*/);
    expect(backend.includes(LONG)).toBe(width === 200);
    expect(table.join('\n').includes('OPENED')).toBe(width >= 80);
    const sessions = await onTerminal('sessions');
    for (const line of sessions.lines) expect([...line].length, line).toBeLessThanOrEqual(width);
    expect(sessions.lines[1]).toContain('127.0.0.1:');
    expect(sessions.lines.at(-2)).toBe('1 session');
    expect(sessions.lines[0]?.includes('PHASE')).toBe(width >= 80);
  });

  it('have colours on a terminal alone, and where nothing says otherwise', async () => {
    const balancer = await startTwo();
    const look = async (environment: NodeJS.ProcessEnv) =>
      await endOf(startOnTerminal(balancer, 100, ['status'], environment));
    const coloured = await look({});
    expect(coloured.stdout).toContain('\x1b[32mup');
    for (const none of [{ NO_COLOR: '1' }, { TERM: 'dumb' }]) {
      const { stdout, lines } = await look(none);
      expect(stdout).not.toContain('\x1b');
      expect(ageless(lines)).toEqual(ageless(coloured.lines));
    }
    expect((await balancer.run('status')).stdout).not.toContain('\x1b');
  });
});

describe('a question', () => {
  it.each([
    ['y\r', 0, '1 session ended'],
    ['Yes\r', 0, '1 session ended'],
    ['n\r', 1, 'nothing was ended'],
    ['\r', 1, 'nothing was ended'],
    ['\x04', 1, 'nothing was ended'],
  ])('of kill that is answered by %j', async (answer, status, says) => {
    const balancer = await startTwo();
    const client = await openClient(balancer.port);
    const command = startOnTerminal(balancer, 80, ['kill', '--backend', 'db-1']);
    await command.waitFor(
      'stdout',
      /End 1 session of edge \(1 at db\/db-1\), with a reset of both sides\? \[y\/N\] /,
    );
    command.write(answer);
    const ended = await endOf(command);
    expect({ status: ended.status, last: ended.lines.at(-2) }).toEqual({ status, last: says });
    if (status === 0) await closeOf(client);
    else expect(await echoed(client, 'hello')).toBe('hello');
  });

  it('of kill that is interrupted ends nothing', async () => {
    const balancer = await startTwo();
    const client = await openClient(balancer.port);
    const command = startOnTerminal(balancer, 80, ['kill', '--pool', 'db']);
    await command.waitFor('stdout', /\[y\/N\] /);
    command.write('\x03');
    const { status, lines } = await endOf(command);
    expect(status).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toContain('should not have happened');
    expect(await echoed(client, 'hello')).toBe('hello');
  });

  it('of reset is asked where all is meant', async () => {
    const balancer = await startTwo();
    await balancer.client.setBackend('db', 'db-1', { weight: 5 });
    const reset = async (answer: string) => {
      const command = startOnTerminal(balancer, 80, ['reset']);
      await command.waitFor('stdout', /Take back what was set of 1 backend\? \[y\/N\] /);
      command.write(answer);
      return await endOf(command);
    };
    for (const no of ['n\r', '\x04']) {
      const { status, lines } = await reset(no);
      expect({ status, last: lines.at(-2) }).toEqual({ status: 1, last: 'nothing has changed' });
    }
    expect((await balancer.client.status()).backends[0]).toMatchObject({ weight: 5 });
    expect((await reset('y\r')).status).toBe(0);
    expect((await balancer.client.status()).backends[0]).toMatchObject({ weight: 1 });
  });

  it.each([
    ['2\r', 'two'],
    ['two\r', 'two'],
    ['1\r', 'one'],
  ])('is which balancer is meant, where several run: %j', async (answer, name) => {
    const folder = runtimeFolder();
    const flags = ['--listen', ANY_PORT, '--backend', '127.0.0.1:9', '--threads', '1'];
    await Promise.all(['one', 'two'].map((each) => startBalancer({ flags, folder, name: each })));
    const command = startOnTerminal({ folder }, 100, ['status']);
    await command.waitFor(
      'stdout',
      /Which balancer is meant\?\s+1 {2}one\s+2 {2}two\s+Number or name: /,
    );
    command.write(answer);
    const { status, lines } = await endOf(command);
    expect(status).toBe(0);
    expect(lines.find((line) => line.includes(': spliceway '))).toContain(`${name}: spliceway`);
    const wrong = startOnTerminal({ folder }, 100, ['status']);
    await wrong.waitFor('stdout', /Number or name: /);
    wrong.write('3\r');
    const refused = await endOf(wrong);
    expect(refused.status).toBe(3);
    expect(refused.lines.join(' ')).toContain('several balancers run here: one, two');
  });
});

describe('drain --wait', () => {
  it('shows what is left, and is over when nothing is', async () => {
    const balancer = await startTwo();
    const clients = await Promise.all([1, 2].map(() => openClient(balancer.port)));
    const command = startOnTerminal(balancer, 80, ['drain', 'db/db-1', '--wait']);
    await command.waitFor('stdout', /2 sessions left; Ctrl\+C ends the waiting, not the drain/);
    clients[0]?.destroy();
    await command.waitFor('stdout', /1 session left; /);
    clients[1]?.destroy();
    const { status, stdout } = await endOf(command);
    expect(status).toBe(0);
    expect(stdout.endsWith('\r\x1b[2Kdb/db-1 is empty\r\n')).toBe(true);
  });

  it('is left by Ctrl+C, and the drain goes on', async () => {
    const balancer = await startTwo();
    const client = await openClient(balancer.port);
    const command = startOnTerminal(balancer, 80, ['drain', 'db/db-1', '--wait']);
    await command.waitFor('stdout', /1 session left; /);
    command.write('\x03');
    expect((await endOf(command)).status).toBe(128 + 2);
    const { backends } = await balancer.client.status();
    expect(backends[0]).toMatchObject({ state: 'drain', open: 1 });
    expect(await echoed(client, 'hello')).toBe('hello');
  });
});
