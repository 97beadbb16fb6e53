/** What the commands that talk to a balancer print and read, by itself: tables, figures, differences. */
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { durationText, wholeNumber } from '../src/cli/remote/numbers.js';
import { type Column, tableOf } from '../src/cli/remote/table.js';
import { plain, widthOf } from '../src/cli/remote/terminal.js';
import { counted, formatAge, formatCount } from '../src/cli/remote/words.js';
import { parseOptions } from '../src/config/schema.js';
import { differencesOf } from '../src/control/differences.js';

const columns: readonly Column[] = [
  { title: 'NAME', least: 12, isName: true },
  { title: 'COUNT', isRight: true },
  { title: 'EXTRA', rank: 1 },
  { title: 'MORE', rank: 2, isRight: true },
  { title: 'WHY', least: 8 },
];

const row = (name: string, why = '') => [name, '1,234', 'extra', '42', why];
const titlesOf = (lines: readonly string[]) => lines[0]?.trim().split(/ {2,}/);
const shown = (lines: readonly string[]) => lines.map((line) => stripVTControlCharacters(line));

describe('a table', () => {
  it('is as wide as what it holds, with figures at the right', () => {
    const lines = tableOf(columns, [row('one', 'because'), row('another')], 200);
    expect(shown(lines)).toEqual([
      'NAME     COUNT  EXTRA  MORE  WHY',
      'one      1,234  extra    42  because',
      'another  1,234  extra    42',
    ]);
    expect(shown(tableOf(columns, [], 80))).toEqual(['NAME  COUNT  EXTRA  MORE  WHY']);
  });

  it('fits any width from 40 on: first columns go by their rank, then names and reasons are cut', () => {
    const rows = [row('n'.repeat(300), 'w'.repeat(300)), row('short', 'x')];
    for (let width = 40; width <= 700; width++) {
      const lines = shown(tableOf(columns, rows, width));
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThanOrEqual(width);
      expect(lines).toHaveLength(3);
    }
    expect(titlesOf(tableOf(columns, rows, 45))).toEqual(['NAME', 'COUNT', 'EXTRA', 'MORE', 'WHY']);
    expect(titlesOf(tableOf(columns, rows, 41))).toEqual(['NAME', 'COUNT', 'EXTRA', 'WHY']);
    expect(titlesOf(tableOf(columns, rows, 34))).toEqual(['NAME', 'COUNT', 'WHY']);
    // Nothing is left out that has no rank, on whatever terminal.
    expect(titlesOf(tableOf(columns, rows, 1))).toEqual(['NAME', 'COUNT', 'WHY']);
  });

  it('cuts names in their middle, and reasons at their end', () => {
    const names = ['eu-west-1-database-primary-01', 'eu-west-1-database-primary-02'];
    const [, one, other] = shown(
      tableOf(
        columns,
        names.map((name) => row(name, 'it does not answer at all')),
        60,
      ),
    );
    expect(one).toMatch(/^eu-west\S*…\S*-01 .* it does \S*.*…$/);
    expect(other).toMatch(/^eu-west\S*…\S*-02 /);
    expect([one?.length, other?.length]).toEqual([60, 60]);
  });

  it('shows no control characters of what others have named', () => {
    expect(plain('a\x1b[2Jb\r\nc\x9bd\x7f')).toBe('a?[2Jb??c?d?');
    const lines = tableOf(columns, [row('x\x1b]0;title\x07', { text: '\n\n' }.text)], 80);
    expect(shown(lines)[1]).toBe('x?]0;title?  1,234  extra    42  ??');
  });

  it('is of any width where no terminal tells one', () => {
    const out = (isTTY: boolean, columns: number) =>
      widthOf({ isTTY, columns } as NodeJS.WriteStream);
    expect([out(false, 80), out(true, 0), out(true, 80)]).toEqual([Infinity, Infinity, 80]);
  });
});

