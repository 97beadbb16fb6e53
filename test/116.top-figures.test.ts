/** What `spliceway top` makes of what it is told: rates, orders, and what is chosen. */
import { describe, expect, it } from 'vitest';
import { rateText, secondsText } from '../src/cli/top/figure.js';
import { Looks } from '../src/cli/top/rates.js';
import { backendRows, sessionRows } from '../src/cli/top/rows.js';
import { Selection } from '../src/cli/top/selection.js';
import { SessionLooks } from '../src/cli/top/sessions.js';
import { sparkline } from '../src/cli/top/sparkline.js';
import { connectTimesOf, stateOf, stateOfPool } from '../src/cli/top/state.js';
import type { ControlSession } from '../src/control/types.js';
import { backendTold, healthTold, poolTold, statusTold } from './helpers/told.js';

const sessionTold = (id: string, more: Partial<ControlSession> = {}): ControlSession => ({
  ...{ id, listener: '127.0.0.1:5555', pool: 'db', backend: 'db-1', phase: 'data', ageMs: 60_000 },
  client: { address: '10.1.0.7', port: 40_000 },
  ...{ bytesUpstream: 0, bytesDownstream: 0 },
  ...more,
});

describe('rates', () => {
  it('are what counters have grown by, a second', () => {
    const looks = new Looks();
    const first = looks.next(statusTold({ backends: [backendTold('db-1', { opened: 10 })] }), 1000);
    expect(first.total.rates).toBeUndefined();
    const more = { opened: 14, failed: 1, bytesUpstream: 2048, bytesDownstream: 4096 };
    const { seconds, total, pools, backends } = looks.next(
      statusTold({ backends: [backendTold('db-1', more), backendTold('db-2', { opened: 100 })] }),
      3000,
    );
    const rates = { opened: 2, failed: 0.5, bytesUpstream: 1024, bytesDownstream: 2048 };
    expect(seconds).toBe(2);
    expect(backends.get('db/db-1')).toEqual({ rates, history: [3072] });
    // Nobody knows since when a new one has counted.
    expect(backends.get('db/db-2')?.rates).toBeUndefined();
    expect(pools.get('db')?.rates).toEqual(rates);
    expect(total.history).toEqual([3072]);
  });

  it('begin anew with another process, and where a backend was put back', () => {
    const looks = new Looks();
    looks.next(statusTold({ backends: [backendTold('db-1', { opened: 10 })] }), 0);
    const back = looks.next(statusTold({ backends: [backendTold('db-1', { opened: 3 })] }), 1000);
    expect(back.backends.get('db/db-1')?.rates?.opened).toBe(0);
    const anew = looks.next(statusTold({ since: 2 }), 2000);
    expect(anew.total).toEqual({ rates: undefined, history: [] });
  });

  it('tell one that is removed from the one that has its name', () => {
    const looks = new Looks();
    const both = (opened: number) =>
      statusTold({
        backends: [
          backendTold('db-1', { opened }),
          backendTold('db-1', { opened: 500, state: 'removed' }),
        ],
      });
    looks.next(both(1), 0);
    expect(looks.next(both(2), 1000).backends.get('db/db-1')?.rates?.opened).toBe(1);
  });

  it('keep a bounded past', () => {
    const looks = new Looks();
    let history: readonly number[] = [];
    for (let at = 0; at <= 200; at++) {
      const told = statusTold({ backends: [backendTold('db-1', { bytesUpstream: at * at })] });
      ({ history } = looks.next(told, at * 1000).total);
    }
    expect(history).toHaveLength(120);
    expect(history.at(-1)).toBe(200 * 200 - 199 * 199);
  });

  it('of sessions count all of those that are younger than the last look, since they began', () => {
    const looks = new SessionLooks();
    const [old, idle] = [sessionTold('a', { bytesUpstream: 100 }), sessionTold('b')];
    expect(looks.next({ count: 2, sessions: [old, idle] }, 0).sessions).toEqual([old, idle]);
    const sessions = [
      sessionTold('a', { bytesUpstream: 1100 }),
      sessionTold('b'),
      sessionTold('young', { ageMs: 500, bytesDownstream: 4000 }),
      sessionTold('just there', { ageMs: 0, bytesDownstream: 4000 }),
      sessionTold('unlisted before', { bytesDownstream: 4000 }),
    ];
    const rated = looks.next({ count: 5, sessions }, 2000).sessions;
    const rates = rated.map(({ bytesPerSecond }) => bytesPerSecond);
    expect(rates).toEqual([500, 0, 8000, undefined, undefined]);
  });
});

