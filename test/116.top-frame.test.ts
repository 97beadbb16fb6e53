/** What `spliceway top` draws, as lines, and what is typed into it. */
import { describe, expect, it } from 'vitest';
import { type Frame, frameOf, type Size, type View } from '../src/cli/top/frame.js';
import { line, listedIn } from '../src/cli/top/lines.js';
import { TextPrompt, YesPrompt } from '../src/cli/top/prompt.js';
import { type Figures, Looks } from '../src/cli/top/rates.js';
import { backendRows, sessionRows } from '../src/cli/top/rows.js';
import type { Key } from '../src/cli/top/screen.js';
import { backendTold, healthTold, listenerTold, statusTold } from './helpers/told.js';

const LONG = `unix:/run/${'a-folder-with-a-name/'.repeat(9)}db.sock`;

function seenTwice(more: Parameters<typeof statusTold>[0] = {}): Figures {
  const looks = new Looks();
  looks.next(statusTold(more), 0);
  return looks.next(statusTold(more), 1000);
}

function drawn(figures: Figures, size: Size, more: Partial<View> = {}): Frame {
  const rows = backendRows(figures, 'pool', '');
  const view: View = {
    ...{ page: 'backends', order: 'pool', filter: '', rows, count: rows.length - 1 },
    ...{ chosen: 0, first: 0, said: undefined, trouble: undefined, isHelp: false },
    ...more,
  };
  return frameOf(figures, view, size);
}

const usual: Size = { columns: 80, rows: 24 };

