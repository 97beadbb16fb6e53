/** What is set of backends by hand: over updates, beside what the options say, and in another proxy. */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { Logger } from '../src/cli/log.js';
import { logProxy } from '../src/cli/proxy-log.js';
import { parseOverlay } from '../src/config/overlay-schema.js';
import type { BackendOverride, Overlay } from '../src/model/overlay.js';
import { createProxy } from '../src/proxy/create.js';
import type { OverrideEvent } from '../src/session/events.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import {
  portOfListener,
  type RunningProxy,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import {
  ANY_PORT,
  answersAt,
  figuresOf,
  namedBackends,
  sorted,
  wholeOf,
} from './helpers/services.js';

const listeners = { in: { address: ANY_PORT, pool: 'db' } };

const poolOf = (...backends: string[]): TestServices => ({
  listeners,
  pools: { db: { backends } },
});

/** All that a proxy tells from now on of what is set. */
function overridesOf(proxy: RunningProxy): string[] {
  const told: string[] = [];
  proxy.on('override', ({ pool, backend, from, to, isGone }: OverrideEvent) => {
    const change = `${JSON.stringify(from)} ${JSON.stringify(to)}`.replaceAll('"', '');
    told.push(`${pool}/${backend} ${change}${isGone ? ' gone' : ''}`);
  });
  return told;
}

function warningsOf(proxy: RunningProxy): string[] {
  const warnings: string[] = [];
  proxy.on('warning', (message) => warnings.push(message));
  return warnings;
}

