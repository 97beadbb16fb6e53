/** An operator goes through docs/operating.md, with two MariaDB servers under sysbench: nobody notices, and each answer is as the page says. */
import { readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { freePort } from '../../scripts/lib/port.js';
import { inRoot } from '../../scripts/lib/root.js';
import type { ControlStatus } from '../../src/control/types.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { type CommandResult, runCommand } from './helpers/command.js';
import { Daemon } from './helpers/daemon.js';
import {
  clientArguments,
  makeMariadbTemplate,
  mariadbNeeds,
  startMariadb,
} from './helpers/mariadb.js';
import { describeWith, program } from './helpers/programs.js';
import type { Server } from './helpers/server.js';
import { prepareSysbench, Sysbench, startOneClient, sysbenchNeeds } from './helpers/sysbench.js';
import { makeTempFolder, removeFolder } from './helpers/temp-folder.js';
import { waitUntil } from './helpers/wait.js';

const page = readFileSync(inRoot('docs', 'operating.md'), 'utf8');
const [, config = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
/** Commands in their order, each with what is printed below it. */
const steps = [...page.matchAll(/```sh\n(.*?)```(?:\n\n```(?:text|json|yaml)\n(.*?)```)?/gs)].map(
  ([, commands = '', output = '']) => ({ commands, output }),
);

/** Times, sizes and other figures are what they are. */
const shapeOf = (text: string) =>
  text
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'MOMENT')
    .replace(/\b[0-9a-f]{6}-[0-9a-z]+\b/g, 'SESSION')
    // Any server may have the busiest client.
    .replace(/^(SESSION .*)db-\d/gm, '$1DB')
    .replace(/\b[\d.,]+ [KMGT]?i?B\b/g, 'SIZE')
    .replace(/\b\d+[dhms]( \d+[hms])?\b/g, 'TIME')
    .replace(/(?<!db-|generation |edge.yaml:.*)\b[\d,]+\b/g, 'N')
    .replace(/ +/g, ' ')
    .trimEnd();

describeWith(
  { ...mariadbNeeds, ...sysbenchNeeds, curl: 'curl' },
  'an operator with two MariaDB servers under sysbench',
  () => {
    const keep = stopAfterwards();
    const servers: Server[] = [];
    beforeAll(async () => {
      const { folder } = keep(await makeMariadbTemplate());
      for (let count = 0; count < 2; count++) {
        const server = keep(await startMariadb(folder));
        await prepareSysbench(server.port);
        servers.push(server);
      }
    });

    test('drains one, sees it empty, takes it away and puts it back, and more', async () => {
      const folder = await makeTempFolder('operate');
      onTestFinished(() => removeFolder(folder));
      const port = await freePort();
      const [one, two] = servers.map((server) => String(server.port));
      const here = (text: string) =>
        text
          .replaceAll('5555', String(port))
          .replaceAll('3306', one ?? '')
          .replaceAll('3307', two ?? '')
          .replaceAll('/run/spliceway', folder)
          .replaceAll('/etc/spliceway', folder);
      const command = inRoot('dist', 'cli', 'main.js');
      await mkdir(path.join(folder, 'bin'));
      const script = path.join(folder, 'bin', 'spliceway');
      await writeFile(script, `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
      await chmod(script, 0o755);
      await writeFile(path.join(folder, 'edge.yaml'), here(config));
      const env = {
        ...process.env,
        PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
        RUNTIME_DIRECTORY: folder,
      };
      const run = (commands: string): Promise<CommandResult> =>
        runCommand('/bin/sh', ['-c', here(commands)], { cwd: folder, env });

      const [start, ...others] = steps;
      const words = (start?.commands ?? '').trim().split(' ').slice(1);
      const daemon = new Daemon(process.execPath, [command, ...words], { cwd: folder, env });
      onTestFinished(async () => void (await daemon.stop()));
      await daemon.ready(() => daemon.output.includes('listening on '));
      const steady = Array.from({ length: 4 }, () => startOneClient(port));
      onTestFinished(async () => void (await Promise.all(steady.map((client) => client.stop()))));
      await waitUntil(() => bothWork(run), { what: 'two clients at each server' });
      let load: Sysbench | undefined;
      onTestFinished(async () => void (await load?.stop()));
      for (const { commands, output } of others) {
        if (commands.includes('spliceway drain')) {
          // Those leave, and others come and go.
          await Promise.all(steady.map((client) => client.stop()));
          load = new Sysbench(port);
        }
        if (commands.includes('spliceway kill')) {
          expect(await load?.stop()).toBeGreaterThan(0);
          const idle = await idleAt(port, 'db-1', run);
          onTestFinished(async () => void (await idle.stop()));
        }
        const { stdout, stderr } = await run(commands);
        const printed = stdout + stderr;
        const said = here(output);
        if (said.startsWith('{')) expect(JSON.parse(printed)).toMatchObject(JSON.parse(said));
        else if (said.startsWith('listeners:')) expect(printed).toBe(said);
        else expect(shapeOf(printed), commands).toBe(shapeOf(said));
      }
    });
  },
);

type Run = (commands: string) => Promise<CommandResult>;

/** Two of four clients are at each server, and have got something. */
async function bothWork(run: Run): Promise<boolean> {
  const { stdout } = await run('spliceway status --json');
  const { backends } = JSON.parse(stdout) as ControlStatus;
  return backends.every(({ open, bytesDownstream }) => open === 2 && bytesDownstream > 20_000);
}

/** One client that says nothing, at the server that is meant; others leave at once. */
async function idleAt(port: number, backend: string, run: Run): Promise<Daemon> {
  for (;;) {
    const client = new Daemon(program('mariadb'), [
      ...clientArguments(port),
      'shop',
      '--execute=SELECT SLEEP(600)',
    ]);
    const count = async (which: string) =>
      Number(JSON.parse((await run(`spliceway sessions ${which} --json`)).stdout).count);
    await waitUntil(async () => (await count('')) === 1, { what: 'one client to be connected' });
    if ((await count(`--backend ${backend}`)) === 1) return client;
    await client.stop();
    await waitUntil(async () => (await count('')) === 0, { what: 'the client to leave' });
  }
}
