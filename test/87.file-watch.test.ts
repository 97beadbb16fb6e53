/** A file is noticed however it is changed: written to, replaced, behind a link, or where the kernel tells nothing. */
import { EventEmitter } from 'node:events';
import {
  appendFileSync,
  type FSWatcher,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FileWatch, type FileWatchInternals } from '../src/cli/file-watch.js';
import { RunningCommand, runCommand } from './helpers/cli.js';
import { until } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { tempPath } from './helpers/temp.js';

const HOUR_MS = 3_600_000;
/** Only the kernel can tell in time. */
const told: FileWatchInternals = { lookEveryMs: HOUR_MS, quietMs: 5 };
/** The kernel tells nothing. */
const silent: FileWatchInternals = {
  watch: () => Object.assign(new EventEmitter(), { close: () => {} }) as unknown as FSWatcher,
  lookEveryMs: 10,
  quietMs: 5,
};
/** There is no watch left. */
const refused: FileWatchInternals = {
  ...silent,
  watch: () => {
    throw new Error('ENOSPC');
  },
};

/** A watch that has told of the file as it is. */
async function watching(file: string, internals: FileWatchInternals) {
  const seen = { changes: 0, gone: [] as string[] };
  const watch = new FileWatch(
    file,
    {
      onChanged: () => {
        seen.changes += 1;
      },
      onGone: ({ code = '' }) => void seen.gone.push(code),
    },
    internals,
  );
  onTestFinished(() => watch.close());
  const changesTo = (count: number) => until(`change ${count}`, () => seen.changes >= count);
  await changesTo(1);
  return { ...seen, seen, changesTo };
}

function fileIn(name = 'balance.yaml'): string {
  const file = tempPath(name);
  writeFileSync(file, 'one');
  return file;
}

const waysToTell: [string, FileWatchInternals][] = [
  ['where the kernel tells', told],
  ['where it tells nothing', silent],
  ['without a watch', refused],
];

describe.each(waysToTell)('a watched file, %s,', (_, internals) => {
  it('is noticed when it is written to', async () => {
    const file = fileIn();
    const { changesTo, seen } = await watching(file, internals);
    writeFileSync(file, 'two');
    await changesTo(2);
    appendFileSync(file, ' and more');
    await changesTo(seen.changes + 1);
    expect(seen.gone).toEqual([]);
  });

  it('is noticed when another one takes its place, as of an editor', async () => {
    const file = fileIn();
    const { changesTo } = await watching(file, internals);
    for (let count = 2; count < 5; count++) {
      writeFileSync(`${file}.new`, `text ${count}`);
      renameSync(`${file}.new`, file);
      await changesTo(count);
    }
  });

  it('is noticed when the link to its folder is swapped, as of a ConfigMap', async () => {
    const folder = path.dirname(tempPath('balance.yaml'));
    const version = (name: string, text: string) => {
      mkdirSync(path.join(folder, name));
      writeFileSync(path.join(folder, name, 'balance.yaml'), text);
      symlinkSync(name, path.join(folder, '..tmp'));
      renameSync(path.join(folder, '..tmp'), path.join(folder, '..data'));
    };
    version('..1', 'one');
    const file = path.join(folder, 'balance.yaml');
    symlinkSync('..data/balance.yaml', file);
    const { changesTo } = await watching(file, internals);
    version('..2', 'two');
    rmSync(path.join(folder, '..1'), { recursive: true });
    await changesTo(2);
    version('..3', 'three');
    await changesTo(3);
  });

  it('is noticed when it comes back', async () => {
    const file = fileIn();
    const { changesTo } = await watching(file, internals);
    rmSync(file);
    writeFileSync(file, 'two');
    await changesTo(2);
  });
});

describe('a watched file', () => {
  it('that stays away is told of once, each time', async () => {
    const file = fileIn();
    const { changesTo, seen } = await watching(file, silent);
    for (const times of [1, 2]) {
      rmSync(file);
      await until('its absence', () => seen.gone.length === times);
      writeFileSync(file, `back ${times}`);
      await changesTo(times + 1);
    }
    expect(seen.gone).toEqual(['ENOENT', 'ENOENT']);
  });

  it('is found in a folder that was made anew, and watched there', async () => {
    const file = fileIn();
    const folder = path.dirname(file);
    const { changesTo } = await watching(file, told);
    // Beside the other one, so that it is another folder for certain.
    mkdirSync(`${folder}.new`);
    onTestFinished(() => rmSync(`${folder}.old`, { recursive: true, force: true }));
    renameSync(folder, `${folder}.old`);
    renameSync(`${folder}.new`, folder);
    writeFileSync(file, 'two');
    await changesTo(2);
    writeFileSync(file, 'three');
    await changesTo(3);
  });

  it('is noticed among others that change all the time', async () => {
    const file = fileIn();
    const { changesTo } = await watching(file, { ...told, quietMs: 50 });
    const others = setInterval(() => writeFileSync(`${file}.log`, String(Math.random())), 1);
    onTestFinished(() => clearInterval(others));
    writeFileSync(file, 'two');
    await changesTo(2);
  });

  it('is left alone after close()', async () => {
    const file = fileIn();
    let changes = 0;
    const events = {
      onChanged: () => {
        changes += 1;
      },
      onGone: () => {},
    };
    const watch = new FileWatch(file, events, silent);
    watch.close();
    const other = await watching(file, silent);
    writeFileSync(file, 'two');
    await other.changesTo(2);
    expect(changes).toBe(0);
  });
});

const [engine = 'stream'] = engines;

describe('--watch', () => {
  const textOf = (backend: string) => `listen: 127.0.0.1:0\nbackends: ["${backend},name=only"]\n`;

  it('applies the file when it changes, and says what is wrong with it', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const file = fileIn();
    writeFileSync(file, textOf(a));
    const args = ['--config', file, '--watch', '--engine', engine];
    await using command = new RunningCommand(args);
    const port = await command.port();
    const first = await client(port);
    expect(await nextText(first)).toBe('a\n');
    const replace = (text: string) => {
      writeFileSync(`${file}.new`, text);
      renameSync(`${file}.new`, file);
    };
    utimesSync(file, 0, 0);
    replace('listen: x\n');
    await command.waitFor('stderr', /balance\.yaml:1:9: listen: /);
    await command.waitFor('stderr', /not applied; the last good configuration runs on/);
    replace(textOf(b));
    await command.waitFor('stderr', /changed default\/only \(generation 2\)/);
    const second = await client(port);
    expect(await nextText(second)).toBe('b\n');
    first.write('still here');
    expect(await nextText(first)).toBe('still here');
    rmSync(file);
    await command.waitFor('stderr', /balance\.yaml: there is no such file any more; the last good/);
    command.kill('SIGTERM');
    for (const socket of [first, second]) socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
    // The touch was none.
    expect(command.stderr).not.toContain('nothing has changed');
  });

  it.each([
    [['--listen', ':0', '--backend', 'a:1', '--watch'], '--watch is for a file; add --config FILE'],
    [['--config', '-', '--watch'], '--watch needs a file that can be read again; give --config a'],
  ])('is wrong without a file: %j', async (args, message) => {
    const { status, stderr } = await runCommand(...args);
    expect(status).toBe(2);
    expect(stderr).toContain(message);
  });
});
