/** `spliceway top` with a balancer that runs: on a terminal, and where there is none. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { RunningCommand } from './helpers/cli.js';
import { closeOf } from './helpers/control.js';
import { type Balancer, startBalancer, startOnTerminal, untilTold } from './helpers/remote.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';

/** What a terminal is told at the end: everything is as it was. */
const GIVEN_BACK = '\x1b[?7h\x1b[?25h\x1b[?1049l';

async function startTwo(): Promise<Balancer> {
  const [one, two] = await Promise.all([startEcho(), startEcho()]);
  return await startBalancer({
    config: {
      threads: 1,
      listeners: { sql: { address: ANY_PORT, pool: 'db' } },
      pools: {
        db: {
          policy: 'first',
          backends: [`${one.address},name=db-1`, `${two.address},name=db-2`],
        },
      },
    },
  });
}

async function watch(balancer: Balancer, columns = 120, environment: NodeJS.ProcessEnv = {}) {
  const screen = startOnTerminal(balancer, columns, ['top', '--interval', '100ms'], environment);
  await screen.waitFor('stdout', /db-2/);
  return screen;
}

async function quit(screen: RunningCommand) {
  screen.write('q');
  const { status, stdout } = await screen.ended();
  expect(status).toBe(0);
  expect(stdout.endsWith(GIVEN_BACK)).toBe(true);
  return stdout;
}

