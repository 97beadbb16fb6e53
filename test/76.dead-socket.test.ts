/** The file of a socket whose process died is removed, and never that of one that lives. */
import { once } from 'node:events';
import fs, { lstatSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net, { createServer, type Server } from 'node:net';
import { dirname } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SocketFile } from '../src/entrance/socket-file.js';
import { within } from './helpers/deadline.js';
import { connect } from './helpers/sockets.js';
import { deadPath, tempPath } from './helpers/temp.js';

async function listening(path: string): Promise<Server> {
  const server = createServer((client) => void client.end('hello'));
  onTestFinished(() => void server.close());
  await once(server.listen(path), 'listening');
  return server;
}

/** Puts a socket that listens in the place of the file. Both files exist for a moment, so they have not the same number. */
async function successorOf(path: string): Promise<() => bigint> {
  await listening(`${path}.new`);
  return () => {
    renameSync(`${path}.new`, path);
    return fileAt(path) ?? 0n;
  };
}

/** Runs it just before a file is renamed: in the moment that no process can rule out. */
function beforeNextRename(action: () => void): void {
  const rename = vi.spyOn(fs, 'renameSync');
  const restore = () => {
    rename.mockRestore();
    syncBuiltinESMExports();
  };
  rename.mockImplementation((from, to) => {
    restore();
    action();
    fs.renameSync(from, to);
  });
  onTestFinished(restore);
  syncBuiltinESMExports();
}

const fileAt = (path: string) => lstatSync(path, { bigint: true, throwIfNoEntry: false })?.ino;

describe('the file of a dead process', () => {
  it.each([false, true])('is removed, shared: %s', async (isShared) => {
    const path = await deadPath();
    await new SocketFile(path).prepare(isShared);
    expect(readdirSync(dirname(path))).toEqual([]);
  });

  it.each([false, true])('is not that of a socket yet to listen, shared: %s', async (isShared) => {
    const path = tempPath('bound.sock');
    // The way in which the primary process of a cluster binds for its workers.
    const { _createServerHandle: bind } = net as unknown as {
      _createServerHandle(
        path: string,
        port: -1,
        type: -1,
      ): { close(): void; listen(backlog: number): number };
    };
    const handle = bind(path, -1, -1);
    onTestFinished(() => handle.close());
    const file = fileAt(path);
    await new SocketFile(path).prepare(isShared);
    expect(fileAt(path)).toBe(file);
    const prepared = new SocketFile(path).prepare(isShared);
    handle.listen(1);
    await prepared;
    expect(fileAt(path)).toBe(file);
  });

  it('is not what took its place after it was found dead', async () => {
    const path = await deadPath();
    const succeed = await successorOf(path);
    const prepared = new SocketFile(path).prepare();
    const successor = succeed();
    await prepared;
    expect(fileAt(path)).toBe(successor);
  });

  it('is not what took its place at the last moment, which comes back', async () => {
    const path = await deadPath();
    const succeed = await successorOf(path);
    let successor = 0n;
    beforeNextRename(() => {
      successor = succeed();
    });
    await new SocketFile(path).prepare();
    expect(successor).not.toBe(0n);
    expect(fileAt(path)).toBe(successor);
    expect(readdirSync(dirname(path))).toEqual(['dead.sock']);
  });

  it('may be gone at the last moment', async () => {
    const path = await deadPath();
    beforeNextRename(() => rmSync(path));
    await new SocketFile(path).prepare();
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});

it('is not probed where workers share it: one that lives', async () => {
  const path = tempPath('live.sock');
  const server = await listening(path);
  let clients = 0;
  server.on('connection', () => {
    clients += 1;
  });
  await new SocketFile(path).prepare(true);
  // The kernel's queue keeps the order: a probe would have come before.
  await within('the answer', once(await connect(path), 'data'));
  expect(clients).toBe(1);
});
