/** The command under a service manager: what it reports, and the sockets that it was passed. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from './helpers/cli.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { listeningSocket } from './helpers/inherited.js';
import { startServiceManager } from './helpers/service-manager.js';
import { tempPath } from './helpers/temp.js';

const COMMAND = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** As a service manager starts it: the variables name the process that they are for. */
const ACTIVATED = 'LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:admin exec "$@"';

const flags = async (...more: string[]) => [
  ...['--listen', '127.0.0.1:0', '--backend', await startGreeter('a'), ...more],
];

describe('spliceway under a service manager', () => {
  it.each([
    ['a path', () => tempPath('notify')],
    ['an abstract name', () => `@spliceway-notify-${process.pid}`],
  ])('says at %s when it accepts, and when it stops', async (_, makeSocket) => {
    const NOTIFY_SOCKET = makeSocket();
    const manager = await startServiceManager(NOTIFY_SOCKET);
    await using command = new RunningCommand(await flags(), { NOTIFY_SOCKET });
    const ready = await manager.next();
    const port = await command.port();
    expect(ready).toEqual(['READY=1', `STATUS=listening on 127.0.0.1:${port}`]);
    const socket = await client(port);
    expect(await nextText(socket)).toBe('a\n');

    command.kill('SIGTERM');
    expect(await manager.next()).toEqual(['STOPPING=1', 'STATUS=stopping, open sessions: 1']);
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).not.toContain('"level":40');
  });

  it('feeds the watchdog, also while it drains', async () => {
    const environment = { NOTIFY_SOCKET: tempPath('notify'), WATCHDOG_USEC: '20000' };
    const manager = await startServiceManager(environment.NOTIFY_SOCKET);
    await using command = new RunningCommand(await flags(), environment);
    expect((await manager.next())[0]).toBe('READY=1');
    for (let turn = 0; turn < 3; turn++) expect(await manager.next()).toEqual(['WATCHDOG=1']);
    const socket = await client(await command.port());
    await nextText(socket);
    command.kill('SIGTERM');
    let message = await manager.next();
    while (message[0] === 'WATCHDOG=1') message = await manager.next();
    expect(message[0]).toBe('STOPPING=1');
    expect(await manager.next()).toEqual(['WATCHDOG=1']);
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it('goes on feeding the watchdog of a manager that did not listen for a while', async () => {
    const environment = { NOTIFY_SOCKET: tempPath('notify'), WATCHDOG_USEC: '2000' };
    const manager = await startServiceManager(environment.NOTIFY_SOCKET);
    await using command = new RunningCommand(await flags(), environment);
    expect((await manager.next())[0]).toBe('READY=1');
    manager.pause();
    await command.waitFor('stderr', /cannot report to the service manager at \S+: EAGAIN/);
    manager.goOn();
    // More than its queue had taken.
    const queue = Number(readFileSync('/proc/sys/net/unix/max_dgram_qlen', 'utf8'));
    for (let turn = 0; turn < 2 * queue + 20; turn++) {
      expect(await manager.next()).toEqual(['WATCHDOG=1']);
    }
    command.kill('SIGTERM');
    let message = await manager.next();
    while (message[0] === 'WATCHDOG=1') message = await manager.next();
    expect(message[0]).toBe('STOPPING=1');
    // Once for each time that it fell behind, and not for each word: of these there were hundreds.
    expect(command.stderr.match(/cannot report/g)?.length).toBeLessThan(queue);
  });

  it('feeds no watchdog that is for another process', async () => {
    const socket = tempPath('notify');
    const manager = await startServiceManager(socket);
    const watchdog = { WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' };
    const environment = { NOTIFY_SOCKET: socket, ...watchdog };
    await using command = new RunningCommand(await flags(), environment);
    expect((await manager.next())[0]).toBe('READY=1');
    await client(await command.port());
    command.kill('SIGTERM');
    expect((await manager.next())[0]).toBe('STOPPING=1');
  });

  it('goes on with one line in the log when nobody is there to be told', async () => {
    const environment = { NOTIFY_SOCKET: '/nowhere/notify', WATCHDOG_USEC: '1000' };
    await using command = new RunningCommand(await flags(), environment);
    const socket = await client(await command.port());
    expect(await nextText(socket)).toBe('a\n');
    command.kill('SIGTERM');
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
    const lines = command.stderr.split('\n').filter((line) => line.includes('service manager'));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('cannot report to the service manager at /nowhere/notify: ENOENT');
  });

  it('listens on what it is passed, and says so of what nobody accepts on', async () => {
    const [web, admin] = [
      await listeningSocket({ port: 0, host: '127.0.0.1' }),
      await listeningSocket({ port: 0, host: '127.0.0.1' }),
    ];
    const passed = [web.descriptor, admin.descriptor];
    const args = ['--listen', 'fd:3', '--backend', await startGreeter('a')];
    await using command = new RunningCommand(args, {}, COMMAND, ACTIVATED, passed);
    expect(await command.port()).toBe(web.target);
    expect(await nextText(await client(web.target))).toBe('a\n');
    await command.waitFor('stderr', /descriptor 4 \(admin\) was passed, and nobody accepts on it/);
    expect(command.stderr).not.toContain('descriptor 3');
  });

  it('does not take what was passed to another process for its own', async () => {
    const environment = { LISTEN_PID: '1', LISTEN_FDS: '3' };
    await using command = new RunningCommand(await flags(), environment);
    await command.port();
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).not.toContain('was passed');
  });

  // Node has opened descriptors of its own by then, and the first of them is 3.
  it.each([
    ['fd:3', 'is not a socket, so none was passed there'],
    ['fd:99', 'is not open'],
  ])('says with 1 that nothing was passed as %s, and why that may be', async (listen, what) => {
    await using command = new RunningCommand(['--listen', listen, '--backend', '127.0.0.1:9']);
    const { status, stderr } = await command.ended();
    expect(status).toBe(1);
    expect(stderr).toMatch(
      new RegExp(`${listen}: descriptor \\d+ ${what}; .*npm.* \\(ERR_SPLICEWAY_LISTEN\\)$`, 'm'),
    );
  });

  it.each([
    ['SIGHUP', 'there is no file to read again'],
    ['SIGUSR1', 'no log files'],
    ['SIGUSR2', 'no upgrade of a running spliceway yet'],
    ['SIGQUIT', 'SIGTERM stops'],
    ['SIGALRM', 'means nothing'],
    ['SIGIO', 'means nothing'],
    ['SIGVTALRM', 'means nothing'],
    ['SIGTTIN', 'SIGTERM stops'],
    ['SIGTTOU', 'SIGTERM stops'],
  ] as const)('goes on at %s, and says so', async (signal, what) => {
    await using command = new RunningCommand(await flags());
    const port = await command.port();
    const socket = await client(port);
    expect(await nextText(socket)).toBe('a\n');
    command.kill(signal);
    await command.waitFor('stderr', new RegExp(`${signal}: .*${what}`));
    socket.write('still here');
    expect(await nextText(socket)).toBe('still here');
    // Nor does Node listen for a debugger.
    expect(command.stderr).not.toMatch(/debugger listening/i);
  });
});
