/** Processes and worker threads that end, one way or another, in the middle of anything. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { within } from './helpers/deadline.js';
import { optionsOf, ways } from './helpers/engines.js';
import { packageUrl, startProgram } from './helpers/program.js';
import { startBlackhole, startEcho, startServer } from './helpers/servers.js';
import { connect, readExactly, readToEnding } from './helpers/sockets.js';

/** How far the program is, and what its proxy is in the middle of. */
const steps = [
  'imported',
  'starting',
  'listening',
  'connecting',
  'picking',
  'idle',
  'bulk',
  'half-closed',
  'draining',
  'closing',
] as const;
type Step = (typeof steps)[number];

/** How the program ends, and what its end looks like from outside. */
const ends = {
  'process.exit()': { code: 7, signal: null },
  'an exception that nobody catches': { code: 1, signal: null },
  SIGTERM: { code: null, signal: 'SIGTERM' },
  SIGKILL: { code: null, signal: 'SIGKILL' },
  // The proxy is in a worker; the main thread goes on, and ends well.
  'worker.terminate()': { code: 0, signal: null },
};
type End = keyof typeof ends;

/**
 * Goes to the step, says `ready` there (or its port before, where it needs clients), and ends when it is there. In a
 * worker it is the main thread that ends it.
 */
const program = `
  import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

  async function run({ index, options, step, end }, say, go) {
    const finish = () => {
      if (end === 'process.exit()') process.exit(7);
      else if (end === 'an exception that nobody catches') throw new Error('on purpose');
      else if (end === 'worker.terminate()') {
        say('terminate');
        // Wherever this is, it stays there.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
      } else process.kill(process.pid, end);
    };
    const { createProxy } = await import(index);
    if (step === 'imported') return finish();
    // What a policy throws denies its client, and is caught.
    const isThrown = end === 'an exception that nobody catches';
    const pick = () => { if (isThrown) queueMicrotask(finish); else finish(); return 0; };
    if (step === 'picking') options.policy = pick;
    const starting = createProxy(options);
    if (step === 'starting') return finish();
    const proxy = await starting;
    say(proxy.addresses()[0].port);
    if (step === 'picking') return;
    if (step !== 'listening') await go;
    while (step === 'connecting' && proxy.stats().sessions.opened === 0) await new Promise(setImmediate);
    if (step === 'draining') void proxy.close({ drain: '1h' });
    if (step === 'closing') void proxy.close();
    // In a tick of its own: as code that has nothing to do with the proxy.
    setImmediate(finish);
  }

  if (!isMainThread) {
    const go = new Promise((resolve) => parentPort.once('message', resolve));
    await run(workerData, (message) => parentPort.postMessage(message), go);
  } else {
    const task = JSON.parse(process.argv.at(-1));
    const go = new Promise((resolve) => process.once('message', resolve));
    if (task.end !== 'worker.terminate()') await run(task, (message) => process.send(message), go);
    else {
      const worker = new Worker(task.program, { eval: true, workerData: task });
      void go.then(() => worker.postMessage('go'));
      worker.on('message', async (message) => {
        if (message !== 'terminate') return process.send(message);
        await worker.terminate();
        process.disconnect();
      });
    }
  }`;

/** Resolves when the connection is over, one way or the other. */
function over(socket: Socket): Promise<unknown> {
  return readToEnding(socket);
}

/** Sends for as long as it is taken, and takes what comes. */
function pump(socket: Socket): void {
  const more = () => {
    while (socket.write(Buffer.alloc(65536)));
  };
  socket.on('drain', more).resume();
  more();
}

describe.each(ways)('with %s', (way) => {
  describe.each(steps)('a program that is %s', (step: Step) => {
    it.each(Object.keys(ends) as End[])('ends cleanly by %s', async (end) => {
      const backend =
        step === 'half-closed' ? await startServer((s) => s.resume()) : await startEcho();
      const address = step === 'connecting' ? await startBlackhole() : backend.address;
      const options = { listen: '127.0.0.1:0', backends: [address], threads: 2, ...optionsOf(way) };
      const task = { index: packageUrl, options, step, end, program };
      const { process: child, message, ended } = startProgram(program, task);

      const peers: Socket[] = [];
      let port: number | undefined;
      if (step !== 'imported' && step !== 'starting') {
        port = (await message()) as number;
        if (step !== 'listening') peers.push(...(await clientsOf(step, port)));
        if (step !== 'picking' && step !== 'listening') child.send('go');
      }
      const ending = Promise.all(peers.map(over));

      const { output, ...status } = await within('the end of the program', ended);
      expect({ ...status, output }).toMatchObject(ends[end]);
      expect(output).toMatch(end.startsWith('an exception') ? /Error: on purpose/ : /^$/);
      await ending;
      await Promise.all(backend.sockets.map(over));
      if (port !== undefined) await expect(connect(port)).rejects.toThrow('ECONNREFUSED');
    });
  });
});

/** Clients that bring a proxy to the step. */
async function clientsOf(step: Step, port: number): Promise<Socket[]> {
  const client = await connect(port);
  if (step === 'connecting' || step === 'picking') return [client];
  client.write('x');
  if (step === 'half-closed') {
    client.end();
    return [client];
  }
  await readExactly(client, 1);
  if (step === 'bulk') pump(client);
  return [client];
}
