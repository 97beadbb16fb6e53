/**
 * Every command of the README and of the pages for those who take part is run: as it stands, or shortened as the table
 * says. A command that no test runs fails here.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../scripts/lib/port.js';
import { remedy } from '../../scripts/transfers/transfers.js';
import { describeWhere } from '../helpers/where.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { commands, elsewhere, followed, inClone, shortened } from './helpers/commands.js';
import { Daemon } from './helpers/daemon.js';
import { outsideNpm } from './helpers/environment.js';
import { describeWith } from './helpers/programs.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';
import { makeTempFolder, removeFolder } from './helpers/temp-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const minute = 60_000;

const serving = /^npm start -- /;
const namespaced = /^npm run transfers/;
const here = commands.filter(
  (command) => !elsewhere[command] && !inClone.includes(command) && !serving.test(command),
);

describe('commands of the documents', () => {
  test('are known: what the tables name is in a document, and runs where they say', () => {
    expect(commands.length).toBeGreaterThan(40);
    for (const command of [...Object.keys(elsewhere), ...Object.keys(shortened), ...inClone]) {
      expect(commands).toContain(command);
    }
    for (const [command, { file, says }] of Object.entries(elsewhere)) {
      expect(readFileSync(path.join(root, file), 'utf8'), command).toContain(says);
    }
    for (const [document, file] of Object.entries(followed)) {
      expect(readFileSync(path.join(root, file), 'utf8')).toContain(document);
    }
  });
});

function runHere(command: string, folder: string): Promise<string> {
  const env = { ...outsideNpm(), FOLDER: folder };
  const words = ['-c', shortened[command] ?? command];
  return runOk('/bin/sh', words, { cwd: root, env, deadlineMs: 9 * minute });
}

const tools = { iperf3: 'iperf3', 'redis-benchmark': 'redis-tools' };

describeWith({ ...tools, ...redisNeeds }, 'commands in the checkout', () => {
  const keep = stopAfterwards();
  test.each(here.filter((command) => !namespaced.test(command)))(
    '%s',
    { timeout: 10 * minute },
    async (command) => {
      await runHere(command, '');
    },
  );

  test.each(commands.filter((command) => serving.test(command)))('%s', async (command) => {
    const [a, b] = [keep(await startRedis()), keep(await startRedis())];
    const port = await freePort();
    const ports: Record<string, number> = { 5555: port, 3306: a.port, 3307: b.port };
    const script = command.replace(/\b\d{4}\b/g, (name) => String(ports[name]));
    const options = { cwd: root, env: outsideNpm() };
    const running = keep(new Daemon('/bin/sh', ['-c', `exec ${script}`], options));
    await running.ready(() => running.output.includes(`listening on 127.0.0.1:${port}\n`));
    expect(await redis(port, 'PING')).toBe('PONG');
    expect(await running.stop()).toBe(0);
  });
});

const wanted = remedy();

describeWhere(wanted, 'commands with namespaces', () => {
  const keep = stopAfterwards();
  let folder = '';
  beforeAll(async () => {
    folder = await makeTempFolder('commands');
    keep({ stop: () => removeFolder(folder) });
  });

  test.each(here.filter((command) => namespaced.test(command)))(
    '%s',
    { timeout: 10 * minute },
    async (command) => {
      await runHere(command, folder);
    },
  );
});
