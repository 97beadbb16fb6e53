/** What checks, clients and operators say of a backend, and what becomes of its clients. */
import { describe, expect, it } from 'vitest';
import type { BackendOptions } from '../src/config/options.js';
import type { HealthSchedule } from '../src/model/health.js';
import { CheckState } from '../src/pool/health/check-state.js';
import { Ejection } from '../src/pool/health/ejections.js';
import type { BackendEvent } from '../src/session/events.js';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import {
  portOfListener,
  type RunningProxy,
  startProxy,
  type TestServices,
} from './helpers/proxies.js';
import { refusedAddress, startEcho, startNamed } from './helpers/servers.js';
import {
  ANY_PORT,
  answersAt,
  echoed,
  figuresOf,
  namedBackends,
  openClient,
  sorted,
  wholeOf,
} from './helpers/services.js';
import { readToEnding } from './helpers/sockets.js';

const schedule: HealthSchedule = {
  intervalMs: 2000,
  timeoutMs: 2000,
  rise: 2,
  fall: 3,
  jitterPercent: 10,
  fastIntervalMs: 500,
  startDown: false,
};

/** Of answers, `+` for one that passed: the status after each, by its first letter. */
function statusesAfter(answers: string, settings = schedule): string {
  const state = new CheckState();
  return [...answers]
    .map((answer) => {
      state.note({ at: 0, durationMs: 0, passed: answer === '+', detail: '' }, settings);
      return state.status[0];
    })
    .join('');
}

describe('answers to checks', () => {
  it.each([
    ['+', 'u'],
    ['---', 'ccd'],
    ['--+', 'ccu'],
    ['+--+---', 'uuuuuud'],
    ['+---+-++', 'uuudddd' + 'u'],
  ])('%s make it %s', (answers, statuses) => {
    expect(statusesAfter(answers)).toBe(statuses);
  });

  it('count as rise and fall say', () => {
    expect(statusesAfter('+-+++', { ...schedule, rise: 3, fall: 1 })).toBe('udddu');
  });

  it('say why, and how often in a row', () => {
    const state = new CheckState();
    const failed = { at: 0, durationMs: 0, passed: false, detail: 'expected 200, got 503' };
    expect([1, 2, 3].map(() => state.note(failed, schedule))).toEqual([
      undefined,
      undefined,
      'expected 200, got 503 ×3',
    ]);
    expect(state.isInTransition).toBe(false);
    expect(state.isFailing).toBe(true);
  });
});

describe('an ejection', () => {
  const settings = { failures: 5, timeMs: 10_000, maxTimeMs: 35_000, earlyResetMs: 0 };

  it('lasts twice as long each time, up to the most, and the shortest after a quiet time', () => {
    const ejection = new Ejection();
    let time = 0;
    const eject = (quietMs: number) => {
      time += quietMs;
      const ms = ejection.begin(time, settings);
      time += ms;
      ejection.end(time);
      return ms;
    };
    expect([eject(0), eject(1), eject(1), eject(1)]).toEqual([10_000, 20_000, 35_000, 35_000]);
    expect(eject(35_000)).toBe(10_000);
  });

  it('counts failures in a row, from the newest where a session came between', () => {
    const ejection = new Ejection();
    ejection.countFrom({ opened: 7, failed: 3 });
    expect(ejection.inARow({ opened: 7, failed: 5 })).toBe(2);
    expect(ejection.inARow({ opened: 8, failed: 9 })).toBe(1);
    expect(ejection.inARow({ opened: 8, failed: 10 })).toBe(2);
    expect(ejection.since({ opened: 8, failed: 10 })).toBe(2);
    expect(ejection.since({ opened: 9, failed: 10 })).toBe(0);
  });
});

/** A check of a program's own, whose answer a test says. */
function scripted(settings: object = {}) {
  const answers = new Map<string, boolean>();
  const asked: string[] = [];
  const check = ({ name }: { name: string }) => {
    asked.push(name);
    return answers.get(name) ?? true;
  };
  const health = { check, interval: '20ms', fastInterval: '5ms', timeout: '5s', rise: 2, fall: 2 };
  return { answers, asked, health: { ...health, ...settings } };
}

/** What is told of health from now on. */
function changesOf(proxy: RunningProxy): BackendEvent[] {
  const changes: BackendEvent[] = [];
  proxy.on('backend', (change) => changes.push(change));
  return changes;
}