describe('figures', () => {
  it.each([
    [0, '0s'],
    [999, '0s'],
    [1000, '1s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [61_000, '1m 1s'],
    [3_599_999, '59m 59s'],
    [3_600_000, '1h'],
    [3_660_000, '1h 1m'],
    [3_601_000, '1h'],
    [90_000_000, '1d 1h'],
    [864_000_000, '10d'],
    [-5, '0s'],
  ])('%i ms are %s', (milliseconds, text) => {
    expect(formatAge(milliseconds)).toBe(text);
  });

  it('are counted in words', () => {
    expect([0, 1, 2, 12_345].map((count) => counted(count, 'session'))).toEqual([
      '0 sessions',
      '1 session',
      '2 sessions',
      '12,345 sessions',
    ]);
    expect(formatCount(1_234_567)).toBe('1,234,567');
  });

  it('are checked before they are sent', () => {
    expect(wholeNumber('weight', '0012', 1)).toBe(12);
    for (const text of ['', ' 1', '1e3', '0x10', '+1', '1.0', '9'.repeat(16), '0']) {
      expect(() => wholeNumber('weight', text, 1), text).toThrow('weight: ');
    }
    expect(durationText('--after', '30s')).toBe('30s');
    expect(() => durationText('--after', '30')).toThrow(/^--after: /);
  });
});

describe('differences', () => {
  const backend = { name: 'db-1', address: '10.0.0.1:1' };
  const options = {
    listeners: { web: { address: ':1', pool: 'db' } },
    pools: { db: { backends: [backend] }, site: { backends: 'b:1' } },
  };
  const differences = (to: object, label: string) =>
    differencesOf(parseOptions(options), parseOptions({ ...options, ...to }), label);
  const ofPool = (pool: object, label = 'pool db') =>
    differences({ pools: { ...options.pools, db: { backends: [backend], ...pool } } }, label);
  const ofBackend = (to: object) => ofPool({ backends: [{ ...backend, ...to }] }, 'db/db-1');

  it('of a listener are its settings, addresses and pool', () => {
    const listener = (to: object) =>
      differences({ listeners: { web: { address: ':1', pool: 'db', ...to } } }, 'listener web');
    expect(listener({})).toEqual([]);
    expect(listener({ idleTimeout: '5m' })).toEqual(['idleTimeout 1h → 5m']);
    expect(listener({ idleTimeout: 0 })[0]).toMatch(/^idleTimeout 1h → /);
    expect(listener({ pool: 'site' })).toEqual(['pool db → site']);
    const address = [':2', '[::1]:3'];
    expect(listener({ address })).toEqual([
      expect.stringMatching(/^address \S*:1 → \S*:2 \[::1\]:3$/),
    ]);
    const unix = { address: 'unix:/a.sock', mode: '0600' };
    const from = { listeners: { web: { address: unix, pool: 'db' } } };
    const to = { listeners: { web: { address: { ...unix, mode: '0660' }, pool: 'db' } } };
    const [one, other] = [from, to].map((changed) => parseOptions({ ...options, ...changed }));
    if (one === undefined || other === undefined) throw new Error('not parsed');
    expect(differencesOf(one, other, 'listener web')).toEqual(['access is another']);
  });

  it('of a pool are its settings', () => {
    expect(ofPool({})).toEqual([]);
    expect(ofPool({ policy: 'random', queue: { length: 4, timeout: '5s' } })).toEqual([
      'policy round-robin → random',
      'queue 0 → 4 for 5s',
    ]);
    expect(ofPool({ maxPoolSessions: 7 })).toEqual(['maxPoolSessions not set → 7']);
    expect(ofPool({ onRemove: { after: '30s' } })).toEqual(['onRemove keep → after 30s']);
    expect(ofPool({ health: { type: 'tcp', interval: '3s' } })).toEqual([
      'health not set → tcp every 3s',
    ]);
  });

  it('of a health check never show what may be a password', () => {
    const health = { type: 'mysql', user: 'u', password: 'one', interval: '3s' };
    const [one, other] = ['one', 'two'].map((password) =>
      parseOptions({
        ...options,
        pools: { ...options.pools, db: { backends: [backend], health: { ...health, password } } },
      }),
    );
    if (one === undefined || other === undefined) throw new Error('not parsed');
    expect(differencesOf(one, other, 'pool db')).toEqual(['health is another']);
  });

  it('of a backend are all that it has', () => {
    expect(ofBackend({})).toEqual([]);
    expect(ofBackend({ weight: 3, maxSessions: 5, address: '10.0.0.2:2' })).toEqual(
      expect.arrayContaining([
        'weight 1 → 3',
        'maxSessions not set → 5',
        'address 10.0.0.1:1 → 10.0.0.2:2',
      ]),
    );
    expect(ofBackend({ tags: { zone: 'a' } })).toEqual(['tags not set → {"zone":"a"}']);
    expect(ofBackend({ priority: 3 })).toEqual([expect.stringMatching(/^priority .* → 3$/)]);
  });

  it('of the process are one setting; of the command, and of what only one has, nothing is known', () => {
    expect(differences({ maxSessions: 9 }, 'maxSessions')).toEqual(['maxSessions not set → 9']);
    expect(differences({ resolveEvery: '1m' }, 'resolveEvery')).toEqual(['resolveEvery 30s → 1m']);
    for (const label of ['logLevel', 'pool gone', 'listener gone', 'db/gone', 'gone/db-1', 'odd']) {
      expect(differences({ maxSessions: 9 }, label)).toEqual([]);
    }
  });
});
