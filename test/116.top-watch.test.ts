/** What `spliceway top` does while the balancer takes its time. Its screen is a list of lines here. */
import { describe, expect, it, vi } from 'vitest';
import type { Key, Screen, ScreenEvents } from '../src/cli/top/screen.js';
import { Watch } from '../src/cli/top/watch.js';
import type { ControlClient } from '../src/control/client.js';
import type { ControlSession, ControlSessions, ControlStatus } from '../src/control/types.js';
import { until, within } from './helpers/deadline.js';
import { backendTold, statusTold } from './helpers/told.js';

const screens = vi.hoisted(() => ({ last: undefined as FakeScreen | undefined }));

interface FakeScreen extends Pick<Screen, 'size' | 'open' | 'close' | 'draw'> {
  readonly events: ScreenEvents;
  lines: readonly string[];
}

vi.mock('../src/cli/top/screen.js', () => ({
  Screen: class implements FakeScreen {
    readonly size = { columns: 100, rows: 24 };
    lines: readonly string[] = [];
    constructor(readonly events: ScreenEvents) {
      screens.last = this;
    }
    open() {}
    close() {}
    draw(lines: readonly string[]) {
      this.lines = lines;
    }
  },
}));

const named: Readonly<Record<string, string>> = { '\t': 'tab', '\r': 'return', '\x03': 'c' };
const keyOf = (typed: string): Key => ({
  name: named[typed] ?? typed,
  letter: typed in named ? '' : typed,
  ctrl: typed === '\x03',
  isPasted: false,
});

const sessionTold = (id: string): ControlSession =>
  ({
    ...{ id, listener: '127.0.0.1:5555', pool: 'db', backend: 'db-1', phase: 'data', ageMs: 1 },
    ...{ client: { address: '10.1.0.7', port: 40_000 }, bytesUpstream: 0, bytesDownstream: 0 },
  }) as ControlSession;

/** A balancer that holds its sessions back until it is let, each list by itself. */
class SlowBalancer {
  status: ControlStatus;
  readonly ended: string[] = [];
  readonly #lists: ((listed: ControlSessions) => void)[] = [];

  constructor(status: ControlStatus) {
    this.status = status;
  }

  readonly client = {
    status: async () => this.status,
    sessions: () => new Promise((resolve) => this.#lists.push(resolve)),
    endSessions: async (ids: readonly string[]) => {
      this.ended.push(...ids);
      return { ended: ids.length };
    },
  } as unknown as ControlClient;

  get isAsked(): boolean {
    return this.#lists.length > 0;
  }

  /** Answers what was asked first. */
  async list(...sessions: ControlSession[]): Promise<void> {
    const answer = this.#lists.shift();
    expect(answer).toBeDefined();
    answer?.({ count: sessions.length, sessions });
    await settled();
  }
}

/** All promises that need nothing from outside have gone on. */
const settled = () => new Promise(setImmediate);

/** @param intervalMs default: it looks once, and again where a key asks for it */
async function watch(balancer: SlowBalancer, intervalMs = 1e9) {
  const watching = new Watch(balancer.client, intervalMs).untilEnough();
  await settled();
  const screen = screens.last as FakeScreen;
  return {
    press: async (keys: string) => {
      for (const letter of keys) screen.events.onKey(keyOf(letter));
      await settled();
    },
    /** The line below the list. */
    said: () => screen.lines.at(-2),
    shown: () => screen.lines.join('\n'),
    quit: async () => {
      screen.events.onKey(keyOf('\x03'));
      await within('its end', watching);
    },
  };
}

const two = () => statusTold({ backends: [backendTold('db-1'), backendTold('db-2')] });

describe('K on a backend whose sessions are late', () => {
  it('says that it looks for them, and asks once they are there', async () => {
    const balancer = new SlowBalancer(two());
    const { press, said, quit } = await watch(balancer);
    await press('jK');
    expect(said()).toBe('looking for its sessions…');
    await balancer.list(sessionTold('a'), sessionTold('b'));
    expect(said()).toBe('End 2 sessions of db/db-1, with a reset of both sides? [y/N]');
    await press('y');
    expect(balancer.ended).toEqual(['a', 'b']);
    expect(said()).toBe('2 sessions ended');
    await quit();
  });

  it('asks nothing where something else is typed by then', async () => {
    const balancer = new SlowBalancer(two());
    const { press, said, quit } = await watch(balancer);
    await press('jK/d');
    await balancer.list(sessionTold('a'));
    await press('y');
    expect(said()).toBe('only those with: dy_');
    await press('\r');
    expect(balancer.ended).toEqual([]);
    await quit();
  });

  it.each([
    ['a row', 'j'],
    ['a page', '\t'],
  ])('asks nothing on %s that was chosen since', async (_, keys) => {
    const balancer = new SlowBalancer(two());
    const { press, said, quit } = await watch(balancer);
    await press(`jK${keys}`);
    await balancer.list(sessionTold('a'));
    await press('y');
    expect(said()).not.toMatch(/End|looking/);
    expect(balancer.ended).toEqual([]);
    await quit();
  });

  it('asks once, however often it was pressed', async () => {
    const balancer = new SlowBalancer(two());
    const { press, said, quit } = await watch(balancer);
    await press('jKK');
    await balancer.list(sessionTold('a'));
    expect(said()).toBe('looking for its sessions…');
    await balancer.list(sessionTold('a'));
    expect(said()).toMatch(/^End 1 session of db\/db-1/);
    await press('n');
    expect(said()).toBe('nothing has changed');
    await quit();
  });

  it('says so where another row is chosen by then: its own is gone', async () => {
    const balancer = new SlowBalancer(two());
    const { press, said, shown, quit } = await watch(balancer, 1);
    await press('jK');
    balancer.status = statusTold({ backends: [backendTold('db-2')] });
    await until('the row is gone', () => !/db-1/.test(shown()));
    await balancer.list(sessionTold('a'));
    expect(said()).toBe('another row is chosen by now');
    await press('y');
    expect(balancer.ended).toEqual([]);
    await quit();
  });
});

it('K on one of two backends that have a name ends nothing', async () => {
  const removed = backendTold('db-1', { state: 'removed' });
  const balancer = new SlowBalancer(statusTold({ backends: [backendTold('db-1'), removed] }));
  const { press, said, quit } = await watch(balancer);
  for (const keys of ['jK', 'jK']) {
    await press(keys);
    expect(said()).toBe('db/db-1: two have this name; end them on the sessions page');
  }
  await quit();
});

it('rates of sessions begin anew when somebody comes back to them', async () => {
  const balancer = new SlowBalancer(two());
  const { press, shown, quit } = await watch(balancer, 1);
  const rate = () => /^> a .* (\d.*\/s)$/m.exec(shown())?.[1];
  const moved = (bytesUpstream: number) => ({
    ...sessionTold('a'),
    ...{ ageMs: 1e9, bytesUpstream },
  });
  await press('\t');
  await until('a list', () => balancer.isAsked);
  await balancer.list(moved(0));
  expect(rate()).toBeUndefined();
  await until('another list', () => balancer.isAsked);
  await balancer.list(moved(1e9));
  expect(rate()).toBeDefined();
  await press('\t\t');
  await until('another list', () => balancer.isAsked);
  await balancer.list(moved(2e9));
  expect(rate()).toBeUndefined();
  await quit();
});
