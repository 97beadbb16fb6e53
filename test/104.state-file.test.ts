/** What is set by hand is kept in a file, over restarts, whatever becomes of the file. */

import { execFileSync, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Logger } from '../src/cli/log.js';
import { type KeptProxy, StateFile, type StateFileInternals } from '../src/cli/state-file.js';
import type { Overlay } from '../src/model/overlay.js';
import { until, within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { tempPath } from './helpers/temp.js';

/** A proxy of which a test sets something. */
class Kept extends EventEmitter {
  #overlay: Overlay;

  constructor(overlay: Overlay = {}) {
    super();
    this.#overlay = overlay;
  }

  overlay(): Overlay {
    return this.#overlay;
  }

  set(overlay: Overlay): void {
    this.#overlay = overlay;
    this.emit('override');
  }
}

const weight = (value: number): Overlay => ({ db: { a: { weight: value } } });
const textOf = (overlay: unknown, version: unknown = 1) => JSON.stringify({ version, overlay });

/** A file as a process has it. */
function open(file: string, overlay?: Overlay, internals: StateFileInternals = {}) {
  const lines: string[] = [];
  const note = (level: string) => (first: unknown, second?: string) =>
    lines.push(`${level}: ${second ?? first}`.replaceAll(path.dirname(file), 'DIR'));
  const log = { info: note('info'), warn: note('warn') } as unknown as Logger;
  const state = new StateFile(file, log, { stopMs: 60_000, ...internals });
  const read = state.read();
  const proxy = new Kept(overlay ?? read);
  state.follow(proxy as unknown as KeptProxy);
  onTestFinished(() => state.close());
  return { state, read, proxy, lines };
}

const kept = (file: string) => JSON.parse(readFileSync(file, 'utf8')).overlay as Overlay;
const untilKept = (file: string, overlay: Overlay) =>
  until(
    'what is kept',
    () => existsSync(file) && JSON.stringify(kept(file)) === JSON.stringify(overlay),
  );

describe('a state file', () => {
  it('has what is set, for who runs the program alone, and the next process gets it', async () => {
    const file = tempPath('state.json');
    const first = open(file);
    expect(first.read).toEqual({});
    // It is there from the start, so that a folder that cannot be written to is found out.
    await untilKept(file, {});
    first.proxy.set(weight(3));
    await untilKept(file, weight(3));
    first.proxy.set(weight(4));
    await first.state.close();
    expect(kept(file)).toEqual(weight(4));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(file))).toEqual(['state.json']);
    expect(first.lines).toEqual([]);

    const second = open(file);
    expect(second.read).toEqual(weight(4));
    expect(second.lines).toEqual(['info: DIR/state.json: set by hand before: db/a (weight 4)']);
    await second.state.close();
    expect(second.lines).toHaveLength(1);
  });

  it('is replaced as a whole: who has it open sees what was there before', async () => {
    const file = tempPath('state.json');
    const { proxy } = open(file);
    await untilKept(file, {});
    linkSync(file, `${file}.before`);
    proxy.set(weight(2));
    await untilKept(file, weight(2));
    expect(kept(`${file}.before`)).toEqual({});
  });

  it('has what was set last, of many changes', async () => {
    const file = tempPath('state.json');
    const { proxy, state } = open(file);
    for (let value = 1; value <= 1000; value++) proxy.set(weight(value));
    await state.close();
    expect(kept(file)).toEqual(weight(1000));
  });

  it.each([
    ['{"version": 1, "over', /^is damaged \(.*JSON/],
    ['[]', /^is damaged \(a list is no state\)/],
    [textOf({}, 2), /^is damaged \(its version is 2, and not 1\)/],
    [textOf({ db: { a: { weight: 0 } } }), /^is damaged \(overlay.db.a.weight: 0 is not a whole/],
    [textOf(undefined), /^is damaged \(overlay: undefined is not what/],
  ])('is set aside where it is damaged: %s', async (text, reason) => {
    const file = tempPath('state.json');
    writeFileSync(file, text);
    const { read, lines, state } = open(file);
    expect(read).toEqual({});
    const [line = ''] = lines;
    expect(line.replace('warn: DIR/state.json: ', '')).toMatch(reason);
    const [, aside = ''] = /set aside as DIR\/(\S+);/.exec(line) ?? [];
    expect(aside).toMatch(/^state\.json\.damaged-[0-9T.Z-]+$/);
    await state.close();
    expect(lines).toHaveLength(1);
    expect(readFileSync(path.join(path.dirname(file), aside), 'utf8')).toBe(text);
    expect(kept(file)).toEqual({});
  });

  it('may be empty at first', async () => {
    const file = tempPath('state.json');
    writeFileSync(file, '');
    const { read, lines, state } = open(file);
    expect([read, lines]).toEqual([{}, []]);
    await state.close();
    expect(kept(file)).toEqual({});
  });

  it.each<[string, (file: string) => void]>([
    ['a folder', (file) => mkdirSync(file)],
    ['a pipe', (file) => execFileSync('mkfifo', [file])],
    ['a link to itself', (file) => symlinkSync(path.basename(file), file)],
  ])('is left alone where it is %s', async (_, make) => {
    const file = tempPath('state.json');
    make(file);
    const { ino } = lstatSync(file);
    const { read, lines, proxy, state } = open(file);
    expect(read).toEqual({});
    expect(lines).toEqual([
      expect.stringMatching(/^warn: DIR\/state.json: cannot be read \(.*\): .* is not kept; /),
    ]);
    proxy.set(weight(2));
    await state.close();
    expect(lstatSync(file).ino).toBe(ino);
    expect(readdirSync(path.dirname(file))).toEqual(['state.json']);
  });

  it('is where a link leads, be it there or not', async () => {
    const file = tempPath('link.json');
    const folder = path.join(path.dirname(file), 'elsewhere');
    mkdirSync(folder);
    symlinkSync('elsewhere/state.json', file);
    const first = open(file, weight(2));
    await first.state.close();
    expect(readlinkSync(file)).toBe('elsewhere/state.json');
    expect(readdirSync(folder)).toEqual(['state.json']);
    const second = open(file);
    expect(second.read).toEqual(weight(2));
    second.proxy.set(weight(3));
    await second.state.close();
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(kept(path.join(folder, 'state.json'))).toEqual(weight(3));
  });

  it('that cannot be written is warned of once, and written when that is possible', async () => {
    const folder = path.join(tempPath('folder'));
    const file = path.join(folder, 'state.json');
    const { proxy, lines, state } = open(file);
    await until('the warning', () => lines.length > 0);
    expect(lines).toEqual([
      expect.stringMatching(
        /^warn: DIR\/state.json: cannot be written \(ENOENT.* would not outlive/,
      ),
    ]);
    proxy.set(weight(2));
    await state.close();
    expect(lines).toHaveLength(1);
    mkdirSync(folder);
    await state.close();
    expect(kept(file)).toEqual(weight(2));
    expect(lines.slice(1)).toEqual(['info: DIR/state.json: is written again']);
    // What is in its way leaves nothing behind.
    unlinkSync(file);
    mkdirSync(file);
    proxy.set(weight(3));
    await state.close();
    expect(readdirSync(folder)).toEqual(['state.json']);
    rmdirSync(file);
    await state.close();
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/cannot be written/),
      expect.stringMatching(/is written again/),
    ]);
  });

  it('of two processes is what was set last by either, and both say so', async () => {
    const file = tempPath('state.json');
    const first = open(file, weight(1));
    await untilKept(file, weight(1));
    const second = open(file, weight(2));
    await untilKept(file, weight(2));
    first.proxy.set(weight(3));
    await untilKept(file, weight(3));
    second.proxy.set(weight(4));
    await untilKept(file, weight(4));
    first.proxy.set(weight(5));
    await first.state.close();
    const warning = /^warn: DIR\/state.json: another program writes it as well/;
    const warnings = (lines: string[]) => lines.filter((line) => line.startsWith('warn'));
    expect(warnings(first.lines)).toEqual([expect.stringMatching(warning)]);
    expect(warnings(second.lines)).toEqual([expect.stringMatching(warning)]);
  });

  it('that somebody removes is written anew with the next change', async () => {
    const file = tempPath('state.json');
    const { proxy, lines, state } = open(file);
    await untilKept(file, {});
    unlinkSync(file);
    proxy.set(weight(2));
    await state.close();
    expect(kept(file)).toEqual(weight(2));
    expect(lines).toEqual([]);
  });

  it('does not hold a stop up where a file system hangs', async () => {
    const hang = { stopMs: 10, replaceFile: () => new Promise<never>(() => {}) };
    const { state, lines } = open(tempPath('state.json'), {}, hang);
    await state.close();
    expect(lines).toEqual([expect.stringMatching(/takes too long to write; what was set last/)]);
  });

  it('is not readable for others, whatever it was before', async () => {
    const file = tempPath('state.json');
    writeFileSync(file, textOf(weight(2)));
    chmodSync(file, 0o644);
    const { state } = open(file);
    await state.close();
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

// The end at once is the addon's.
it.runIf(engines.includes('native'))(
  'a file system that hangs does not keep the process from its end',
  async () => {
    const fifo = tempPath('fifo');
    execFileSync('mkfifo', [fifo]);
    const module = (name: string) =>
      JSON.stringify(new URL(`../dist/cli/${name}`, import.meta.url));
    // Opening a pipe waits for its other end, as long as it takes.
    const script = [
      `import { open } from 'node:fs/promises';`,
      `import { exit } from ${module('exit.js')};`,
      `void open(${JSON.stringify(fifo)});`,
      'setImmediate(() => exit(0));',
    ];
    const args = ['--input-type=module', '--eval', script.join('\n')];
    const child = spawn(process.execPath, args, { stdio: 'inherit' });
    onTestFinished(() => void child.kill('SIGKILL'));
    expect(await within('its end', once(child, 'exit'))).toEqual([0, null]);
  },
);
