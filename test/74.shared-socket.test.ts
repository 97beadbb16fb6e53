/** Listeners that workers of node:cluster share: sockets and their files belong to the primary process. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packageUrl, startProgram } from './helpers/program.js';
import { startEcho } from './helpers/servers.js';
import { connect, readAll, readExactly } from './helpers/sockets.js';
import { deadPath, tempPath } from './helpers/temp.js';

/** Opens the proxy that it is told of, and closes it when it is told to; says how that went. */
const WORKER = `
  import { createProxy } from ${JSON.stringify(packageUrl)};
  const options = JSON.parse(process.argv.at(-1));
  try {
    const proxy = await createProxy({ ...options, threads: 1 });
    process.on('message', async () => process.send(await proxy.close().then(() => 'closed')));
    process.send('open');
  } catch (error) {
    process.send(error.message);
  }`;

/** Two such workers, closed one after the other, and what a client meets before and after. */
const PRIMARY = `
  import cluster from 'node:cluster';
  import { once } from 'node:events';
  import { existsSync } from 'node:fs';
  import { connect } from 'node:net';
  const { worker, policy, options, path } = JSON.parse(process.argv.at(-1));
  cluster.schedulingPolicy = cluster[policy];
  cluster.setupPrimary({ exec: worker, args: [JSON.stringify(options)], execArgv: [] });
  const said = async (worker, message) => {
    const answer = once(worker, 'message');
    if (message) worker.send(message);
    return (await answer)[0];
  };
  const state = async () => {
    if (!existsSync(path)) return 'no file';
    const client = connect(path).setEncoding('utf8').end('served');
    const [answer] = await once(client, 'data');
    return answer;
  };
  const workers = [cluster.fork(), cluster.fork()];
  const log = await Promise.all(workers.map((worker) => said(worker)));
  if (log.includes('open')) {
    for (const worker of workers) log.push(await state(), await said(worker, 'close'));
    log.push(await state());
  }
  process.send(log);
  for (const worker of workers) worker.kill();`;

/** What the primary process noted. */
async function logOf(
  policy: string,
  access: object,
  path = tempPath('shared.sock'),
): Promise<unknown> {
  const { address } = await startEcho();
  const worker = tempPath('worker.mjs');
  writeFileSync(worker, WORKER);
  const options = { listen: { address: `unix:${path}`, ...access }, backends: [address] };
  return startProgram(PRIMARY, { worker, policy, options, path }).message();
}

it.each(['SCHED_RR', 'SCHED_NONE'])(
  'stays until the last worker has closed its listener: the file, with %s',
  async (policy) => {
    const log = await logOf(policy, {});
    expect(log).toEqual(['open', 'open', 'served', 'closed', 'served', 'closed', 'no file']);
  },
);

it.each(['SCHED_RR', 'SCHED_NONE'])(
  'takes the place of one that a crash has left, once: the file, with %s',
  async (policy) => {
    const log = await logOf(policy, {}, await deadPath());
    expect(log).toEqual(['open', 'open', 'served', 'closed', 'served', 'closed', 'no file']);
  },
);

it.each([{ mode: '0600' }, { group: 7 }, { user: 7 }])(
  'has no mode and no owners, which its primary process would know nothing of: %j',
  async (access) => {
    const told = expect.stringContaining('a worker of node:cluster cannot give it a mode or owner');
    expect(await logOf('SCHED_RR', access)).toEqual([told, told]);
  },
);

/** One worker with a proxy for one session at a time, which says where it listens, and when it has held clients back. */
const FULL = `
  import cluster from 'node:cluster';
  const { exec, address, policy } = JSON.parse(process.argv.at(-1));
  cluster.schedulingPolicy = cluster[policy];
  cluster.setupPrimary({ exec, args: [address], execArgv: [] });
  cluster.fork().on('message', (message) => process.send(message));`;

const FULL_WORKER = `
  import { createProxy } from ${JSON.stringify(packageUrl)};
  const backends = [process.argv.at(-1)];
  const proxy = await createProxy({ listen: '127.0.0.1:0', backends, maxSessions: 1, threads: 1 });
  for (const event of ['listenerPaused', 'listenerResumed']) proxy.on(event, () => process.send(event));
  process.send(proxy.addresses()[0].port);`;

it.each(['SCHED_RR', 'SCHED_NONE'])(
  'goes on when sessions end that were as many as may be: a TCP listener, with %s',
  async (policy) => {
    const { address } = await startEcho();
    const exec = tempPath('full.mjs');
    writeFileSync(exec, FULL_WORKER);
    const program = startProgram(FULL, { exec, address, policy });
    const port = Number(await program.message());
    const first = await connect(port);
    first.write('1');
    expect(String(await readExactly(first, 1))).toBe('1');
    const second = await connect(port);
    expect(await program.message()).toBe('listenerPaused');
    first.end();
    second.end('2');
    expect(String(await readAll(second))).toBe('2');
    expect(await program.message()).toBe('listenerResumed');
    const third = await connect(port);
    third.end('3');
    expect(String(await readAll(third))).toBe('3');
  },
);
