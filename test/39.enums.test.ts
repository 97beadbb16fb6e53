/** What stands as a number in one language stands as the same number in the other. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  Attention,
  BackendState,
  closeReasons,
  Ending,
  Entry,
  EventKind,
  inheritedKinds,
  Needs,
  Picks,
  Transfer,
} from '../src/engine/native/binding.js';
import { endReasons, endSides } from '../src/model/session-end.js';
import { phases } from '../src/model/session-phase.js';

/** The names of an enum of the core with their numbers: `kHalfCloseTimeout` is `halfCloseTimeout`. */
function enumOf(file: string, name: string): Record<string, number> {
  const source = readFileSync(new URL(`../native/core/${file}`, import.meta.url), 'utf8');
  const [, body = ''] =
    new RegExp(`enum class ${name} : [\\w:]+ \\{(.*?)\\};`, 's').exec(source) ?? [];
  const code = body.replace(/\/\/.*$/gm, '');
  let next = 0;
  const entries = [...code.matchAll(/\bk(\w)(\w*)(?: = (\d+))?(?=,|\s*$)/g)].map(
    ([, first = '', rest = '', number]) => {
      const value = number === undefined ? next : Number(number);
      next = value + 1;
      return [first.toLowerCase() + rest, value] as const;
    },
  );
  expect(entries.length, `${file}: ${name}`).toBeGreaterThan(1);
  return Object.fromEntries(entries);
}

/** Names in the order of their numbers, as words with something between them. */
function wordsOf(numbers: Record<string, number>, between: string): string[] {
  const names = Object.entries(numbers).sort(([, one], [, other]) => one - other);
  return names.map(([name]) => name.replace(/[A-Z]/g, (letter) => between + letter.toLowerCase()));
}

describe('both languages have the same numbers', () => {
  it('of events', () => {
    expect(enumOf('engine/event_queue.h', 'Kind')).toEqual(EventKind);
  });

  it('of ways to move bytes', () => {
    expect(enumOf('relay/relay.h', 'Transfer')).toEqual(Transfer);
  });

  it('of ends', () => {
    expect(enumOf('session/session.h', 'Ending')).toEqual(Ending);
    expect(wordsOf(enumOf('session/session.h', 'CloseReason'), '-')).toEqual(closeReasons);
  });

  it('of phases', () => {
    expect(wordsOf(enumOf('stats/ends.h', 'SessionPhase'), '-')).toEqual(phases);
  });

  it('of ends as they are counted, which begin as the others do', () => {
    const counted = wordsOf(enumOf('stats/ends.h', 'EndReason'), '-');
    expect(counted).toEqual(endReasons);
    const reasons = wordsOf(enumOf('session/session.h', 'CloseReason'), '-');
    const destroyed = reasons.map((reason) => (reason === 'ended' ? 'destroyed' : reason));
    expect(counted.slice(0, reasons.length)).toEqual(destroyed);
    expect(wordsOf(enumOf('stats/ends.h', 'EndSide'), '-')).toEqual(endSides);
  });

  it('of attention, of which TypeScript asks for less than there is', () => {
    expect(enumOf('engine/crew.h', 'Attention')).toMatchObject(Attention);
  });

  it('of why a backend is needed', () => {
    const { atFirst, tried, ...others } = enumOf('engine/worker.h', 'Asked');
    expect({ first: atFirst, tried, ...others }).toEqual(Needs);
  });

  it('of who picks', () => {
    const { byCycle, byOwner } = enumOf('select/listener_options.h', 'Picks');
    expect({ cycle: byCycle, ask: byOwner }).toEqual(Picks);
  });

  it('of where a client enters a cycle', () => {
    expect(enumOf('select/pick_plan.h', 'PickEntry')).toEqual(Entry);
  });

  it('of the states of a backend', () => {
    expect(enumOf('select/backend_row.h', 'BackendState')).toEqual(BackendState);
  });

  it('of what a descriptor is', () => {
    expect(wordsOf(enumOf('sys/sys.h', 'Inherited'), ' ')).toEqual(inheritedKinds);
  });
});