describe.each(ways)('what is set of a backend with %s', (way) => {
  it('stays over updates, wherever the backend is then, until it is reset', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, poolOf(a, b));
    proxy.on('warning', () => {});
    const port = portOfListener(proxy, 'in');
    const backend = proxy.pool('db').backend('a');
    await backend.drain();
    backend.setWeight(3);
    backend.setMaxSessions(7);
    backend.setHealth('down');
    const all = { state: 'drain', weight: 3, maxSessions: 7, health: 'down' };
    expect(proxy.overlay()).toEqual({ db: { a: all } });
    for (const backends of [
      [b, a],
      [`${a},weight=2`, b],
      [c.replace('=c', '=a'), b],
    ]) {
      await proxy.update(wholeOf(way, poolOf(...backends)));
      expect(proxy.overlay()).toEqual({ db: { a: all } });
      expect(await answersAt(port, 3)).toBe('bbb');
    }
    expect(figuresOf(proxy, 'db', 'a').health).toMatchObject({
      status: 'down',
      reason: 'set by hand',
    });
    backend.reset('state', 'health');
    expect(proxy.overlay()).toEqual({ db: { a: { weight: 3, maxSessions: 7 } } });
    expect(sorted(await answersAt(port, 4))).toBe('bccc');
    backend.reset();
    expect(proxy.overlay()).toEqual({});
    expect([backend.weight, backend.maxSessions, backend.health]).toEqual([1, undefined, 'up']);
    expect(sorted(await answersAt(port, 4))).toBe('bbcc');
  });

  it('goes with the backend, or with its pool', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, {
      listeners,
      pools: { db: { backends: [a, b] }, web: { backends: [c] } },
    });
    proxy.on('warning', () => {});
    proxy.pool('db').backend('a').setWeight(3);
    proxy.pool('web').backend('c').setHealth('down');
    const told = overridesOf(proxy);
    await proxy.update(wholeOf(way, poolOf(b)));
    expect(proxy.overlay()).toEqual({});
    expect(told).toEqual(['db/a {weight:3} {} gone', 'web/c {health:down} {} gone']);
    await proxy.pool('db').add(a);
    expect(proxy.pool('db').backend('a').weight).toBe(1);
    expect(figuresOf(proxy, 'db', 'a')).not.toHaveProperty('override');
  });

  it('stands beside what the options say in the figures', async () => {
    const [a = ''] = await namedBackends('a');
    const proxy = await startProxy(way, poolOf(`${a},weight=5,max-sessions=9`));
    const shown = () => {
      const { weight, maxSessions, state, configured, override } = figuresOf(proxy, 'db', 'a');
      return { weight, maxSessions, state, configured, override };
    };
    const configured = { weight: 5, maxSessions: 9 };
    const before = { weight: 5, maxSessions: 9, state: 'ready', configured, override: undefined };
    expect(shown()).toEqual(before);
    expect(figuresOf(proxy, 'db', 'a')).not.toHaveProperty('override');
    const backend = proxy.pool('db').backend('a');
    backend.setWeight(2);
    backend.setMaxSessions(undefined);
    await backend.maintenance();
    expect(shown()).toEqual({
      weight: 2,
      maxSessions: undefined,
      state: 'maintenance',
      configured,
      override: { weight: 2, maxSessions: 0, state: 'maintenance' },
    });
    backend.ready();
    backend.reset('weight', 'maxSessions');
    expect(shown()).toEqual(before);
  });

  it('is told of where it changes, once, with the figures of after', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, poolOf(a, b));
    const told = overridesOf(proxy);
    const generations: number[] = [];
    proxy.on('override', () => generations.push(proxy.stats().generation));
    const backend = proxy.pool('db').backend('a');
    backend.ready();
    backend.reset();
    expect(proxy.stats().generation).toBe(1);
    await backend.drain();
    await backend.drain();
    backend.setWeight(2);
    backend.ready();
    backend.reset('weight');
    expect(told).toEqual([
      'db/a {} {state:drain}',
      'db/a {state:drain} {state:drain,weight:2}',
      'db/a {state:drain,weight:2} {weight:2}',
      'db/a {weight:2} {}',
    ]);
    expect(generations).toEqual([2, 3, 4, 5]);
    expect(() => backend.reset('wieght' as never)).toThrow(/"wieght" is nothing that is set/);
  });

  it('is taken back for a whole pool, or for all', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const proxy = await startProxy(way, {
      listeners,
      pools: { db: { backends: [a, b] }, web: { backends: [c] } },
    });
    proxy.on('warning', () => {});
    const set = () => {
      proxy.pool('db').backend('b').setWeight(2);
      proxy.pool('web').backend('c').setWeight(3);
      void proxy.pool('db').backend('a').drain();
    };
    set();
    proxy.pool('db').reset();
    expect(proxy.overlay()).toEqual({ web: { c: { weight: 3 } } });
    expect(sorted(await answersAt(portOfListener(proxy, 'in'), 4))).toBe('aabb');
    set();
    proxy.reset();
    expect(proxy.overlay()).toEqual({});
    await proxy.close();
    expect(() => proxy.reset()).toThrow(/closed/);
  });

  it('holds where the options change below it, which a warning says once', async () => {
    const [a = '', b = ''] = await namedBackends('ab');
    const proxy = await startProxy(way, poolOf(a, b));
    const warnings = warningsOf(proxy);
    const [first, second] = ['a', 'b'].map((name) => proxy.pool('db').backend(name));
    first?.setWeight(3);
    second?.setMaxSessions(undefined);
    await proxy.update(wholeOf(way, poolOf(`${a},weight=5`, `${b},max-sessions=4,weight=2`)));
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([
      'what was set by hand holds, whatever the options say now: db/a (weight 3, not 5), ' +
        'db/b (maxSessions any number, not 4); reset() has the options hold again',
    ]);
    // Nothing new of these, then what was set, and what nobody has set.
    await proxy.update(wholeOf(way, poolOf(`${b},max-sessions=4,weight=2`, `${a},weight=5`)));
    await proxy.update(wholeOf(way, poolOf(`${a},weight=3`, `${b},weight=9,max-sessions=4`)));
    expect(warnings).toHaveLength(1);
    expect([first?.weight, second?.weight, second?.maxSessions]).toEqual([3, 9, undefined]);
    first?.reset();
    await proxy.update(wholeOf(way, poolOf(`${a},weight=4`, b)));
    expect(first?.weight).toBe(4);
  });

  it('is there from the first client on where another proxy is given it', async () => {
    const [a = '', b = '', c = ''] = await namedBackends('abc');
    const before = await startProxy(way, poolOf(a, b, c));
    void before.pool('db').backend('a').maintenance();
    before.pool('db').backend('b').setWeight(3);
    before.pool('db').backend('c').setHealth('down');
    await before.close();
    const kept: Overlay = JSON.parse(JSON.stringify(before.overlay()));
    expect(kept).toEqual({
      db: { a: { state: 'maintenance' }, b: { weight: 3 }, c: { health: 'down' } },
    });

    const gone = { x: { weight: 2 } };
    const options = wholeOf(way, poolOf(a, b, c));
    const overlay = { ...kept, db: { ...kept.db, ...gone }, constructor: gone };
    await using proxy = await createProxy(options, { overlay });
    const warnings = warningsOf(proxy);
    expect(proxy.overlay()).toEqual(kept);
    expect(await answersAt(portOfListener(proxy, 'in'), 3)).toBe('bbb');
    expect(figuresOf(proxy, 'db', 'c').health).toMatchObject({
      status: 'down',
      reason: 'set by hand',
    });
    await until('the warning', () => warnings.length > 0);
    expect(warnings).toEqual([
      'there is no backend db/x, constructor/x any more; what was set of it by hand is dropped',
    ]);
    proxy.reset();
    expect(sorted(await answersAt(portOfListener(proxy, 'in'), 3))).toBe('abc');
  });
});