describe('rows', () => {
  const backends = [
    backendTold('db-1', { open: 1, address: '10.0.1.4:3306' }),
    backendTold('db-2', { open: 7, address: '10.0.1.5:3306' }),
    backendTold('web-1', { pool: 'site', open: 3, address: '10.0.2.4:80' }),
  ];
  const figures = new Looks().next(statusTold({ backends }), 0);
  const keys = (order: Parameters<typeof backendRows>[1], filter = '') =>
    backendRows(figures, order, filter).map(({ key }) => key.replace('backend ', ''));

  it('are backends below their pools, or all by a figure', () => {
    expect(keys('pool')).toEqual(['pool db', 'db/db-1', 'db/db-2', 'pool site', 'site/web-1']);
    expect(keys('open sessions')).toEqual(['db/db-2', 'site/web-1', 'db/db-1']);
  });

  it('are those of a filter: of a name or an address, or all of a pool', () => {
    expect(keys('pool', 'DB-2')).toEqual(['pool db', 'db/db-2']);
    expect(keys('pool', '10.0.2')).toEqual(['pool site', 'site/web-1']);
    expect(keys('pool', 'site')).toEqual(['pool site', 'site/web-1']);
    expect(keys('traffic', 'nothing')).toEqual([]);
  });

  it('have those of pools that are gone', () => {
    const left = backendTold('old-1', { pool: 'old', state: 'removed' });
    const told = statusTold({ backends: [backendTold('db-1'), left], pools: [poolTold('db')] });
    const rows = backendRows(new Looks().next(told, 0), 'pool', '');
    expect(rows.map(({ key }) => key)).toEqual([
      'pool db',
      'backend db/db-1',
      'backend old/old-1 removed',
    ]);
  });

  it('of sessions have the name of the listener, and go by what moves', () => {
    const sessions = [
      { ...sessionTold('still'), bytesPerSecond: 0 },
      { ...sessionTold('busy', { listener: 'gone:1' }), bytesPerSecond: 9 },
    ];
    const rows = sessionRows({ count: 2, sessions }, 'rate', '', figures.status);
    const [busy, still] = rows.map((row) => (row.kind === 'session' ? row.session : undefined));
    expect([busy?.id, busy?.listener]).toEqual(['busy', 'gone:1']);
    expect([still?.id, still?.listener]).toEqual(['still', 'sql']);
    const found = sessionRows({ count: 2, sessions }, 'age', '10.1.0.7:40000', figures.status);
    expect(found).toHaveLength(2);
  });
});

describe('what is chosen', () => {
  const told = (...opens: number[]) =>
    new Looks().next(
      statusTold({
        backends: opens.map((open, index) => backendTold(`db-${index + 1}`, { open })),
      }),
      0,
    );
  const noSessions = { count: 0, sessions: [] };

  function byOpen() {
    const selection = new Selection();
    while (selection.order !== 'open sessions') selection.nextOrder();
    selection.update(told(3, 2, 1), noSessions);
    return selection;
  }

  it('stays at the top until somebody moves, and is followed then', () => {
    const selection = byOpen();
    expect(selection.row?.key).toBe('backend db/db-1');
    selection.update(told(1, 2, 3), noSessions);
    expect(selection.row?.key).toBe('backend db/db-3');
    selection.move(1);
    selection.update(told(1, 5, 3), noSessions);
    expect([selection.row?.key, selection.chosen]).toEqual(['backend db/db-2', 0]);
  });

  it('stays within what there is', () => {
    const selection = byOpen();
    selection.move(Number.POSITIVE_INFINITY);
    expect(selection.chosen).toBe(2);
    selection.update(told(3), noSessions);
    expect(selection.chosen).toBe(0);
    selection.move(Number.NEGATIVE_INFINITY);
    selection.turnPage();
    selection.update(told(3), noSessions);
    expect([selection.chosen, selection.row]).toEqual([0, undefined]);
  });
});

describe('words', () => {
  it('of a backend are what an operator wants of it, before what checks say', () => {
    const text = (more: object) => stateOf(backendTold('db-1', more)).text;
    expect(text({})).toBe('up');
    expect(text(healthTold('down'))).toBe('down');
    expect(text({ state: 'drain' })).toBe('drain');
    expect(text({ state: 'drain', ...healthTold('down') })).toBe('drain, down');
    expect(text({ state: 'maintenance', ...healthTold('down') })).toBe('maintenance');
    expect(text({ isUnresolved: true })).toBe('no address');
    expect(text({ isUnresolved: true, ...healthTold('down') })).toBe('down');
  });

  it('of a pool say how many of its backends are picked', () => {
    const [up, down] = [backendTold('db-1'), backendTold('db-2', healthTold('down'))];
    const left = backendTold('db-3', { state: 'removed', ...healthTold('down') });
    expect(stateOfPool([up, left])).toEqual({ text: 'up', style: 'green' });
    expect(stateOfPool([up, down])).toEqual({ text: '1 of 2 up', style: 'yellow' });
    expect(stateOfPool([down])).toEqual({ text: 'down', style: 'red' });
    const unresolved = backendTold('db-2', { isUnresolved: true });
    expect(stateOfPool([up, unresolved])).toEqual({ text: '1 of 2 up', style: 'yellow' });
    expect(stateOfPool([])).toEqual({ text: 'down', style: 'red' });
  });

  it('of figures are short', () => {
    expect([undefined, 0, 0.04, 7.25, 9.96, 12_345.6].map(rateText)).toEqual([
      ...['', '0', '<0.1', '7.3', '10', '12,346'],
    ]);
    expect([8e-5, 0.0012, 0.25, 3.5, 20, Number.POSITIVE_INFINITY].map(secondsText)).toEqual([
      ...['80 µs', '1.2 ms', '250 ms', '3.5 s', '20 s', 'longer'],
    ]);
  });

  it('of connect times are there once a session has opened', () => {
    expect(connectTimesOf(poolTold('db'))).toBeUndefined();
  });

  it('lines of what was are as wide as asked, the last at the right', () => {
    expect(sparkline([], 3)).toBe('   ');
    expect(sparkline([0, 1, 4, 8], 4)).toBe('·▂▅█');
    expect(sparkline([1_000_000, 1, 8], 2)).toBe('▂█');
    expect(sparkline([5], 3)).toBe('  █');
    expect(sparkline([1], 0)).toBe('');
  });
});
