/** Thousands of sessions at once and one after the other, and what the proxy holds during and after. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { describeWhere } from '../helpers/where.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { LoadProgram } from './helpers/load/load-program.js';
import { cpuShare, type OpenFiles, residentBytes } from './helpers/process-usage.js';
import { accepts, ProxyProcess } from './helpers/proxy.js';
import { waitUntil } from './helpers/wait.js';

const openFilesNeeded = 20_000;
const [, openFiles = '0'] =
  readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\S+)/m) ?? [];
const enoughFiles = openFiles === 'unlimited' || Number(openFiles) >= openFilesNeeded;

/** Connects and proves, by one byte there and back, that the session is through to the backend. */
async function openSession(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('x');
  await once(socket, 'data');
  return socket;
}

const sameFiles = (a: OpenFiles, b: OpenFiles): boolean =>
  a.others === b.others && a.pipes === b.pipes;

async function closeSession(socket: Socket): Promise<void> {
  const closed = once(socket, 'close');
  socket.end();
  socket.resume();
  await closed;
}

describeWhere(
  enoughFiles ? undefined : `ulimit -n ${openFilesNeeded}`,
  'many sessions, native engine',
  () => {
    describe.each(accepts)('%s accept', (accept) => {
      const keep = stopAfterwards();
      let load: LoadProgram;
      let proxy: ProxyProcess;
      let filesBefore: OpenFiles;

      /** Sessions end a moment after their clients see it, and pipes that nobody needs a little later. */
      const filesBackToBefore = () =>
        waitUntil(() => sameFiles(proxy.openFiles(), filesBefore), {
          what: 'open files of the proxy to be what they were before',
        }).catch((error: Error) => {
          const counts = [filesBefore, proxy.openFiles()].map((files) => JSON.stringify(files));
          throw new Error(`${error.message}: ${counts[0]} before, ${counts[1]} now`);
        });

      beforeAll(async () => {
        load = keep(await LoadProgram.start());
        proxy = keep(
          await ProxyProcess.start({
            engine: 'native',
            backends: [load],
            args: ['--accept', accept],
          }),
        );
        filesBefore = proxy.openFiles();
      });

      test('an idle session holds two sockets and no pipe', async () => {
        const socket = await openSession(proxy.port);
        const expected = { others: filesBefore.others + 2, pipes: filesBefore.pipes };
        await waitUntil(() => sameFiles(proxy.openFiles(), expected), {
          what: 'the session to hold two descriptors and no pipe',
        });
        await closeSession(socket);
        await filesBackToBefore();
      });

      test('4,000 sessions at once each echo 1 MiB, byte for byte', async () => {
        const sessions = 4000;
        const reply = await load.run({
          kind: 'together',
          port: proxy.port,
          sessions,
          bytes: 1024 * 1024,
        });
        expect(reply).toEqual({ verified: sessions, mostOpen: sessions, errors: [] });
        await filesBackToBefore();
      });

      /** The proxy rests: it takes what its figures and timers take, not what a loop that spins does. */
      const rests = async () => expect(await cpuShare(proxy.pid)).toBeLessThan(0.3);

      test('20,000 sessions leave nothing open, no memory taken and no core busy', async () => {
        const run = (sessions: number) =>
          load.run({ kind: 'in turn', port: proxy.port, sessions, bytes: 1000, concurrency: 50 });
        const sessions = 20_000;
        // The heap's reserve is filled by as many; what counts is growth from here on.
        await run(sessions);
        const before = residentBytes(proxy.pid);
        expect(await run(sessions)).toMatchObject({ verified: sessions, errors: [] });
        await filesBackToBefore();
        expect(residentBytes(proxy.pid) - before).toBeLessThan(40 * 1024 * 1024);
        await rests();
      });

      test('resets by the client, with bytes under way, leave nothing open and no core busy', async () => {
        const sockets = await Promise.all(
          Array.from({ length: 200 }, () => openSession(proxy.port)),
        );
        for (const socket of sockets) {
          socket.write(Buffer.alloc(256 * 1024));
          socket.resetAndDestroy();
        }
        await filesBackToBefore();
        await rests();
      });
    });
  },
);
