/** The queue of the stream engine, by itself: who is asked, and when. */
import { describe, expect, it } from 'vitest';
import { PoolQueue, type Waiter } from '../src/engine/stream/pool-queue.js';
import { until } from './helpers/deadline.js';

/** A queue before so many places, and what becomes of who waits there. */
function startQueue(places: number, queueMs = 0) {
  let room = places;
  const told: string[] = [];
  const queue: PoolQueue = new PoolQueue(
    () => room,
    () => {},
  );
  queue.limit({ maxSessions: 0, queueLength: 100, queueMs });
  const waiter = (name: string, onTurn: (self: Waiter) => void = take): Waiter => {
    const self: Waiter = {
      onTurn: () => {
        told.push(name);
        onTurn(self);
      },
      onTimeout: () => told.push(`${name} late`),
    };
    return self;
  };
  const take = (self: Waiter) => {
    room -= 1;
    queue.leave(self, 'served');
  };
  return {
    queue,
    told,
    waiter,
    take,
    stay: (self: Waiter) => queue.stay(self),
    /** A place comes free. */
    free: async () => {
      room += 1;
      queue.change();
      await Promise.resolve();
    },
  };
}

describe('a queue of the stream engine', () => {
  it('asks the first one, and the next where there is more room', async () => {
    const { queue, told, waiter, free } = startQueue(0);
    for (const name of ['a', 'b', 'c']) queue.enter(waiter(name));
    await free();
    expect(told).toEqual(['a']);
    const both = [free(), free()];
    await Promise.all(both);
    expect(told).toEqual(['a', 'b', 'c']);
    expect(queue.figures).toEqual({ served: 3, timedOut: 0, refused: 0, left: 0 });
  });

  it('asks who comes while there is room', async () => {
    const { queue, told, waiter } = startQueue(1);
    queue.enter(waiter('a'));
    await Promise.resolve();
    expect(told).toEqual(['a']);
  });

  it('asks each once where nobody can use the place, until there is another', async () => {
    const { queue, told, waiter, stay, free } = startQueue(0);
    for (const name of ['a', 'b']) queue.enter(waiter(name, stay));
    await free();
    await new Promise(setImmediate);
    expect(told).toEqual(['a', 'b']);
    queue.enter(waiter('c'));
    await new Promise(setImmediate);
    expect(told).toEqual(['a', 'b', 'c']);
    await free();
    expect(told).toEqual(['a', 'b', 'c', 'a', 'b']);
  });

  it('waits for the answer of who has its turn, where there is one place', async () => {
    const { queue, told, waiter, take, stay, free } = startQueue(0);
    const slow = waiter('slow', () => {});
    queue.enter(slow);
    queue.enter(waiter('next'));
    await free();
    queue.change();
    await Promise.resolve();
    expect(told).toEqual(['slow']);
    // It had its turn before that change.
    stay(slow);
    await Promise.resolve();
    expect(told).toEqual(['slow', 'slow']);
    take(slow);
    await free();
    expect(told).toEqual(['slow', 'slow', 'next']);
  });

  it('asks as many at one time as there are places', async () => {
    const { queue, told, waiter, take, free } = startQueue(0);
    const [first, ...others] = ['a', 'b', 'c', 'd'].map((name) => waiter(name, () => {}));
    for (const one of [first, ...others]) queue.enter(one as Waiter);
    await free();
    await free();
    expect(told).toEqual(['a', 'b']);
    take(first as Waiter);
    await Promise.resolve();
    expect(told).toEqual(['a', 'b']);
    await free();
    expect(told).toEqual(['a', 'b', 'c']);
  });

  it('puts those before all others who had a place that was none', async () => {
    const { queue, told, waiter, free } = startQueue(0);
    queue.enter(waiter('a'));
    queue.enter(waiter('back'), 5);
    queue.limit({ maxSessions: 0, queueLength: 1, queueMs: 0 });
    expect(queue.enter(waiter('new'))).toBe(false);
    expect(queue.enter(waiter('back too'), 5)).toBe(true);
    await new Promise(setImmediate);
    for (let place = 0; place < 3; place++) await free();
    expect(told).toEqual(['back', 'back too', 'a']);
  });

  it('asks who comes back in another turn of the event loop, and nobody before', async () => {
    const { queue, told, waiter } = startQueue(2);
    queue.enter(waiter('new'));
    queue.enter(waiter('back'), 5);
    for (let look = 0; look < 3; look++) {
      queue.change();
      await Promise.resolve();
    }
    expect(told).toEqual([]);
    await new Promise(setImmediate);
    expect(told).toEqual(['back', 'new']);
  });

  it('counts what they had waited before', async () => {
    const { queue, told, waiter } = startQueue(0, 3_600_000);
    queue.enter(waiter('new'));
    queue.enter(waiter('back'), 3_600_000);
    await until('late', () => told.length > 0);
    expect(told).toEqual(['back late']);
    expect(queue.figures.timedOut).toBe(1);
    expect(queue.length).toBe(1);
  });

  it('lets nobody be late who is about to have a place', async () => {
    const { queue, told, waiter, stay, take, free } = startQueue(0, 1);
    const [lucky, unlucky] = ['lucky', 'unlucky'].map((name) => waiter(name, () => {}));
    queue.enter(lucky as Waiter);
    await free();
    expect(told).toEqual(['lucky']);
    queue.enter(unlucky as Waiter);
    await until('late', () => told.includes('unlucky late'));
    take(lucky as Waiter);
    expect(queue.figures).toMatchObject({ served: 1, timedOut: 1 });

    const asked = waiter('asked', () => {});
    await free();
    queue.enter(asked);
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 20));
    // Its timer may have been due while this machine stood still, and runs after that one.
    await new Promise(setImmediate);
    expect(told).not.toContain('asked late');
    stay(asked);
    expect(told).toContain('asked late');
  });
});
