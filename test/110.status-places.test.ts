/** Who has a place at a status address, and for how long: with connections that are none. */
import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Places } from '../src/control/status/places.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  closed = false;

  destroy(): void {
    this.destroyed = true;
    this.closed = true;
    this.emit('close');
  }
}

/** An answer on a connection. */
const answerOn = (socket: FakeSocket) =>
  Object.assign(new EventEmitter(), { req: { socket } }) as unknown as ServerResponse;

describe('places for large answers', () => {
  const refusal = /answers of this size are under way/;

  it('are four, and free again when an answer or its connection is closed', () => {
    const places = new Places();
    const sockets = Array.from({ length: 6 }, () => new FakeSocket());
    const answers = sockets.map(answerOn);
    const take = (index: number) => places.take(answers[index] as ServerResponse);
    for (const index of [0, 1, 2, 3]) take(index);
    expect(() => take(4)).toThrow(refusal);
    answers[1]?.emit('close');
    take(4);
    expect(() => take(5)).toThrow(refusal);
    sockets[2]?.destroy();
    take(5);
    expect(() => take(1)).toThrow(refusal);
  });

  it('are one for each connection', () => {
    const places = new Places();
    const socket = new FakeSocket();
    const first = answerOn(socket);
    places.take(first);
    expect(() => places.take(answerOn(socket))).toThrow(refusal);
    first.emit('close');
    places.take(answerOn(socket));
    socket.destroy();
    // Nobody would give it back.
    places.take(answerOn(socket));
    places.take(answerOn(socket));
  });
});

describe('a connection', () => {
  beforeEach(() => {
    vi.useFakeTimers();
    vi.resetModules();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  async function start() {
    const { Connections } = await import('../src/control/status/connections.js');
    const server = new EventEmitter();
    new Connections(server as Server);
    const enter = () => {
      const socket = new FakeSocket();
      server.emit('connection', socket);
      return socket;
    };
    const ask = (socket: FakeSocket) => {
      const answer = answerOn(socket);
      server.emit('request', answer.req, answer);
      return answer;
    };
    return { enter, ask };
  }

  it('whose answer is not read is cut after half a minute, and one that has been read is not', async () => {
    const { enter, ask } = await start();
    const [slow, quick] = [enter(), enter()];
    ask(slow);
    ask(quick).emit('close');
    vi.advanceTimersByTime(29_000);
    ask(quick).emit('close');
    expect(slow.destroyed).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(slow.destroyed).toBe(true);
    vi.advanceTimersByTime(60_000);
    expect(quick.destroyed).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('that is closed leaves no timer, however many answers it was to have', async () => {
    const { enter, ask } = await start();
    const socket = enter();
    for (let count = 0; count < 64; count++) ask(socket);
    expect(vi.getTimerCount()).toBe(64);
    socket.destroy();
    expect(vi.getTimerCount()).toBe(0);
    // What came with the rest is read when it is gone.
    ask(socket);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('makes room for the next one where it is idle, the longest first, and not while it is answered', async () => {
    const { enter, ask } = await start();
    const sockets = Array.from({ length: 24 }, enter);
    const [first, second, third] = sockets;
    const answer = ask(first as FakeSocket);
    ask(second as FakeSocket).emit('close');
    const gone = () => sockets.flatMap(({ destroyed }, index) => (destroyed ? [index] : []));
    expect(gone()).toEqual([]);
    enter();
    expect(gone()).toEqual([2]);
    expect(third?.destroyed).toBe(true);
    for (let count = 0; count < 21; count++) enter();
    expect(gone()).not.toContain(1);
    enter();
    expect(gone()).toEqual(sockets.map((_, index) => index).slice(1));
    answer.emit('close');
    for (let count = 0; count < 24; count++) enter();
    expect(first?.destroyed).toBe(true);
  });

  it('is let go at once where all others are answered', async () => {
    const { enter, ask } = await start();
    const sockets = Array.from({ length: 24 }, enter);
    for (const socket of sockets) ask(socket);
    expect(enter().destroyed).toBe(true);
    expect(sockets.every(({ destroyed }) => !destroyed)).toBe(true);
    sockets[5]?.destroy();
    expect(enter().destroyed).toBe(false);
  });
});
