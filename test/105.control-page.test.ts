/** The commands of docs/control.md answer what the page says. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { describeWith } from './e2e/helpers/programs.js';
import { RunningCommand } from './helpers/cli.js';
import { tempPath } from './helpers/temp.js';

const page = readFileSync(new URL('../docs/control.md', import.meta.url), 'utf8');

/** Commands in their order, each with the answer below it. */
const steps = [...page.matchAll(/```sh\n(.*?)\n```(?:\n\n```json\n(.*?)\n```)?/gs)].map(
  ([, command = '', answer]) => ({ command, answer }),
);

describeWith({ curl: 'curl' }, 'the page of the control socket', () => {
  it('has commands that answer as it says, one after the other', async () => {
    const [start, ...others] = steps;
    expect(others.length).toBeGreaterThan(3);
    const folder = tempPath('run');
    mkdirSync(folder, { mode: 0o700 });
    const [, ...words] = (start?.command ?? '').replace(':5555', ':0').split(' ');
    await using command = new RunningCommand([...words, '--threads', '1'], {
      RUNTIME_DIRECTORY: folder,
    });
    await command.port();
    for (const { command: line, answer = '' } of others) {
      const here = line.replace('/run/spliceway', folder);
      expect(here).not.toBe(line);
      const { stdout } = await promisify(execFile)('/bin/sh', ['-c', here]);
      expect(JSON.parse(stdout), line).toMatchObject(JSON.parse(answer));
    }
  });
});
