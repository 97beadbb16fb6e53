/** Listeners pause when descriptors run out, and resume; clients wait in the kernel meanwhile. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/engine/native/addon.js';
import { SplicewayError } from '../src/errors.js';
import { Admission } from '../src/proxy/admission.js';
import { Listener } from '../src/proxy/listener.js';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { connect, guarded, readExactly, socketPair } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

function duplicateDescriptor(descriptor: number): number {
  const addon = loadAddon();
  if (!addon.ok) throw new Error(addon.reason);
  return addon.binding.duplicateDescriptor(descriptor);
}

/** An admission whose sessions are counted by hand. */
function admission(maxSessions: number, listeners: Listener[] = []) {
  const state = { open: 0, shortage: false, log: [] as string[], started: [] as Socket[] };
  const gate = new Admission(listeners, maxSessions, {
    openSessions: () => state.open,
    start: (socket) => {
      if (state.shortage) {
        throw new SplicewayError('ERR_SPLICEWAY_RESOURCE_LIMIT', 'no descriptor is left');
      }
      state.open += 1;
      state.started.push(socket);
    },
    onPaused: (reason) => state.log.push(`paused: ${reason}`),
    onResumed: () => state.log.push('resumed'),
  });
  const end = () => {
    state.open -= 1;
    gate.sessionEnded();
  };
  return { gate, state, end };
}

describe('admission', () => {
  it('pauses at the limit, and serves who waited when a session ends', async () => {
    const { gate, state, end } = admission(2);
    const sockets = [];
    for (let client = 0; client < 3; client++) sockets.push((await socketPair()).near);
    for (const socket of sockets) gate.take(socket, 0);
    expect(state.started).toEqual(sockets.slice(0, 2));
    expect(state.log).toEqual([
      'paused: 2 sessions are open, as many as the file descriptors allow',
    ]);
    end();
    await until('the third client', () => state.started.length === 3);
    expect(state.started[2]).toBe(sockets[2]);
    expect(state.log).toHaveLength(1);
    end();
    await until('the listeners to resume', () => state.log.at(-1) === 'resumed');
    gate.close();
  });

  it('tries again by itself after a shortage', async () => {
    const { gate, state } = admission(Number.POSITIVE_INFINITY);
    const { near } = await socketPair();
    state.shortage = true;
    gate.take(near, 0);
    expect(state.log).toEqual(['paused: no descriptor is left']);
    expect(near.destroyed).toBe(false);
    state.shortage = false;
    await until('the client', () => state.started.length === 1);
    await until('the listeners to resume', () => state.log.at(-1) === 'resumed');
    gate.close();
  });

  it('disconnects who waits when it closes', async () => {
    const { gate } = admission(0);
    const { near } = await socketPair();
    gate.take(near, 0);
    expect(near.destroyed).toBe(false);
    gate.close();
    expect(near.destroyed).toBe(true);
    const late = (await socketPair()).near;
    gate.take(late, 0);
    expect(late.destroyed).toBe(true);
  });
});

describe.each(['tcp', 'unix'] as const)('a paused %s listener', (kind) => {
  it('leaves clients in the queue of the kernel, and takes them when it resumes', async () => {
    const before = openDescriptors();
    const path = tempPath('paused.sock');
    const accepted: Socket[] = [];
    const events = {
      onConnection: (socket: Socket) => accepted.push(guarded(socket)),
      onAcceptError: (error: Error) => {
        throw error;
      },
    };
    const listener = new Listener(
      kind === 'unix' ? { kind, path } : { kind, host: '127.0.0.1', port: 0 },
      events,
      duplicateDescriptor,
    );
    await listener.open();
    const where = kind === 'unix' ? path : listener.address.port;
    // Twice: the second pause closes a server that was resumed.
    for (let round = 1; round <= 2; round++) {
      expect(listener.pause()).toBe(true);
      const clients = await Promise.all([connect(where), connect(where)]);
      for (const client of clients) client.write('queued');
      expect(accepted).toHaveLength((round - 1) * 3);
      listener.resume();
      await until('the queued clients', () => accepted.length === (round - 1) * 3 + 2);
      const [socket] = accepted.slice(-1);
      expect(String(await readExactly(socket as Socket, 6))).toBe('queued');
      await connect(where);
      await until('the next client', () => accepted.length === round * 3);
    }
    listener.pause();
    listener.close();
    await expect(connect(where)).rejects.toThrow(/ECONNREFUSED|ENOENT/);
    for (const socket of accepted) socket.destroy();
    await untilBackTo({ ...before, total: before.total + 6 });
  });

  it('cannot be paused without a way to duplicate its descriptor', async () => {
    const listener = new Listener(
      kind === 'unix'
        ? { kind, path: tempPath('never.sock') }
        : { kind, host: '127.0.0.1', port: 0 },
      { onConnection: (socket) => socket.destroy(), onAcceptError: () => {} },
    );
    await listener.open();
    expect(listener.pause()).toBe(false);
    listener.close();
  });
});
