/** A process that was stopped: when it goes on, no time-out comes before what waited for it meanwhile. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RunningCommand } from './helpers/cli.js';
import { until, within, withTimeEnough } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { isAsked } from './helpers/kernel.js';
import { packageUrl, startProgram } from './helpers/program.js';
import { startEcho, startLate, startServer } from './helpers/servers.js';
import { connect, readToEnding } from './helpers/sockets.js';

interface Stoppable {
  readonly pid?: number | undefined;
  kill(signal: NodeJS.Signals): unknown;
}

/** Resolves when none of its threads runs any more. */
async function stop(process: Stoppable): Promise<void> {
  process.kill('SIGSTOP');
  const isStopped = () => /\) T /.test(readFileSync(`/proc/${process.pid}/stat`, 'latin1'));
  await until('the process to be stopped', isStopped);
}

const hasPassed = async (ms: number, since: number) =>
  await until('the time to pass', () => performance.now() - since > ms);

/** A proxy whose filter answers when it is told to; sends its port, and when it is asked. */
const WITH_FILTER = `
  import { once } from 'node:events';
  const { packageUrl, options } = JSON.parse(process.argv.at(-1));
  const { createProxy } = await import(packageUrl);
  const filter = async () => {
    // The clock of the answer runs by then.
    setImmediate(() => process.send('asked'));
    return (await once(process, 'message'))[0];
  };
  const proxy = await createProxy({ ...options, filter });
  process.send(proxy.addresses()[0].port);`;

/** More than the kernel takes for a peer that reads nothing. */
const MUCH = 20_000_000;

/** Writes more than the kernel takes to its one client, and hands it over. Sends its port, and when it has done so. */
const WITH_QUEUE = `
  import { once } from 'node:events';
  import { createServer } from 'node:net';
  const { packageUrl, options } = JSON.parse(process.argv.at(-1));
  const { createProxy } = await import(packageUrl);
  const proxy = await createProxy(options);
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  process.send(server.address().port);
  const [socket] = await once(server, 'connection');
  socket.on('error', () => {}).write(Buffer.alloc(${MUCH}));
  proxy.handoff(socket);
  process.send('queued');`;

/** Tells of the health of its backend. */
const WITH_CHECKS = `
  const { packageUrl, options } = JSON.parse(process.argv.at(-1));
  const { createProxy } = await import(packageUrl);
  const proxy = await createProxy(options);
  proxy.on('backend', ({ to, reason }) => process.send({ to, reason }));`;

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

  it('denies no client for whom the answer of a filter waits', async () => {
    const echo = await startEcho();
    await withTimeEnough(500, async (ms) => {
      const options = { engine, listen: '127.0.0.1:0', backends: echo.address, connectTimeout: ms };
      const program = startProgram(WITH_FILTER, { packageUrl, options });
      const client = await connect((await program.message()) as number);
      const ending = readToEnding(client.end('let me in'));
      expect(await program.message()).toBe('asked');
      await stop(program.process);
      const stopped = performance.now();
      program.process.send(true);
      await hasPassed(1.2 * ms, stopped);
      program.process.kill('SIGCONT');
      return (await within('the end', ending)).data.toString() === 'let me in';
    });
  });

  it('gives up no queue whose reader has made room', async () => {
    const echo = await startEcho();
    await withTimeEnough(500, async (ms) => {
      const options = { engine, listen: [], backends: echo.address, handshakeTimeout: ms };
      const program = startProgram(WITH_QUEUE, { packageUrl, options });
      const client = (await connect((await program.message()) as number)).pause();
      expect(await program.message()).toBe('queued');
      await stop(program.process);
      const stopped = performance.now();
      const ending = readToEnding(client.end('all of it').resume());
      await hasPassed(1.2 * ms, stopped);
      program.process.kill('SIGCONT');
      const { data } = await within('the end', ending);
      return data.length === MUCH + 'all of it'.length;
    });
  });

  it('finds no backend down whose answer to a check waits', async () => {
    await withTimeEnough(500, async (ms) => {
      const server = await startServer();
      const health = { type: 'tcp', expect: 'well', fall: 1, timeout: ms };
      const options = { engine, listen: [], backends: server.address, health };
      const program = startProgram(WITH_CHECKS, { packageUrl, options });
      const socket = await server.socket(0);
      await stop(program.process);
      const stopped = performance.now();
      socket.end('well');
      await hasPassed(1.2 * ms, stopped);
      program.process.kill('SIGCONT');
      const told = (await program.message()) as { to: string };
      return told.to === 'up';
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
