/**
 * The addon in Node, under AddressSanitizer and UndefinedBehaviorSanitizer: in a copy of the checkout, since
 * an addon that needs the sanitizers' libraries must not be found by anybody else.
 */
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { tally } from '../lib/tally.js';
import { vitest } from './vitest.js';

/** @import { Step } from './step.js' */

const copied = [
  ...['package.json', 'tsconfig.json', 'vitest.config.ts', 'binding.gyp'],
  ...['native', 'src', 'dist', 'test'],
];

/** Where JavaScript and the loops meet: sockets handed over, sessions joined and closed, workers, events. */
const topics = ['10', '11', '12', '16', '17', '18', '26', '30', '31', '32', '36'];

const sanitizers = '-fsanitize=address,undefined';

/** @param {string} library @returns {Promise<string>} where g++ has it */
async function libraryPath(library) {
  return (await run('g++', [`-print-file-name=${library}`])).output.trim();
}

/** @type {Step} */
export const addonSanitize = {
  name: 'addon',
  title: 'The addon in Node, under AddressSanitizer and UndefinedBehaviorSanitizer',

  async run() {
    const cwd = inRoot('build', 'addon-sanitize');
    rmSync(cwd, { recursive: true, force: true });
    mkdirSync(cwd, { recursive: true });
    for (const name of copied) cpSync(inRoot(name), path.join(cwd, name), { recursive: true });
    symlinkSync(inRoot('node_modules'), path.join(cwd, 'node_modules'));
    const built = await run(inRoot('node_modules', '.bin', 'node-gyp'), ['rebuild'], {
      cwd,
      env: {
        CXXFLAGS: `-g -O1 ${sanitizers} -fno-sanitize-recover=all -fno-omit-frame-pointer`,
        LDFLAGS: sanitizers,
      },
    });
    if (built.status !== 0) {
      process.stdout.write(built.output);
      return { tally: tally(0, 1) };
    }
    return vitest(
      topics.map((topic) => `test/${topic}.`),
      {
        cwd,
        env: {
          LD_PRELOAD: `${await libraryPath('libasan.so')}:${await libraryPath('libubsan.so')}`,
          // Node itself leaves much behind when it exits.
          ASAN_OPTIONS: 'detect_leaks=0',
        },
      },
    );
  },
};
