import { freePort } from '../../../scripts/lib/port.js';
import { runOk } from './command.js';
import { Daemon } from './daemon.js';
import { program } from './programs.js';
import { Server } from './server.js';
import { makeTempFolder } from './temp-folder.js';

export const redisNeeds = {
  'redis-server': 'redis-server',
  'redis-cli': 'redis-tools',
  'redis-benchmark': 'redis-tools',
};

export async function startRedis(): Promise<Server> {
  const folder = await makeTempFolder('redis');
  const port = await freePort();
  const daemon = new Daemon(program('redis-server'), [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    ...['--save', '', '--appendonly', 'no'],
  ]);
  await daemon.ready(async () => (await redis(port, 'PING')) === 'PONG');
  return new Server(daemon, folder, port);
}

/** Runs one command with a `redis-cli` of its own. @returns the answer, without the last line's end */
export async function redis(port: number, ...command: string[]): Promise<string> {
  const output = await runOk(program('redis-cli'), [
    '-h',
    '127.0.0.1',
    '-p',
    `${port}`,
    ...command,
  ]);
  return output.trimEnd();
}
