/** The table of settings, and what has to agree with it. */
import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { withSettings } from '../scripts/settings-docs/page.js';
import { flagOf } from '../src/cli/setting-flags.js';
import type { ListenerSettings, PoolSettings, ProcessSettings } from '../src/config/options.js';
import type { KeyOf } from '../src/config/settings.js';
import {
  defaultsOf,
  defaultText,
  durationKeys,
  mayChange,
  settingKeys,
  settingOf,
  shapeOf,
} from '../src/config/shapes.js';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');

describe('the table of settings', () => {
  it('has the options of a program, and those of the command beside them', () => {
    expectTypeOf<keyof ProcessSettings>().toEqualTypeOf<KeyOf<'process'>>();
    expectTypeOf<keyof ListenerSettings>().toEqualTypeOf<KeyOf<'listener'>>();
    expectTypeOf<keyof PoolSettings>().toEqualTypeOf<KeyOf<'pool'>>();
    const ofCommand = ['drainTimeout', 'state', 'logLevel', 'logFormat'];
    expect(Object.keys(shapeOf('command'))).toEqual(expect.arrayContaining(ofCommand));
  });

  it('has the defaults that the comments of the options name', () => {
    const source = read('src/config/options.ts');
    const [, ...comments] = source.slice(source.indexOf('interface ProcessSettings')).split('/**');
    const named = comments.flatMap((comment) => {
      const [, text = ''] = /Default `?([\w-]+)`?(?:, off)?\./.exec(comment) ?? [];
      const [, key = ''] = /\*\/\s+(\w+)\?:/.exec(comment) ?? [];
      return text === '' || text === 'os' ? [] : [[key, text] as const];
    });
    const inTable = settingKeys
      .filter((key) => settingOf(key).place !== 'command')
      .map((key) => [key, defaultText(key)] as const)
      .filter(([, text]) => text !== undefined);
    expect(Object.fromEntries(named)).toEqual(Object.fromEntries(inTable));
  });

  it('says what holds without a setting, once', () => {
    for (const key of settingKeys) {
      const { unset } = settingOf(key);
      expect(unset === undefined, key).toBe(defaultText(key) !== undefined);
    }
  });

  it('gives the shape of each place, in its own order', () => {
    const places = ['process', 'listener', 'pool', 'command'] as const;
    const parts = places.map((place) => Object.keys(shapeOf(place)));
    expect(parts.flat().sort()).toEqual([...settingKeys].sort());
    expect(Object.keys(shapeOf(...places))).toEqual(settingKeys);
    const timeouts = ['idleTimeout', 'halfCloseTimeout', 'handshakeTimeout'];
    expect(parts[1]).toEqual(expect.arrayContaining(timeouts));
  });

  it('gives the defaults of a place as validated', () => {
    expect(defaultsOf('listener')).toMatchObject({
      idleTimeoutMs: 3_600_000,
      halfCloseTimeoutMs: 300_000,
      handshakeTimeoutMs: 60_000,
    });
  });

  it('lets all change while the process runs but what the process stands on', () => {
    const fixed = settingKeys.filter((key) => !mayChange(key));
    expect(fixed).toEqual([...Object.keys(shapeOf('process')), 'state', 'logFormat']);
  });

  it('knows which settings are durations', () => {
    expect(durationKeys).toEqual(expect.arrayContaining(['busyPoll', 'keepAlive', 'idleTimeout']));
  });

  it('is the table of docs/configuration.md: npm run docs:settings writes it', () => {
    const rows = settingKeys.map((key) => ({
      key,
      flag: flagOf(key),
      setting: settingOf(key),
      defaultText: defaultText(key),
    }));
    const page = read('docs/configuration.md');
    expect(withSettings(page, rows)).toBe(page);
    expect(withSettings(page, rows.slice(1))).not.toBe(page);
  });
});
