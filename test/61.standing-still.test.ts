/** A process that was stopped: when it goes on, no time-out comes before what waited for it meanwhile. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from './helpers/cli.js';
import { until, within, withTimeEnough } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { isAsked } from './helpers/kernel.js';
import { startEcho, startLate } from './helpers/servers.js';
import { connect, readToEnding } from './helpers/sockets.js';

/** Resolves when none of its threads runs any more. */
async function stop(command: RunningCommand): Promise<void> {
  command.kill('SIGSTOP');
  const isStopped = () => /\) T /.test(readFileSync(`/proc/${command.pid}/stat`, 'latin1'));
  await until('the process to be stopped', isStopped);
}

const hasPassed = async (ms: number, since: number) =>
  await until('the time to pass', () => performance.now() - since > ms);

describe.each(engines)('a stopped process with the %s engine', (engine) => {
  const start = (...args: string[]) =>
    new RunningCommand(['--engine', engine, '--listen', '127.0.0.1:0', ...args]);

  it('cuts no session for which a byte waits', async () => {
    const echo = await startEcho();
    await withTimeEnough(500, async (ms) => {
      await using command = start('--backend', echo.address, '--idle-timeout', `${ms}ms`);
      const client = await connect(await command.port());
      let got = '';
      let isClosed = false;
      client.on('data', (data) => {
        got += data;
      });
      client
        .on('error', () => {})
        .on('close', () => {
          isClosed = true;
        });
      client.write('a');
      await until('the first byte', () => got === 'a' || isClosed);
      await stop(command);
      const stopped = performance.now();
      client.write('b');
      await hasPassed(1.2 * ms, stopped);
      command.kill('SIGCONT');
      await until('the second byte', () => got === 'ab' || isClosed);
      return got === 'ab';
    });
  });

  it('gives up no attempt that the backend has accepted', async () => {
    await withTimeEnough(2000, async (ms) => {
      const late = await startLate();
      const backend = `127.0.0.1:${late.port}`;
      await using command = start('--backend', backend, '--connect-timeout', `${ms}ms`);
      const client = await connect(await command.port());
      const ending = readToEnding(client);
      await until('the attempt', () => isAsked(late.port));
      await stop(command);
      const stopped = performance.now();
      await Promise.all([late.accept(), hasPassed(1.2 * ms, stopped)]);
      command.kill('SIGCONT');
      return (await within('the end', ending)).data.toString() === 'late';
    });
  });

  it('still cuts who has nothing waiting', async () => {
    const echo = await startEcho();
    await using command = start('--backend', echo.address, '--idle-timeout', '500ms');
    const client = await connect(await command.port());
    const ending = readToEnding(client);
    await stop(command);
    await hasPassed(600, performance.now());
    command.kill('SIGCONT');
    expect((await within('the time-out', ending)).how).toBe('end');
  });
});