describe('a frame', () => {
  const many = Array.from({ length: 200 }, (_, index) =>
    backendTold(index === 0 ? LONG : `db-${index}`, index === 7 ? healthTold('down') : {}),
  );

  it.each([
    [20, 5],
    [40, 10],
    [80, 24],
    [120, 40],
    [200, 60],
  ])('of %i columns and %i rows has as many lines, none of them longer', (columns, rows) => {
    const figures = seenTwice({ backends: many, isStopping: true });
    for (const more of [{}, { isHelp: true }, { trouble: 'no answer for 5s' }, { chosen: 150 }]) {
      const { lines } = drawn(figures, { columns, rows }, more);
      expect(lines).toHaveLength(rows);
      const least = columns >= 60 ? columns : 60;
      for (const text of lines) expect([...text].length, text).toBeLessThanOrEqual(least);
    }
  });

  it('has the chosen row in sight, and moves no more than it has to', () => {
    const figures = seenTwice({ backends: many });
    const { first, room } = drawn(figures, usual);
    expect(first).toBe(0);
    expect(drawn(figures, usual, { chosen: room - 1 }).first).toBe(0);
    expect(drawn(figures, usual, { chosen: room }).first).toBe(1);
    expect(drawn(figures, usual, { chosen: 50, first: 45 }).first).toBe(45);
    expect(drawn(figures, usual, { chosen: 200, first: 0 }).first).toBe(201 - room);
    // There are fewer than before.
    expect(drawn(seenTwice(), usual, { first: 45 }).first).toBe(0);
    const { lines } = drawn(figures, usual, { chosen: 50, first: 45 });
    expect(lines.filter((text) => text.startsWith('>'))).toEqual([
      expect.stringMatching(/^> {3}db-49 +up /),
    ]);
  });

  it('keeps its columns where they are while somebody moves', () => {
    const figures = seenTwice({ backends: many });
    const titles = (chosen: number) =>
      drawn(figures, usual, { chosen }).lines.find((text) => text.includes('NEW/S'));
    expect(titles(0)).toContain('STATE');
    expect(titles(200)).toBe(titles(0));
  });

  it('says first what is wrong', () => {
    const backends = [
      backendTold('db-1', healthTold('down')),
      backendTold('web-1', { pool: 'web' }),
    ];
    const paused = listenerTold('web', { address: ':443', isPaused: true });
    const listeners = [listenerTold('sql'), paused];
    const { lines } = drawn(seenTwice({ backends, listeners, isStopping: false }), usual, {
      trouble: 'no answer for 5s',
    });
    expect(lines.slice(3, 6)).toEqual([
      'listeners  web :443 paused, sql 127.0.0.1:5555',
      'no answer for 5s',
      'pool db has no backend to pick',
    ]);
    expect(lines.join('\n')).toMatch(/^> db +down /m);
    expect(lines.at(-2)).toBe('pool db, 1 of 1 backends not up');
    const chosen = drawn(seenTwice({ backends }), usual, { chosen: 1 }).lines.at(-2);
    expect(chosen).toMatch(/^db\/db-1 down: connect refused, at 10.0.1.4:3306, for \d+s, weight 1/);
  });

  it('shows the end of what is asked, also where there is no room for all of it', () => {
    const said = new YesPrompt(`Send no new sessions to ${LONG}?`).shown;
    expect(drawn(seenTwice(), usual, { said }).lines.at(-2)).toMatch(/^Send no .*… \[y\/N\]$/);
  });

  it('has nothing in it that moves the cursor', () => {
    const evil = 'unix:/run/\x1b[2J\x1b]0;owned\x07\u202e.sock';
    const backends = [backendTold(evil, { address: evil, ...healthTold('down', '\x1b[H') })];
    const figures = seenTwice({ backends, name: '\x9bevil' });
    for (const chosen of [0, 1]) {
      const { lines } = drawn(figures, { columns: 200, rows: 60 }, { chosen });
      expect(lines.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
  });

  it('of sessions, and of none', () => {
    const figures = seenTwice();
    const session = {
      ...{ id: '8a51f0-2k', listener: '127.0.0.1:5555', pool: 'db', backend: 'db-1' },
      ...{ client: { address: '10.1.0.7', port: 4000 }, phase: 'data' as const, ageMs: 61_000 },
      ...{ bytesUpstream: 1024, bytesDownstream: 2048, bytesPerSecond: 512 },
    };
    const rows = sessionRows({ count: 1, sessions: [session] }, 'rate', '', figures.status);
    const more = { page: 'sessions', order: 'rate' } as const;
    const { lines } = drawn(figures, usual, { ...more, rows, count: 1 });
    const table = lines.filter((text) => /SESSION|8a51f0/.test(text));
    expect(table[0]).toMatch(/^ {2}SESSION +CLIENT +.*RATE$/);
    expect(table[1]).toMatch(/^> 8a51f0-2k +10\.1\.0\.7:4000 +.*db\/db-1 .* 512 B\/s$/);
    expect(lines.at(-2)).toBe('session 8a51f0-2k of listener sql, phase data');
    const none = drawn(figures, usual, { ...more, rows: [], count: 0 }).lines;
    expect(none).toHaveLength(24);
    expect(none[5]).toBe('0 sessions, by rate');
  });
});

describe('a line', () => {
  it('is cut where it does not fit', () => {
    expect(line([{ text: 'edge' }, { text: ' and more' }], 8)).toBe('edge an…');
    expect(line([{ text: 'edge' }, { text: ' and more' }], 4)).toBe('edge');
  });

  it('names as many as there is room for', () => {
    const names = ['one', 'two', 'three', 'four'].map((text) => ({ text }));
    const text = (columns: number) =>
      listedIn(names, columns)
        .map((part) => part.text)
        .join('');
    expect(text(80)).toBe('one, two, three, four');
    expect(text(24)).toBe('one, two and 2 more');
    expect(text(3)).toBe('4');
  });
});

describe('what is typed', () => {
  const key = (letter: string, more: Partial<Key> = {}): Key => ({
    ...{ name: letter, letter, ctrl: false, isPasted: false },
    ...more,
  });

  it('agrees by y alone, and never where it is pasted', () => {
    const prompt = new YesPrompt('End it?');
    expect(prompt.press(key('y'))).toBe('accepted');
    expect(prompt.press(key('Y'))).toBe('accepted');
    for (const other of [key('n'), key('q'), key('', { name: 'return' })]) {
      expect(prompt.press(other)).toBe('cancelled');
    }
    expect(prompt.press(key('y', { isPasted: true }))).toBe('open');
  });

  it('is a text until Enter, or nothing after Escape', () => {
    const prompt = new TextPrompt('weight');
    for (const letter of ['1', '2', 'é']) expect(prompt.press(key(letter))).toBe('open');
    prompt.press(key('', { name: 'backspace' }));
    expect([prompt.text, prompt.shown.end]).toEqual(['12', ': 12_']);
    const enter = { name: 'return' };
    expect(prompt.press(key('', { ...enter, isPasted: true }))).toBe('open');
    expect(prompt.press(key('', enter))).toBe('accepted');
    expect(prompt.press(key('', { name: 'escape' }))).toBe('cancelled');
  });
});