describe('an overlay that is given', () => {
  const refused = (overlay: unknown) => {
    try {
      return parseOverlay(overlay);
    } catch (error) {
      return (error as Error).message;
    }
  };

  it('is taken without what is not set', () => {
    const overlay = { db: { 'unix:/a': { weight: undefined, maxSessions: 0, state: 'drain' } } };
    expect(parseOverlay(overlay)).toStrictEqual({
      db: { 'unix:/a': { maxSessions: 0, state: 'drain' } },
    });
  });

  it.each([
    [
      [],
      /^overlay: a list is not what proxy.overlay\(\) gives; write \{ pool: \{ backend: \{ state/,
    ],
    [{ db: 5 }, /^overlay.db: 5 is not what/],
    [{ db: { a: null } }, /^overlay.db.a: null is not what/],
    [{ db: { a: { weight: 0 } } }, /^overlay.db.a.weight: 0 is not a whole number from 1 to 1000/],
    [{ db: { a: { maxSessions: -1 } } }, /^overlay.db.a.maxSessions: -1 is not a whole number/],
    [{ db: { a: { state: 'ready' } } }, /^overlay.db.a.state: "ready" is not a state that can be/],
    [{ db: { a: { health: 'auto' } } }, /^overlay.db.a.health: "auto" is not a health that can/],
    [{ db: { a: { wieght: 1 } } }, /^overlay.db.a.wieght: there is nothing of that name to set/],
  ])('is refused where it is wrong: %j', (overlay, message) => {
    expect(refused(overlay)).toMatch(message);
  });

  it('is an option of the start, as all others are checked', async () => {
    const wrong = createProxy({ backends: '127.0.0.1:1' }, { overly: {} } as never);
    await expect(wrong).rejects.toThrow(
      'createProxy() has no option "overly" (did you mean "overlay"?)',
    );
    const bad = createProxy({ backends: '127.0.0.1:1' }, { overlay: { db: 1 } as never });
    await expect(bad).rejects.toMatchObject({ code: 'ERR_SPLICEWAY_INVALID_OPTION' });
  });
});

it('the log tells of what is set, of each backend once a second', () => {
  const proxy = new EventEmitter();
  const lines: string[] = [];
  const info = (fields: object, message: string) =>
    lines.push(`${message} ${JSON.stringify(fields)}`);
  const log = { isLevelEnabled: () => false, on: () => {}, info } as unknown as Logger;
  const flush = logProxy(proxy as unknown as RunningProxy, log);
  const tell = (backend: string, to: BackendOverride, isGone = false, pool = 'db') =>
    proxy.emit('override', { pool, backend, from: {}, to, isGone } satisfies OverrideEvent);
  tell('a', { weight: 3 });
  tell('a', { weight: 4 });
  tell('a', { weight: 5, state: 'drain' });
  tell('b', {});
  tell('c', {}, true, 'default');
  flush();
  expect(lines).toEqual([
    'backend db/a is set by hand: weight 3 {"pool":"db","backend":"a","override":{"weight":3}}',
    'backend db/b is as the options say again {"pool":"db","backend":"b","override":{}}',
    'backend c is removed, and what was set of it by hand with it {"pool":"default","backend":"c","override":{}}',
    'backend db/a is set by hand: state drain, weight 5 {"pool":"db","backend":"a","override":{"weight":5,"state":"drain"}}',
  ]);
});