describe.each(ways)('the health of backends with %s', (way) => {
  async function start(
    backends: readonly (string | BackendOptions)[],
    settings: Omit<TestServices['pools'][string], 'backends'> = {},
  ) {
    const services: TestServices = {
      listeners: { in: { address: ANY_PORT, pool: 'db' } },
      pools: { db: { backends, ...settings } },
    };
    const proxy = await startProxy(way, services);
    return { proxy, port: portOfListener(proxy, 'in'), changes: changesOf(proxy), services };
  }
  const healthOf = (proxy: RunningProxy, name: string) => figuresOf(proxy, 'db', name).health;

  it('is up where nothing else is known', async () => {
    const { proxy } = await start(await namedBackends('a'));
    expect(healthOf(proxy, 'a')).toEqual({
      status: 'up',
      since: expect.any(Number),
      reason: '',
      checks: { passed: 0, failed: 0 },
      ejections: 0,
      transitions: 0,
      downMs: 0,
    });
  });

  it('can be set by hand, over updates, until it is left to checks again', async () => {
    const { proxy, port, changes, services } = await start(await namedBackends('abc'));
    const a = proxy.pool('db').backend('a');
    a.setHealth('down');
    expect(sorted(await answersAt(port, 4))).toBe('bbcc');
    expect(changes).toEqual([
      { pool: 'db', backend: 'a', from: 'up', to: 'down', reason: 'set by hand' },
    ]);
    const pools = { db: { ...services.pools.db, onRemove: 'close' as const } };
    await proxy.update(wholeOf(way, { ...services, pools } as TestServices));
    expect(a.health).toBe('down');
    expect(sorted(await answersAt(port, 2))).toBe('bc');
    a.setHealth('auto');
    expect(a.health).toBe('up');
    expect(sorted(await answersAt(port, 3))).toBe('abc');
    expect(changes[1]).toMatchObject({ from: 'down', to: 'up' });
    a.setHealth('down');
    a.reset();
    expect(a.health).toBe('up');
    const { transitions, downMs } = healthOf(proxy, 'a');
    expect(transitions).toBe(4);
    expect(downMs).toBeGreaterThan(0);
    // It goes up while it is down, and stands while it is up.
    expect(healthOf(proxy, 'a').downMs).toBe(downMs);
    a.setHealth('down');
    await until('it has been down for longer', () => healthOf(proxy, 'a').downMs > downMs);
    expect(() => a.setHealth('sideways' as never)).toThrow(/choose up, down or auto/);
  });

  it('stands still from when the backend is removed, and from when it takes sessions unchecked', async () => {
    const echo = await startEcho();
    const check = { check: () => new Promise<string>(() => {}), interval: '1h', timeout: '1h' };
    const health = { ...check, startDown: true };
    const backends = [`${echo.address},name=a`];
    const listeners = { one: { address: ANY_PORT, pool: 'db' } };
    const proxy = await startProxy(way, { listeners, pools: { db: { backends, health } } });
    const downMs = () => proxy.stats().backends[0]?.health.downMs ?? 0;
    await until('time goes by', () => downMs() > 0);
    const pools = { db: { backends, health: { ...health, startDown: false } } };
    await proxy.update((present) => ({ ...present, pools }) as typeof present);
    const whole = downMs();
    const client = await openClient(portOfListener(proxy, 'one'));
    expect(downMs()).toBe(whole);
    proxy.pool('db').backend('a').setHealth('down');
    await until('it goes on', () => downMs() > whole);
    await proxy.pool('db').add('127.0.0.1:9');
    await proxy.pool('db').remove('a');
    const ofRemoved = () =>
      proxy.stats().backends.find(({ state }) => state === 'removed')?.health.downMs;
    const last = ofRemoved();
    expect(last).toBeGreaterThan(whole);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await echoed(client, 'still')).toBe('still');
    expect(ofRemoved()).toBe(last);
    client.end();
  });

  it('ejects who fails clients, and takes it back after a while', async () => {
    const [a = ''] = await namedBackends('a');
    const x = `${await refusedAddress()},name=x`;
    const { proxy, port, changes } = await start([x, a], { ejectAfter: 1, ejectFor: '300ms' });
    // As they are when each change is told: it may be back before the next line runs.
    const figures: unknown[] = [];
    proxy.on('backend', () => figures.push(healthOf(proxy, 'x')));
    expect(await answersAt(port, 2)).toBe('aa');
    await until('its return', () => changes.length > 1);
    expect(changes[0]).toMatchObject({ backend: 'x', from: 'up', to: 'ejected' });
    expect(changes[0]?.reason).toMatch(/^connect failed ×1 \(ECONNREFUSED\); for 0\.3 s$/);
    expect(figures[0]).toMatchObject({ status: 'ejected', ejections: 1 });
    expect(changes[1]).toMatchObject({ from: 'ejected', to: 'up', reason: 'its ejection is over' });
  });

  it('never ejects the last that takes sessions, and takes one back where it is the last', async () => {
    const [a = ''] = await namedBackends('a');
    const x = `${await refusedAddress()},name=x`;
    const y = `${await refusedAddress()},name=y`;
    const { proxy, port, changes } = await start([x, y, a], { ejectAfter: 1 });
    expect(await answersAt(port, 4)).toBe('aaaa');
    await until('an ejection', () => changes.length > 0);
    // Half of three is one.
    expect(changes).toHaveLength(1);
    const other = changes[0]?.backend === 'x' ? 'y' : 'x';
    proxy.pool('db').backend(other).setHealth('down');
    expect(healthOf(proxy, changes[0]?.backend ?? '').status).toBe('ejected');
    void proxy.pool('db').backend('a').drain();
    expect(changes.at(-1)).toMatchObject({ to: 'up', reason: 'no other backend is left' });
  });

  it('takes back who is ejected where all others fail', async () => {
    const server = await startNamed('a');
    const x = `${await refusedAddress()},name=x`;
    const backends = [x, `${server.address},name=a`];
    const { proxy, port, changes } = await start(backends, { ejectAfter: 1 });
    expect(await answersAt(port, 2)).toBe('aa');
    await until('its ejection', () => changes.length === 1);
    await server.close();
    const refused = () => answersAt(port, 1).catch(() => '');
    // The other one is the last, which is not ejected, and does not answer.
    for (; changes.length === 1; ) await refused();
    expect(changes[1]).toMatchObject({
      backend: 'x',
      to: 'up',
      reason: 'no other backend is left',
    });
    expect(healthOf(proxy, 'x').ejections).toBe(1);
    // As long as nobody answers, that is all there is to tell.
    for (let client = 0; client < 10; client++) await refused();
    expect(changes).toHaveLength(2);
  });

  it('is never ejected any more where a reload says so', async () => {
    const [a = ''] = await namedBackends('a');
    const x = `${await refusedAddress()},name=x`;
    const { proxy, port, changes, services } = await start([x, a], { ejectAfter: 1 });
    expect(await answersAt(port, 2)).toBe('aa');
    await until('its ejection', () => changes.length === 1);
    const pools = { db: { backends: [x, a], ejectFor: '0' } };
    await proxy.update(wholeOf(way, { ...services, pools }));
    expect(healthOf(proxy, 'x').status).toBe('up');
    expect(changes[1]).toMatchObject({ from: 'ejected', to: 'up' });
  });

  it.each([
    ['fail', ''],
    ['try', 'a'],
  ] as const)('where none is up, clients %s', async (whenAllDown, answer) => {
    const { proxy, port } = await start(await namedBackends('ab'), { whenAllDown });
    for (const name of 'ab') proxy.pool('db').backend(name).setHealth('down');
    void proxy.pool('db').backend('b').drain();
    expect(await answersAt(port, 1).catch(() => '')).toBe(answer);
  });

  it('goes on for one that served before its pool had checks', async () => {
    const { proxy, port, services } = await start(await namedBackends('a'));
    const check = () => new Promise<boolean>(() => {});
    const health = { check, interval: '1h', timeout: '1h', startDown: true };
    const backends = services.pools.db?.backends ?? [];
    await proxy.update(wholeOf(way, { ...services, pools: { db: { backends, health } } }));
    expect(healthOf(proxy, 'a').status).toBe('checking');
    expect(await answersAt(port, 1)).toBe('a');
  });

  it('ends sessions where that is asked for', async () => {
    const echo = await startEcho();
    const { proxy, port } = await start([`${echo.address},name=e`], { onDown: 'close' });
    const client = await openClient(port);
    const ending = readToEnding(client);
    proxy.pool('db').backend('e').setHealth('down');
    expect((await ending).how).toBe('ECONNRESET');
  });

  it('ends the sessions of one that is down already where an update says so', async () => {
    const echo = await startEcho();
    const [a = ''] = await namedBackends('a');
    const backends = [`${echo.address},name=e`, a];
    const { proxy, port, services } = await start(backends, { policy: 'first' });
    const client = await openClient(port);
    expect(await echoed(client, 'there')).toBe('there');
    const ending = readToEnding(client);
    proxy.pool('db').backend('e').setHealth('down');
    const pools = { db: { backends, policy: 'first' as const, onDown: 'close' as const } };
    await proxy.update(wholeOf(way, { ...services, pools }));
    expect((await ending).how).toBe('ECONNRESET');
  });

  it('has its whole share at once where an update ends slow starts', async () => {
    const backends = await namedBackends('ab');
    const { proxy, port, services } = await start(backends, { slowStart: '100h' });
    const a = proxy.pool('db').backend('a');
    a.setHealth('down');
    a.setHealth('auto');
    await proxy.update(wholeOf(way, { ...services, pools: { db: { backends } } }));
    expect(sorted(await answersAt(port, 4))).toBe('aabb');
  });

  it('lets them go on where it is up again in time', async () => {
    const echo = await startEcho();
    const { proxy, port } = await start([`${echo.address},name=e`], { onDown: { after: '1h' } });
    const client = await openClient(port);
    const backend = proxy.pool('db').backend('e');
    backend.setHealth('down');
    backend.setHealth('auto');
    expect(await echoed(client, 'still there')).toBe('still there');
  });

  it('gets its share little by little where it is back', async () => {
    const backends = await namedBackends('ab');
    // The first of ten steps lasts for longer than any test.
    const { proxy, port } = await start(backends, { slowStart: '100h' });
    expect(sorted(await answersAt(port, 4))).toBe('aabb');
    const a = proxy.pool('db').backend('a');
    a.setHealth('down');
    a.setHealth('auto');
    const { length } = (await answersAt(port, 22)).replaceAll('b', '');
    expect(length).toBe(2);
  });

  it('has its whole share at the end of its slow start', async () => {
    const { proxy, port, changes } = await start(await namedBackends('ab'), { slowStart: '50ms' });
    const a = proxy.pool('db').backend('a');
    a.setHealth('down');
    a.setHealth('auto');
    expect(changes).toHaveLength(2);
    const halves = async () => sorted(await answersAt(port, 4)) === 'aabb';
    for (let isWhole = false; !isWhole; ) isWhole = await halves();
  });

  it('follows its checks', async () => {
    const { answers, health } = scripted();
    answers.set('a', false);
    const { proxy, port, changes } = await start(await namedBackends('ab'), { health });
    await until('both known', () => changes.length === 2);
    expect(healthOf(proxy, 'a')).toMatchObject({
      status: 'down',
      lastCheck: { passed: false, at: expect.any(Number), durationMs: expect.any(Number) },
    });
    expect(changes.map(({ backend, from, to }) => `${backend} ${from} ${to}`).sort()).toEqual([
      'a checking down',
      'b checking up',
    ]);
    expect(await answersAt(port, 3)).toBe('bbb');
    answers.set('a', true);
    await until('its return', () => changes.length === 3);
    expect(changes[2]).toMatchObject({ backend: 'a', from: 'down', to: 'up' });
    const { checks, transitions } = healthOf(proxy, 'a');
    expect(Math.min(checks.passed, checks.failed)).toBeGreaterThan(0);
    expect(transitions).toBe(2);
    expect(healthOf(proxy, 'b').checks.failed).toBe(0);
    // Its share is made a moment later.
    for (let answers = ''; answers !== 'ab'; ) answers = sorted(await answersAt(port, 2));
  });

  it('counts as up until it is known, or as down where that is wanted', async () => {
    const never = () => new Promise<boolean>(() => {});
    const waiting = { check: never, interval: '1h', timeout: '1h' };
    const first = await start(await namedBackends('a'), { health: waiting });
    expect(healthOf(first.proxy, 'a').status).toBe('checking');
    expect(await answersAt(first.port, 1)).toBe('a');
    const second = await start(await namedBackends('a'), {
      health: { ...waiting, startDown: true },
    });
    // Refused: with a reset, or with an end before the first byte.
    expect(await answersAt(second.port, 1).catch(() => '')).toBe('');
  });

  it('is not asked for in maintenance, and not known afterwards', async () => {
    const { asked, health } = scripted();
    const { proxy, changes } = await start(await namedBackends('a'), { health });
    await until('it is up', () => changes.length === 1);
    const a = proxy.pool('db').backend('a');
    void a.maintenance();
    expect(a.health).toBe('checking');
    const before = asked.length;
    a.ready();
    await until('it is asked again', () => asked.length > before);
    await until('it is up again', () => a.health === 'up');
  });

  it('stays what it is where the checks are others, and is up where there are none any more', async () => {
    const { answers, health } = scripted();
    answers.set('a', false);
    const { proxy, changes, services } = await start(await namedBackends('ab'), { health });
    await until('it is down', () => proxy.pool('db').backend('a').health === 'down');
    const update = (settings: object) =>
      proxy.update(
        wholeOf(way, {
          ...services,
          pools: { db: { backends: services.pools.db?.backends ?? [], ...settings } },
        }),
      );
    await update({ health: { ...health, rise: 3 } });
    expect(healthOf(proxy, 'a').status).toBe('down');
    await update({});
    expect(healthOf(proxy, 'a').status).toBe('up');
    expect(changes.filter(({ backend }) => backend === 'a').at(-1)).toMatchObject({
      from: 'down',
      to: 'up',
      reason: 'it is not checked any more',
    });
  });
});
