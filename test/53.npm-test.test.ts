/** What `npm test` does with its steps: which it runs, in what order, and what it says of them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runInLanes } from '../scripts/checks/lanes.js';
import { steps } from '../scripts/checks/steps.js';
import { summary } from '../scripts/checks/summary.js';
import { vitestWithSecondTry } from '../scripts/checks/vitest.js';
import { readCppOutput, tally } from '../scripts/lib/tally.js';
import { tempFiles } from './helpers/temp.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const files = tempFiles();
const clones = tempFiles();

type Step = (typeof steps)[number];
const stepNamed = (name: string) => steps.find((step) => step.name === name) as Step;

/** @returns the steps whose result may change with a file */
const affected = (file: string) =>
  steps.filter(({ affectedBy }) => affectedBy.test(file)).map(({ name }) => name);

it('begins in a clone in which nothing is installed yet', () => {
  const clone = clones.path('clone');
  for (const entry of ['package.json', 'scripts']) {
    cpSync(path.join(root, entry), path.join(clone, entry), { recursive: true });
  }
  // Refused before the checkout is set up, but only once all that the script imports is there.
  const args = [path.join(clone, 'scripts', 'test.js'), '--no-such-option'];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stderr).toContain("Unknown option '--no-such-option'");
  expect(status).toBe(2);
});

describe('the steps', () => {
  it('that others wait for come before them, in another lane', () => {
    const waiting = steps.filter(({ after }) => after !== undefined);
    expect(waiting.length).toBeGreaterThan(0);
    for (const step of waiting) {
      const needed = stepNamed(step.after as string);
      expect(steps.indexOf(needed), step.name).toBeGreaterThanOrEqual(0);
      expect(steps.indexOf(needed), step.name).toBeLessThan(steps.indexOf(step));
      expect(needed.lane).not.toBe(step.lane);
    }
  });

  it.each([
    [
      'native/core/relay/relay.cc',
      ['cpp', 'sanitize', 'threads', 'simulate', 'faults', 'unit', 'e2e'],
    ],
    ['native/addon/addon.cc', ['clang-tidy', 'installed', 'unit', 'addon', 'addon-threads', 'e2e']],
    ['src/pool/pool.ts', ['lint', 'types', 'imports', 'api-docs', 'package', 'unit', 'e2e']],
    ['test/native/relay_test.cc', ['cpp-format', 'cpp', 'sanitize', 'threads']],
    ['test/native/simulator/oracle.cc', ['cpp-format', 'simulate', 'faults']],
    ['test/e2e/02.redis.test.ts', ['lint', 'types', 'e2e']],
    ['docs/redis.md', ['unit', 'e2e', 'commands']],
    ['README.md', ['package', 'unit', 'commands']],
    ['.github/workflows/ci.yml', ['unit']],
    ['.clang-tidy', ['clang-tidy']],
  ])('%s affects at least %j', (file, names) => {
    expect(affected(file)).toEqual(expect.arrayContaining(names));
  });

  it('are affected by every file of the checkout that is not about git or editors', () => {
    const known = /^\.(gitignore|editorconfig|npmrc|changeset\/)|^LICENSE$/;
    const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' });
    const unknown = tracked
      .split('\n')
      .filter((file) => file !== '' && !known.test(file) && affected(file).length === 0);
    expect(unknown).toEqual([]);
  });

  it('run the changed tests alone where nothing else has changed', () => {
    const { filesFor } = stepNamed('unit');
    expect(filesFor?.(['test/02.duration.test.ts'], false)).toEqual(['test/02.duration.test.ts']);
    expect(
      filesFor?.(['test/02.duration.test.ts', 'src/config/duration.ts'], false),
    ).toBeUndefined();
    expect(filesFor?.(['test/helpers/temp.ts'], false)).toBeUndefined();
    // One that was deleted cannot be run, and those of another step are not.
    expect(filesFor?.(['test/00.deleted.test.ts'], false)).toEqual([]);
    expect(stepNamed('e2e').filesFor?.(['test/e2e/07.checkout.test.ts'], false)).toEqual([]);
    const large = ['test/e2e/06.many-sessions.test.ts'];
    expect(stepNamed('e2e').filesFor?.(large, false)).toEqual([]);
    expect(stepNamed('e2e').filesFor?.(large, true)).toEqual(large);
  });

  it('that have run nothing have failed', async () => {
    const context = {
      fix: false,
      noSkips: false,
      all: false,
      files: ['test/00.not-there.test.ts'],
    };
    const [finished] = await runInLanes([stepNamed('unit')], () => context, 'kept', {
      started: () => {},
      ended: () => {},
    });
    expect(finished?.tally.failed).toBeGreaterThan(0);
  });

  it('give a result, and what they printed, from processes of their own', async () => {
    const chosen = ['lint', 'cpp-format'].map(stepNamed);
    const seen: string[] = [];
    const context = { fix: false, noSkips: false, all: false };
    const finished = await runInLanes(chosen, () => context, 'kept', {
      started: ({ name }) => seen.push(`${name} started`),
      ended: ({ step }) => seen.push(`${step.name} ended`),
    });
    expect(seen).toEqual(['lint started', 'lint ended', 'cpp-format started', 'cpp-format ended']);
    expect(finished.map(({ step }) => step)).toEqual(chosen);
    for (const { tally, seconds } of finished) {
      expect(tally.passed + tally.failed).toBe(1);
      expect(seconds).toBeGreaterThan(0);
    }
  });
});

