/** Two words on a fresh machine: a clone sets itself up, runs, stops, and runs again. */
import { existsSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { describeWhere } from '../helpers/where.js';
import { Checkout, canBeCloned } from './helpers/checkout.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { findProgram } from './helpers/programs.js';

const start = ['start', '--', 'demo', '--listen', '127.0.0.1:0'];
const liveFigures = /^sessions \d+ \(\d+ open\) \| up /m;
const setUpMs = 600_000;
const readyMs = 120_000;

const hasGit = findProgram('git') !== undefined;
const remedy = !hasGit
  ? 'apt-get install git'
  : canBeCloned
    ? undefined
    : 'use a git checkout, with its .git folder';

describeWhere(remedy, 'a fresh clone', () => {
  const keep = stopAfterwards();
  let checkout: Checkout;
  beforeAll(async () => {
    checkout = keep(await Checkout.clone());
  });

  test('npm start sets it up, reaches its live figures, and Ctrl+C stops it with 0', {
    timeout: setUpMs + 30_000,
  }, async () => {
    const job = keep(checkout.npm(...start));
    await job.waitFor(liveFigures, setUpMs);
    expect(job.output).toContain('setup: installing the dependencies');
    expect(job.output).toContain('setup: building the native addon');
    expect(job.output).toContain('setup: compiling TypeScript');
    expect(job.output).toContain('They took turns.');
    expect(await job.interrupt()).toBe(0);
  });

  test('a second npm start makes nothing again', async () => {
    const job = keep(checkout.npm(...start));
    await job.waitFor(liveFigures, readyMs);
    expect(job.output).not.toContain('setup:');
    expect(await job.interrupt()).toBe(0);
  });

  test('SIGTERM to npm alone reaches the program, which stops with 0', async () => {
    const job = keep(checkout.npm(...start));
    await job.waitFor(liveFigures, readyMs);
    expect(await job.terminate()).toBe(0);
    // A client of the demonstration may still be on its way out.
    expect(job.output).toMatch(/SIGTERM: (stopping|accepting no more)/);
  });

  test('npm run build makes addon and TypeScript, and no prebuilt addons', {
    timeout: setUpMs + 10_000,
  }, async () => {
    const job = keep(checkout.npm('run', 'build'));
    expect(await job.ended(setUpMs), job.output).toBe(0);
    expect(existsSync(`${checkout.folder}/build/Release/spliceway.node`)).toBe(true);
    expect(existsSync(`${checkout.folder}/prebuilds`)).toBe(false);
  });

  test('npm run pack refuses a package that would have no addon', async () => {
    const job = keep(checkout.npm('run', 'pack'));
    expect(await job.ended(readyMs)).toBeGreaterThan(0);
    expect(job.output).toContain('npm run prebuilds');
  });

  test('so does npm pack alone', async () => {
    const job = keep(checkout.npm('pack'));
    expect(await job.ended(readyMs)).toBeGreaterThan(0);
    expect(job.output).toContain('npm run prebuilds');
  });

  test('npm ci installs the packages, and makes nothing', {
    timeout: setUpMs + 10_000,
  }, async () => {
    await checkout.run('rm -r dist build');
    const job = keep(checkout.npm('ci', '--no-audit'));
    expect(await job.ended(setUpMs), job.output).toBe(0);
    for (const made of ['dist', 'build', 'prebuilds']) {
      expect(existsSync(`${checkout.folder}/${made}`), made).toBe(false);
    }
  });

  test('a project that installs it by its address has the command and its addon', {
    timeout: setUpMs + 10_000,
  }, async () => {
    const doctor = await checkout.run(
      `mkdir ../project && cd ../project && echo '{ "private": true }' > package.json
       npm install --no-audit "git+file://$OLDPWD" >&2 && npx spliceway doctor`,
      setUpMs,
    );
    expect(doctor).toMatch(/^addon +\S+\/node_modules\/spliceway\/prebuilds\//m);
  });
});
