/** `npm run docs:settings`: brings the table of docs/configuration.md up to date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { withSettings } from './page.js';

const { settingKeys, settingOf, defaultText } = await import(inRoot('dist', 'config', 'shapes.js'));
const { flagOf } = await import(inRoot('dist', 'cli', 'setting-flags.js'));

const file = inRoot('docs', 'configuration.md');
const rows = settingKeys.map((/** @type {string} */ key) => ({
  key,
  flag: flagOf(key),
  setting: settingOf(key),
  defaultText: defaultText(key),
}));
writeFileSync(file, withSettings(readFileSync(file, 'utf8'), rows));
