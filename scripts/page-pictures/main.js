/**
 * Makes the pictures of the page that docs/ has: docs/images/*.png. `npm run docs:pictures` runs it; it takes some minutes, and
 * Debian's packages chromium and pngquant. An hour of history is made within two minutes: its points come thirty times as fast.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Chromium } from '../lib/chromium.js';
import { inRoot } from '../lib/root.js';
import { findProgram } from '../lib/run.js';
import { crowd, demonstration } from './scenes.js';

const folder = inRoot('docs', 'images');

/** Larger pictures make the package large. */
const MOST_BYTES = 150_000;

/** @param {Chromium} browser @param {string} name */
async function take(browser, name) {
  const picture = execFileSync('pngquant', ['--speed', '1', '128', '-'], {
    input: await browser.picture(),
  });
  if (picture.length > MOST_BYTES) throw new Error(`${name} has ${picture.length} bytes`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}.png`, picture);
  process.stdout.write(`docs/images/${name}.png: ${picture.length} bytes\n`);
}

const desktop = { width: 1440, height: 900 };
const seconds = Number(process.argv[2] ?? 120);

const file = findProgram('chromium');
if (file === undefined) throw new Error('there is no chromium: apt-get install chromium');
const browser = await Chromium.start(file);
try {
  const scene = await demonstration();
  await delay(seconds * 1000);
  await browser.show(desktop);
  await browser.open(scene.url);
  await delay(8000);
  await take(browser, 'page');
  await browser.show({ ...desktop, isDark: true });
  await delay(500);
  await take(browser, 'page-dark');
  await scene.fail();
  await browser.show(desktop);
  await delay(8000);
  await take(browser, 'page-down');
  await browser.show({ width: 390, height: 844, scale: 2, isPhone: true });
  await delay(2000);
  await take(browser, 'page-telephone');
  await scene.close();
  const many = await crowd(200);
  await browser.show(desktop);
  await browser.open(many.url);
  await delay((seconds / 4) * 1000);
  await take(browser, 'page-200');
  await many.close();
} finally {
  await browser.close();
}
process.exit();