describe('top on a terminal', () => {
  it('drains a backend, and makes it ready again, once somebody has said yes', async () => {
    const balancer = await startTwo();
    const client = await openClient(balancer.port);
    const screen = await watch(balancer);
    screen.write('jd');
    await screen.waitFor(
      'stdout',
      /Send no new sessions to db\/db-1\? The 1 session it has may go on\. \[y\/N\]/,
    );
    screen.write('n');
    await screen.waitFor('stdout', /nothing has changed/);
    screen.write('dy');
    await screen.waitFor('stdout', /changed db\/db-1 \(generation 2\)/);
    await screen.waitFor('stdout', /db-1 .*drain/);
    expect((await balancer.client.backend('db', 'db-1')).state).toBe('drain');
    expect(await echoed(client, 'still there')).toBe('still there');
    screen.write('ry');
    await screen.waitFor('stdout', /\(generation 3\)/);
    expect((await balancer.client.backend('db', 'db-1')).state).toBe('ready');
    await quit(screen);
  });

  it('gives a backend another weight, or says why not', async () => {
    const balancer = await startTwo();
    const screen = await watch(balancer);
    screen.write('d');
    await screen.waitFor('stdout', /choose a backend first/);
    screen.write('\x1b[B\x1b[Bw7\r');
    await screen.waitFor('stdout', /weight of db\/db-2, now 1; 1 to 1000, or auto: _/);
    await screen.waitFor('stdout', /changed db\/db-2 \(generation 2\)/);
    screen.write('wmany\r');
    await screen.waitFor('stdout', /weight: "many" is no whole number/);
    screen.write('w2000\r');
    await screen.waitFor('stdout', /weight.*2000.*1000/);
    screen.write('w\r');
    await screen.waitFor('stdout', /nothing has changed/);
    expect((await balancer.client.backend('db', 'db-2')).weight).toBe(7);
    await quit(screen);
  });

  it('lists sessions, and ends the one that is chosen', async () => {
    const balancer = await startTwo();
    const [one, two] = [await openClient(balancer.port), await openClient(balancer.port)];
    const screen = await watch(balancer);
    screen.write('\t');
    await screen.waitFor('stdout', /2 sessions.*by rate/);
    const port = (two.address() as { port: number }).port;
    screen.write(`/:${port}\r`);
    await screen.waitFor('stdout', /1 of 2 sessions.*by rate/);
    screen.write('K');
    await screen.waitFor('stdout', /End session .* of 127\.0\.0\.1 at db\/db-1, with a reset/);
    // What is pasted agrees to nothing.
    screen.write('\x1b[200~y\x1b[201~');
    const ended = closeOf(two);
    screen.write('y');
    await ended;
    await screen.waitFor('stdout', /1 session ended/);
    expect(await echoed(one, 'still there')).toBe('still there');
    await quit(screen);
  });

  it('ends all sessions of a backend', async () => {
    const balancer = await startTwo();
    const ends = [await openClient(balancer.port), await openClient(balancer.port)].map(closeOf);
    const screen = await watch(balancer);
    screen.write('\x1b[FK');
    await screen.waitFor('stdout', /db\/db-2 has no sessions/);
    screen.write('kK');
    await screen.waitFor('stdout', /End 2 sessions of db\/db-1, with a reset of both sides\?/);
    screen.write('y');
    await Promise.all(ends);
    await screen.waitFor('stdout', /2 sessions ended/);
    await quit(screen);
  });

  it('goes on when a balancer that was gone is back', async () => {
    const balancer = await startTwo();
    const screen = await watch(balancer);
    balancer.command.kill('SIGKILL');
    await balancer.command.ended();
    await screen.waitFor('stdout', /no answer for \d+s: control socket .*nobody listens there/);
    await startBalancer({
      folder: balancer.folder,
      flags: ['--listen', ANY_PORT, '--backend', '127.0.0.1:1,name=other'],
    });
    await screen.waitFor('stdout', /the balancer answers again/);
    await screen.waitFor('stdout', /other/);
    await quit(screen);
  });

  it('has no colours where nobody wants them, and marks what is chosen', async () => {
    const balancer = await startTwo();
    const coloured = await quit(await watch(balancer));
    const plain = await quit(await watch(balancer, 80, { NO_COLOR: '1' }));
    expect(coloured).toContain('\x1b[32mup');
    expect(plain).not.toContain('\x1b[32m');
    expect(plain).not.toContain('\x1b[1m');
    expect(stripVTControlCharacters(plain)).toMatch(/> db +up /);
  });

  it.each([
    ['SIGTERM', /ended 143/],
    ['SIGINT', /ended 130/],
    ['SIGHUP', /ended 129/],
    // What nobody foresaw: it is printed where it can be read.
    ['SIGUSR2', /Error: thrown\b[\s\S]*ended [17]\b/],
  ] as const)('gives the terminal back at %s', async (signal, end) => {
    const balancer = await startTwo();
    const screen = startOnTerminal(
      balancer,
      80,
      ['top'],
      {
        INNER: 'echo "pid $$."; exec "$@"',
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent("process.on('SIGUSR2', () => { throw new Error('thrown'); })")}`,
      },
      `sh -c 'sh -c "$INNER" sh "$@"; echo "ended $?"; stty -a' sh "$@"`,
    );
    const [, pid] = await screen.waitFor('stdout', /pid (\d+)\./);
    await screen.waitFor('stdout', /db-2/);
    process.kill(Number(pid), signal);
    await screen.waitFor('stdout', /ended \d+/);
    const { stdout } = await screen.ended();
    const [, after = ''] = stdout.split(GIVEN_BACK);
    expect(after).toMatch(end);
    expect(after).toMatch(/ icanon/);
    expect(after).toMatch(/ echo /);
  });
});

describe('top where nobody looks', () => {
  it('prints what is, once', async () => {
    const balancer = await startTwo();
    await openClient(balancer.port);
    const { status, stdout, stderr } = await balancer.run('top', '--once', '--interval', '100ms');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toContain('\x1b');
    expect(stdout).toMatch(/^edge {2}spliceway .*\nsessions {3}1 open, .* new\/s; /);
    expect(stdout).toMatch(/^ {2}db-1 +127\.0\.0\.1:\d+ +up +/m);
    // Neither is where no terminal is, or one that cannot be drawn on.
    expect((await balancer.run('top', '--interval', '100ms')).stdout).toMatch(/^edge {2}/);
    const dumb = startOnTerminal(balancer, 80, ['top', '--interval', '100ms'], { TERM: 'dumb' });
    const shown = await dumb.ended();
    expect(shown.status).toBe(0);
    expect(shown.stdout).not.toContain('\x1b');
  });

  it('prints JSON for programs, with the busiest sessions', async () => {
    const balancer = await startTwo();
    const client = await openClient(balancer.port);
    await echoed(client, 'hello');
    await untilTold(balancer, 'bytes', ({ bytes }) => bytes.downstream >= 5);
    const { status, stdout } = await balancer.run('top', '--once', '--json');
    expect(status).toBe(0);
    const told = JSON.parse(stdout);
    expect(told).toMatchObject({ name: 'edge', generation: 1, open: 1, openedPerSecond: 0 });
    expect(told.pools).toMatchObject([{ name: 'db', backends: 2, picked: 2, open: 1, queued: 0 }]);
    expect(told.pools[0].connect.p99).toBeGreaterThan(0);
    expect(told.backends.map(({ name }: { name: string }) => name)).toEqual(['db-1', 'db-2']);
    expect(told.busiest).toMatchObject([{ backend: 'db-1', bytesPerSecond: 0 }]);
  });

  it.each([
    [['--interval', '1x'], 2, /--interval: .*"1x"/],
    [['--interval', '10ms'], 2, /--interval 10ms is too short; write 100ms or more/],
    [['--name', 'nobody'], 3, /no balancer is called nobody/],
  ])('%j is refused', async (flags, expected, words) => {
    const balancer = await startTwo();
    const { status, stderr } = await balancer.run('top', '--once', ...flags);
    expect({ status, stderr }).toEqual({ status: expected, stderr: expect.stringMatching(words) });
  });
});

describe('doctor with a balancer that runs', () => {
  it('tells of it, and of what stands out', async () => {
    const balancer = await startTwo();
    await balancer.client.setBackend('db', 'db-2', { health: 'down' });
    const { stdout } = await balancer.run('doctor');
    expect(stdout).toMatch(/^verdict +the native engine .*\n\nbalancer +edge, spliceway /m);
    expect(stdout).toMatch(/^! +db\/db-2 is down for \d+s: .*spliceway set db\/db-2/m);
    expect(stdout).toMatch(/^verdict +\d+ things? to look at, behind !/m);
    expect((await balancer.run('doctor', '--name', 'edge')).stdout).toMatch(/^balancer +edge, /m);
  });

  it('says why one that is named does not answer, and tells of others what it can', async () => {
    const balancer = await startTwo();
    const unknown = await balancer.run('doctor', '--name', 'nobody');
    expect(unknown.status).toBe(3);
    expect(unknown.stderr).toMatch(/no balancer is called nobody here; there is edge/);
    balancer.command.kill('SIGKILL');
    await balancer.command.ended();
    const { status, stdout, stderr } = await balancer.run('doctor');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toMatch(/^balancer/m);
  });
});