describe('a second try', () => {
  it('tells what passes then as flaky, and what fails again as failed', async () => {
    const marker = files.path('ran');
    const text = `
      import { existsSync, writeFileSync } from 'node:fs';
      import { expect, it } from 'vitest';
      it('always passes', () => {});
      it('passes when it is run again', () => {
        const again = existsSync(${JSON.stringify(marker)});
        writeFileSync(${JSON.stringify(marker)}, '');
        expect(again).toBe(true);
      });`;
    files.write('flaky.test.mjs', text);
    files.write(
      'broken.test.mjs',
      `import { it } from 'vitest'; it('fails', () => { throw new Error('no'); });`,
    );
    files.write('right.test.mjs', `import { it } from 'vitest'; it('passes', () => {});`);
    // Of the second run nobody knows whether it would have passed.
    const changing = `import { it } from 'vitest'; it('at ' + Date.now(), () => { throw new Error('no'); });`;
    files.write('changing.test.mjs', changing);
    // It is found without a package there.
    files.write('package.json', '{"type":"module"}');
    const folder = path.dirname(marker);
    execFileSync('ln', ['-s', path.join(root, 'node_modules'), path.join(folder, 'node_modules')]);
    const result = await vitestWithSecondTry(['--root', folder], [], { show: false });
    expect(result.tally).toEqual(tally(3, 3));
    expect(result.failures).toEqual(
      expect.arrayContaining([
        'broken.test.mjs: fails: no',
        expect.stringMatching(/^changing\.test\.mjs: at \d+: no$/),
        expect.stringMatching(/^changing\.test\.mjs: at \d+: was not run the second time$/),
      ]),
    );
    expect(result.flaky).toHaveLength(1);
    expect(result.flaky?.[0]).toMatch(/^flaky\.test\.mjs: passes when it is run again: /);
  });
});

describe('the summary', () => {
  it('has each step, the ten slowest parts, failures, flaky tests, and the counts alone on the last line', () => {
    const parts = Array.from({ length: 12 }, (_, index) => ({
      name: `part ${index}`,
      seconds: index,
    }));
    const text = summary(
      [
        { step: stepNamed('lint'), seconds: 1, tally: tally(1) },
        {
          step: stepNamed('e2e'),
          seconds: 2,
          tally: tally(5, 1, 1),
          remedies: ['apt-get install nginx'],
          failures: ['a.test.ts: one: no'],
          flaky: ['a.test.ts: two: late'],
          timings: parts,
        },
      ],
      [{ name: 'set-up', seconds: 3 }],
      60,
    );
    const lines = text.split('\n');
    expect(lines.filter((line) => /e2e: part/.test(line))).toHaveLength(10);
    expect(text).toMatch(/^ +set-up +3\.0 s/m);
    expect(text).toMatch(/^ok +lint +1\.0 s {2}1 passed/m);
    expect(text).toMatch(/^ +in all +60\.0 s/m);
    expect(lines.at(-4)).toBe('skip e2e: to run what was skipped: apt-get install nginx');
    expect(lines.at(-3)).toBe('FAIL e2e: a.test.ts: one: no');
    expect(lines.at(-2)).toBe('flaky: a.test.ts: two: late');
    expect(lines.at(-1)).toBe('6 passed, 1 failed, 1 skipped');
  });
});

describe('the output of the C++ tests', () => {
  it('is read: counts, failures, times', () => {
    const output =
      '- one\n  0.25 s\n- two\n  file.cc:1: no\n  FAILED\n  1.50 s\n1 passed, 1 failed\n';
    expect(readCppOutput(output)).toEqual({
      tally: tally(1, 1),
      failures: ['two'],
      timings: [
        { name: 'one', seconds: 0.25 },
        { name: 'two', seconds: 1.5 },
      ],
    });
  });

  it('that ends in a test tells which', () => {
    const { tally, failures } = readCppOutput('- one\n- two\n==1==ERROR: AddressSanitizer');
    expect(failures).toEqual(['two: the process ended in it']);
    expect(tally.failed).toBe(1);
  });
});
