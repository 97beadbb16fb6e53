/** Listeners pause when descriptors run out, and resume; clients wait in the kernel meanwhile. */
import { existsSync, linkSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAddon } from '../src/engine/native/addon.js';
import { type Descriptors, nativeDescriptors } from '../src/engine/native/descriptors.js';
import { SessionLimit } from '../src/engine/session-limit.js';
import { Admission } from '../src/entrance/admission.js';
import { Listener } from '../src/entrance/listener.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import { until } from './helpers/deadline.js';
import { openDescriptors, untilBackTo } from './helpers/descriptors.js';
import { connect, guarded, readExactly, socketPair } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';
import { collectUncaught } from './helpers/uncaught.js';

function descriptors(): Descriptors {
  const addon = loadAddon();
  if (!addon.ok) throw new Error(addon.reason);
  return nativeDescriptors(addon.binding);
}

/** An admission whose sessions are counted by hand. */
function admission(maxSessions: number, listeners: Listener[] = []) {
  const state = {
    open: 0,
    shortage: false,
    log: [] as string[],
    started: [] as Socket[],
    onStart: (_: Socket) => {},
  };
  const gate = new Admission(new SessionLimit(maxSessions), {
    openSessions: () => state.open,
    start: (socket) => {
      if (state.shortage) {
        throw new SplicewayError('ERR_SPLICEWAY_RESOURCE_LIMIT', 'no descriptor is left');
      }
      state.open += 1;
      state.started.push(socket);
      state.onStart(socket);
    },
    onPaused: (reason) => state.log.push(`paused: ${reason}`),
    onResumed: () => state.log.push('resumed'),
    onDropped: (clients) => state.log.push(`dropped: ${clients}`),
  });
  for (const [row, listener] of listeners.entries()) gate.add(row, listener);
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

  it('disconnects who waits when it closes, and says how many', async () => {
    const { gate, state } = admission(0);
    const { near } = await socketPair();
    gate.take(near, 0);
    expect(near.destroyed).toBe(false);
    gate.close();
    expect(near.destroyed).toBe(true);
    expect(state.log.at(-1)).toBe('dropped: 1');
    const late = (await socketPair()).near;
    gate.take(late, 0);
    expect(late.destroyed).toBe(true);
  });

  it('lets 256 clients wait, and says so of each one more', async () => {
    const { gate, state } = admission(0);
    const sockets = Array.from({ length: 258 }, () => guarded(new Socket()));
    for (const socket of sockets) gate.take(socket, 0);
    expect(sockets.map(({ destroyed }) => destroyed)).toEqual(
      sockets.map((_, index) => index >= 256),
    );
    expect(state.log.slice(1)).toEqual(['dropped: 1', 'dropped: 1']);
    gate.close();
    expect(state.log.at(-1)).toBe('dropped: 256');
  });

  it('keeps the order of who waits when the shortage goes on', async () => {
    const { gate, state } = admission(Number.POSITIVE_INFINITY);
    const sockets = [];
    for (let client = 0; client < 3; client++) sockets.push((await socketPair()).near);
    state.shortage = true;
    for (const socket of sockets) gate.take(socket, 0);
    let tries = 0;
    state.onStart = () => {
      // After each client that could be served there is another shortage.
      state.shortage = true;
      setTimeout(() => {
        state.shortage = false;
      }, 150);
    };
    const probe = sockets[0] as Socket;
    const off = probe.off.bind(probe);
    probe.off = (...args) => {
      tries += 1;
      return off(...args);
    };
    await until('a retry that fails', () => tries > 0);
    state.shortage = false;
    await until('all clients', () => state.started.length === 3);
    expect(state.started).toEqual(sockets);
    gate.close();
  });

  it('says nothing more when a client that waited closes it', async () => {
    const { gate, state } = admission(Number.POSITIVE_INFINITY);
    const sockets = [(await socketPair()).near, (await socketPair()).near];
    state.shortage = true;
    for (const socket of sockets) gate.take(socket, 0);
    state.shortage = false;
    state.onStart = () => gate.close();
    await until('the first client', () => state.started.length === 1);
    expect(state.log).toEqual(['paused: no descriptor is left', 'dropped: 1']);
  });

  it('resumes once when a session ends while another one starts', async () => {
    const { gate, state, end } = admission(1);
    const sockets = [(await socketPair()).near, (await socketPair()).near];
    for (const socket of sockets) gate.take(socket, 0);
    state.onStart = () => end();
    end();
    await until('the second client', () => state.started.length === 2);
    await until('the listeners to resume', () => state.log.includes('resumed'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(state.log.filter((line) => line === 'resumed')).toHaveLength(1);
    gate.close();
  });

  it('does not hide a mistake as if a client had left', async () => {
    const uncaught = collectUncaught();
    const { gate, state } = admission(Number.POSITIVE_INFINITY);
    state.onStart = () => {
      throw new TypeError('a mistake');
    };
    const { near } = await socketPair();
    gate.take(near, 0);
    await until('the exception', () => uncaught.length === 1);
    expect(uncaught).toEqual([new TypeError('a mistake')]);
    expect(near.destroyed).toBe(true);
    // A socket that cannot be used is no mistake.
    state.onStart = () => {
      throw new SplicewayError('ERR_SPLICEWAY_SOCKET_UNUSABLE', 'it has left');
    };
    gate.take((await socketPair()).near, 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(uncaught).toHaveLength(1);
  });

  it('holds nobody back for a listener that cannot be paused', async () => {
    const listener = new Listener(
      { kind: 'tcp', host: '127.0.0.1', port: 0 },
      { onConnection: () => {}, onAcceptError: () => {} },
    );
    await listener.open();
    const { gate, state } = admission(Number.POSITIVE_INFINITY, [listener]);
    expect(gate.pause('cannot accept')).toBe(false);
    gate.take((await socketPair()).near, 0);
    expect(state.started).toHaveLength(1);
    expect(state.log).toEqual([]);
    listener.close();
  });

  it('tries again also when a listener could not be paused', async () => {
    const path = tempPath('gone.sock');
    const listener = new Listener(
      { kind: 'unix', path },
      { onConnection: () => {}, onAcceptError: () => {} },
      descriptors(),
    );
    await listener.open();
    rmSync(path);
    const { gate, state } = admission(Number.POSITIVE_INFINITY, [listener]);
    state.shortage = true;
    gate.take((await socketPair()).near, 0);
    state.shortage = false;
    await until('the client', () => state.started.length === 1);
    await until('the listeners to resume', () => state.log.at(-1) === 'resumed');
    gate.close();
    listener.close();
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
      descriptors(),
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

describe('a unix listener', () => {
  async function open(path: string) {
    const accepted: Socket[] = [];
    const listener = new Listener(
      { kind: 'unix', path },
      { onConnection: (socket) => accepted.push(guarded(socket)), onAcceptError: () => {} },
      descriptors(),
    );
    await listener.open();
    return { listener, accepted };
  }

  it('goes on accepting when it cannot be paused because its file was removed', async () => {
    const path = tempPath('removed.sock');
    const { listener, accepted } = await open(path);
    const second = tempPath('second.sock');
    linkSync(path, second);
    rmSync(path);
    expect(listener.pause()).toBe(false);
    await connect(second);
    await until('the client', () => accepted.length === 1);
    listener.close();
  });

  it('touches no other file of its folder when it pauses', async () => {
    const path = tempPath('mine.sock');
    writeFileSync(`${path}~`, 'precious');
    const { listener } = await open(path);
    expect(listener.pause()).toBe(true);
    expect(readFileSync(`${path}~`, 'utf8')).toBe('precious');
    expect(readdirSync(dirname(path)).sort()).toEqual(['mine.sock', 'mine.sock~']);
    listener.close();
    expect(existsSync(path)).toBe(false);
  });
});
