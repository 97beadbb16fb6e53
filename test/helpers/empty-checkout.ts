/** Copies of this checkout with nothing built in them, for what judges whether a package is whole. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { targets } from '../../scripts/prebuild/targets.js';
import { tempPath } from './temp.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** @returns its folder, which goes when the test ends */
export function emptyCheckout(): string {
  const copy = tempPath('checkout');
  const parts = ['scripts', 'native', 'package.json', 'package-lock.json', 'binding.gyp', '.npmrc'];
  for (const part of parts) {
    cpSync(path.join(root, part), path.join(copy, part), {
      recursive: true,
      filter: (source) => !source.includes('node_modules'),
    });
  }
  return copy;
}

/** An empty file. */
export function put(checkout: string, file: string): void {
  mkdirSync(path.dirname(path.join(checkout, file)), { recursive: true });
  writeFileSync(path.join(checkout, file), '');
}

/** What says which addons are of its sources, as it is in a checkout. */
export async function madeIn(checkout: string) {
  return (await import(
    path.join(checkout, 'scripts/prebuild/made.js')
  )) as typeof import('../../scripts/prebuild/made.js');
}

/** Something for each machine, as if it had been built of today's sources and had passed. */
export async function putAddons(checkout: string): Promise<void> {
  const { inputs, takeIn } = await madeIn(checkout);
  const addon = path.join(checkout, 'package.json');
  const passed = [{ gate: 'any', found: '', passed: true }];
  for (const target of targets) takeIn(addon, target, passed, inputs());
}
