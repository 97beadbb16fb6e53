/** Events of the loops: read out of the words that they are made of, and how many at a time. */
import { fstatSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/engine/native/addon.js';
import {
  EVENT_WORDS,
  EventKind,
  EventWord,
  type NativeBinding,
  type NativeEngineBinding,
  SLOTS,
} from '../src/engine/native/binding.js';
import { EventRing } from '../src/engine/native/event-ring.js';
import { NativeEngine } from '../src/engine/native/native-engine.js';
import { until } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { collectUncaught } from './helpers/uncaught.js';

interface Words {
  readonly kind?: number;
  readonly slot?: number;
  readonly generation?: number;
  readonly count?: number;
  readonly port?: number;
  /** Sixteen bytes in network order. */
  readonly ip?: readonly number[];
}

/** Loops that have these events to tell. */
function loops(events: readonly Words[]) {
  const waiting = [...events];
  return {
    takeEvents(into: Int32Array): number {
      const taken = waiting.splice(0, into.length / EVENT_WORDS);
      for (const [
        index,
        { kind = 0, slot = -1, generation = 0, count = 1, port = -1, ip = [] },
      ] of taken.entries()) {
        const at = index * EVENT_WORDS;
        into.fill(0, at, at + EVENT_WORDS);
        into[at + EventWord.kind] = kind;
        into[at + EventWord.slot] = slot;
        into[at + EventWord.generation] = generation;
        into[at + EventWord.count] = count;
        into[at + EventWord.port] = port;
        new Uint8Array(into.buffer).set(ip, (at + EventWord.ip) * Int32Array.BYTES_PER_ELEMENT);
      }
      return taken.length;
    },
  };
}

const littleEndian = (value: number) => new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);

const mapped = (...v4: number[]) => [...Array(10).fill(0), 0xff, 0xff, ...v4];

describe('the event ring', () => {
  it('tells events apart, in their order', () => {
    const ring = new EventRing(
      loops([
        { kind: EventKind.opened, slot: 7 },
        { kind: EventKind.attemptFailed, count: 1000 },
      ]),
    );
    const seen: number[][] = [];
    const more = ring.take((event) =>
      seen.push([event.get('kind'), event.session, event.get('count')]),
    );
    expect(seen).toEqual([
      [EventKind.opened, 7, 1],
      [EventKind.attemptFailed, -1, 1000],
    ]);
    expect(more).toBe(false);
  });

  it.each([
    [
      { port: 80, ip: mapped(127, 0, 0, 1) },
      { ip: '127.0.0.1', port: 80, family: 4 },
    ],
    [
      { port: 65_535, ip: mapped(255, 254, 253, 252) },
      { ip: '255.254.253.252', port: 65_535, family: 4 },
    ],
    [
      { port: 1, ip: [...Array(15).fill(0), 1] },
      { ip: '::1', port: 1, family: 6 },
    ],
    [
      { port: 2, ip: [0x20, 0x01, 0x0d, 0xb8, ...Array(10).fill(0), 0x12, 0x34] },
      { ip: '2001:db8::1234', port: 2, family: 6 },
    ],
    [{ port: -1 }, undefined],
  ])('reads the address of %j', (words, endpoint) => {
    const seen: unknown[] = [];
    new EventRing(loops([words])).take((event) => seen.push(event.endpoint));
    expect(seen).toEqual([endpoint]);
  });

  it('tells a session from those that had its slot before, however many there were', () => {
    const generations = [0, 1, 2 ** 31, 2 ** 32 - 1];
    const names: number[] = [];
    const ring = new EventRing(loops(generations.map((generation) => ({ slot: 7, generation }))));
    ring.take((event) => names.push(event.session));
    expect(names).toEqual(generations.map((generation) => generation * SLOTS + 7));
    expect(names.every(Number.isSafeInteger)).toBe(true);
  });

  it('reads what a session has moved, beyond 32 bits', () => {
    const ip = [...littleEndian(2 ** 40 + 5), ...littleEndian(2 ** 32 - 1)];
    const moved: unknown[] = [];
    new EventRing(loops([{ kind: EventKind.closed, slot: 0, ip }])).take((event) =>
      moved.push(event.moved),
    );
    expect(moved).toEqual([{ upstream: 2 ** 40 + 5, downstream: 2 ** 32 - 1 }]);
  });

  it('says when there may be more', () => {
    const ring = new EventRing(loops(Array.from({ length: 300 }, (_, slot) => ({ slot }))));
    const slots: number[] = [];
    const take = () => ring.take((event) => slots.push(event.session));
    expect([take(), take()]).toEqual([true, false]);
    expect(slots).toEqual(Array.from({ length: 300 }, (_, slot) => slot));
  });

  it('goes on after an observer that throws, who is heard of', async () => {
    const uncaught = collectUncaught();
    const slots: number[] = [];
    new EventRing(loops([{ slot: 1 }, { slot: 2 }])).take((event) => {
      slots.push(event.session);
      throw new Error(`thrown at ${event.session}`);
    });
    expect(slots).toEqual([1, 2]);
    await until('the exceptions', () => uncaught.length === 2);
    expect(uncaught).toEqual([new Error('thrown at 1'), new Error('thrown at 2')]);
  });
});

