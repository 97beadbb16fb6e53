/** A running program keeps what was set by hand, over reloads and restarts. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Overlay } from '../src/model/overlay.js';
import { RunningCommand, runCommand } from './helpers/cli.js';
import { until } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { answersAt, namedBackends, sorted } from './helpers/services.js';
import { tempPath } from './helpers/temp.js';

const textOf = (backends: readonly string[], ...more: string[]) =>
  [
    'listeners: { sql: { address: "127.0.0.1:0", pool: db } }',
    `pools: { db: { backends: ${JSON.stringify(backends)} } }`,
    ...more,
    '',
  ].join('\n');

const kept = (file: string) => JSON.parse(readFileSync(file, 'utf8')).overlay as Overlay;
/** Before a stop, which does not wait for a slow disk for long. */
const untilKept = (file: string, overlay: Overlay) =>
  until(
    'what is kept',
    () => existsSync(file) && JSON.stringify(kept(file)) === JSON.stringify(overlay),
  );

describe.each(engines)('--state, with the %s engine,', (engine) => {
  it('has a drained backend stay so over reloads and restarts, until it is removed', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const [config, state] = [tempPath('balance.yaml'), tempPath('state.json')];
    writeFileSync(config, textOf([a, b]));
    const set = { db: { a: { state: 'drain' as const, weight: 3 }, gone: { weight: 2 } } };
    writeFileSync(state, JSON.stringify({ version: 1, overlay: set }));
    const flags = ['--config', config, '--state', state, '--engine', engine, '--threads', '2'];
    const left = { db: { a: set.db.a } };
    {
      await using command = new RunningCommand(flags);
      const port = await command.port();
      expect(await answersAt(port, 3)).toBe('bbb');
      await command.waitFor(
        'stderr',
        /state.json: set by hand before: db\/a \(state drain, weight 3\)/,
      );
      await command.waitFor('stderr', /there is no backend db\/gone any more/);
      await untilKept(state, left);

      writeFileSync(config, textOf([`${a},weight=5`, b, c]));
      command.kill('SIGHUP');
      await command.waitFor('stderr', /added db\/c; changed db\/a \(generation 2\)/);
      await command.waitFor('stderr', /set by hand holds.*db\/a \(weight 3, not 5\)/);
      expect(sorted(await answersAt(port, 4))).toBe('bbcc');
      command.kill('SIGTERM');
      expect(await command.ended()).toMatchObject({ status: 0 });
      expect(kept(state)).toEqual(left);
    }
    await using command = new RunningCommand(flags);
    const port = await command.port();
    expect(sorted(await answersAt(port, 4))).toBe('bbcc');
    writeFileSync(config, textOf([b, c]));
    command.kill('SIGHUP');
    await command.waitFor('stderr', /backend db\/a is removed, and what was set of it by hand/);
    writeFileSync(config, textOf([a, b]));
    command.kill('SIGHUP');
    await command.waitFor('stderr', /\(generation 3\)/);
    expect(sorted(await answersAt(port, 2))).toBe('ab');
    await untilKept(state, {});
  });
});

describe('--state', () => {
  it('starts with a file that is damaged, and says so', async () => {
    const [a = ''] = await namedBackends('a');
    const state = tempPath('state.json');
    writeFileSync(state, '{');
    const [address = ''] = a.split(',');
    await using command = new RunningCommand([
      '--listen',
      '127.0.0.1:0',
      '--backend',
      address,
      '--state',
      state,
    ]);
    expect(await answersAt(await command.port(), 1)).toBe('a');
    await command.waitFor('stderr', /state.json: is damaged \(/);
    await untilKept(state, {});
  });

  it('is a setting of the file as well, which takes a restart to change', async () => {
    const [a = ''] = await namedBackends('a');
    const [config, state] = [tempPath('balance.yaml'), tempPath('state.json')];
    writeFileSync(config, textOf([a], `state: ${state}`));
    const { stdout } = await runCommand('check', '--config', config);
    expect(stdout).toContain(`\n  state     ${state}\n`);
    await using command = new RunningCommand(['--config', config]);
    await command.port();
    writeFileSync(config, textOf([a], 'state: other.json'));
    command.kill('SIGHUP');
    await command.waitFor(
      'stderr',
      /:3:8: state: needs a restart; it is \/.*, and other.json here/,
    );
    await untilKept(state, {});
  });

  it('is refused where it cannot be a path', async () => {
    const serve = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:1', '--state', ''];
    const { status, stderr } = await runCommand(...serve);
    expect(status).toBe(2);
    expect(stderr).toMatch(/^spliceway: --state: "" is not the path of a file; /);
  });
});
