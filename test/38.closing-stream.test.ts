/** docs/closing.md, row by row, on the stream engine; and what the page has to be. */
import { describe, expect, it } from 'vitest';
import { describeClosing, events, general, ofStream, places } from './helpers/closing.js';

describe('the page on closing', () => {
  it('has each row once, in words that the tests know', () => {
    expect(general.length).toBeGreaterThan(30);
    expect(new Set(general.map(({ title }) => title)).size).toBe(general.length);
    for (const { title, event, place, reader } of general) {
      expect(Object.keys(events), title).toContain(event);
      expect([...Object.keys(places), ''], title).toContain(place);
      expect(['reads', 'does not', 'is gone'], title).toContain(reader);
    }
  });

  it('has rows of stream only where they differ', () => {
    for (const { title, outcome } of ofStream) {
      const row = general.find((other) => other.title === title);
      expect(row, title).toBeDefined();
      expect(row?.outcome, title).not.toEqual(outcome);
    }
  });
});

describeClosing({ engine: 'stream', transfer: 'auto' });