/** An engine whose loops do nothing but ring, and have so many full batches to tell. */
function ringing(batches: number) {
  let left = batches;
  let ring = () => {};
  const calls = { takes: 0, closes: 0, atClose: 0 };
  const binding: Partial<NativeEngineBinding> = {
    counters: () => new ArrayBuffer(1024),
    loops: () => new ArrayBuffer(4096),
    ends: () => new ArrayBuffer(8192),
    maxSessions: () => 1,
    drain: () => {},
    takeEvents(into) {
      calls.takes += 1;
      if (left === 0) return 0;
      left -= 1;
      const count = into.length / EVENT_WORDS;
      for (let at = 0; at < into.length; at += EVENT_WORDS) {
        into[at + EventWord.kind] = EventKind.attemptFailed;
        into[at + EventWord.slot] = -1;
      }
      return count;
    },
    close() {
      calls.closes += 1;
      calls.atClose = calls.takes;
    },
  };
  // A function that returns an object is a constructor of it.
  function Engine(_options: unknown, doorbell: () => void) {
    ring = doorbell;
    return binding;
  }
  const closed: number[] = [];
  const closeDescriptor = (fd: number) => closed.push(fd);
  const engine = new NativeEngine({ Engine, closeDescriptor } as unknown as NativeBinding, {
    threads: 1,
    listeners: 1,
    backends: 1,
    transfer: 'auto',
    busyPollUs: 0,
    keepAliveMs: 0,
  });
  return { engine, calls, closed, ring: () => ring() };
}

describe('loops that have more to tell than JavaScript can hear', () => {
  const BATCHES = 1000;

  it('leave the event loop its turns, and are heard to the end', async () => {
    const { calls, ring } = ringing(BATCHES);
    ring();
    for (let before = 0; before <= BATCHES; before = calls.takes) {
      await turn();
      expect(calls.takes).toBeGreaterThan(before);
      expect(calls.takes).toBeLessThan(before + 10);
    }
    // The last one found nothing: nobody asks again before the doorbell rings.
    await turn();
    expect(calls.takes).toBe(BATCHES + 1);
    ring();
    await until('another look', () => calls.takes === BATCHES + 2);
  });

  it('are not heard the sooner for ringing again', async () => {
    const { calls, ring } = ringing(BATCHES);
    for (let rings = 0; rings < BATCHES; rings++) ring();
    await turn();
    expect(calls.takes).toBeGreaterThan(0);
    expect(calls.takes).toBeLessThan(10);
  });

  it('are not asked any more once the engine is closed', async () => {
    const { engine, calls, ring } = ringing(BATCHES);
    ring();
    await turn();
    await engine.close();
    expect(calls.atClose).toBeLessThan(10);
    await turn();
    await turn();
    expect(calls).toEqual({ takes: calls.atClose, closes: 1, atClose: calls.atClose });
  });
});

it('an engine that is closed takes no listener, whose descriptor is closed, and no limit', async () => {
  // Loops that know neither method.
  const { engine, closed } = ringing(0);
  await engine.close();
  engine.tables.limitBackend(0, 1);
  engine.tables.listen(0, 42, false);
  expect(closed).toEqual([42]);
});

describe.runIf(engines.includes('native'))('the name of a slot that was released', () => {
  it('neither releases nor starts whoever has the slot now', () => {
    const addon = loadAddon();
    if (!addon.ok) throw new Error(addon.reason);
    const loops = new addon.binding.Engine(
      {
        threads: 1,
        listeners: 1,
        backends: 1,
        transfer: 0,
        busyPollUs: 0,
        keepAliveS: 0,
        maxSessions: 1,
      },
      () => {},
    );
    const first = loops.takeSlot();
    loops.releaseSlot(first);
    const second = loops.takeSlot();
    expect(second).toBe(first + SLOTS);
    loops.releaseSlot(first);
    expect(loops.takeSlot()).toBe(-1);
    // What it is given is its own all the same.
    const fd = addon.binding.duplicateDescriptor(0);
    loops.start(first, fd, undefined, 0, new Uint32Array(4), false);
    expect(() => fstatSync(fd)).toThrow('EBADF');
    loops.releaseSlot(second);
    expect(loops.takeSlot()).toBe(second + SLOTS);
    loops.close();
  });
});
