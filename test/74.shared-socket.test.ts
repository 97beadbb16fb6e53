/** A Unix listener that workers of node:cluster share: its file belongs to their primary process. */
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { packageUrl, startProgram } from './helpers/program.js';
import { startEcho } from './helpers/servers.js';
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
