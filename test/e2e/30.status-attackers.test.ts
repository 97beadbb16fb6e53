/** Ten thousand clients of the status address who mean no good: nobody whom the command serves notices. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { ControlStatus } from '../../src/control/types.js';
import { tell } from '../helpers/attackers.js';
import { RunningCommand } from '../helpers/cli.js';
import { within } from '../helpers/deadline.js';
import { EventReader } from '../helpers/events.js';
import { echoed, openClient } from '../helpers/services.js';
import { get, placeOf, type Said } from '../helpers/status.js';
import { refused } from '../helpers/status-requests.js';
import { describeWhere } from '../helpers/where.js';
import { stopAfterwards } from './helpers/cleanup.js';
import type { CrowdRequest } from './helpers/crowd.js';
import { LoadProgram } from './helpers/load/load-program.js';
import { openFilesOf, residentBytes } from './helpers/process-usage.js';
import { engines } from './helpers/proxy.js';
import { waitUntil } from './helpers/wait.js';

const MIB = 1024 * 1024;

const openFilesNeeded = 12_000;
const [, openFiles = '0'] =
  readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+\S+\s+(\S+)/m) ?? [];
const enoughFiles = openFiles === 'unlimited' || Number(openFiles) >= openFilesNeeded;

/** Of all of them. The system has some try again seconds later, where the program is slow to take them. */
const ARRIVAL_MS = 200_000;

/** In one pass of the load: one after the other, eight at a time. */
const pass = { kind: 'in turn', sessions: 200, bytes: 20_000, concurrency: 8 } as const;

/** Resolves when all have come. They stay, and come again, until it is stopped. */
async function startCrowd(request: CrowdRequest): Promise<{ readonly stop: () => Promise<void> }> {
  const script = fileURLToPath(new URL('helpers/crowd.js', import.meta.url));
  const child: ChildProcess = fork(script, { stdio: 'inherit' });
  const ended = once(child, 'exit');
  const stop = async () => {
    if (child.connected) child.disconnect();
    await ended;
  };
  onTestFinished(stop);
  const come = once(child, 'message');
  child.send(request);
  const [{ come: count }] = (await within('all to come', come, ARRIVAL_MS)) as [{ come: number }];
  expect(count).toBe(request.silent + request.slow + request.deaf);
  return { stop };
}

/** Says something to a backend that echoes, all the time, in one session. */
async function startTalk(port: number): Promise<{ readonly stop: () => Promise<number> }> {
  const client = await openClient(port);
  let isOver = false;
  const talk = (async () => {
    let count = 0;
    for (; !isOver; count++)
      expect(await echoed(client, `message ${count}`)).toBe(`message ${count}`);
    client.end();
    return count;
  })();
  talk.catch(() => {});
  onTestFinished(() => void client.destroy());
  return {
    stop: () => {
      isOver = true;
      return talk;
    },
  };
}

describeWhere(
  enoughFiles ? undefined : `ulimit -n ${openFilesNeeded}`,
  'ten thousand attackers of the status address',
  () => {
    const keep = stopAfterwards();

    test.each(engines)(
      'are refused and bounded, and no session notices, with %s',
      async (engine) => {
        const load = keep(await LoadProgram.start());
        await using command = new RunningCommand([
          ...['--listen', '127.0.0.1:0', '--backend', load.address, '--engine', engine],
          ...['--threads', '2', '--control', 'off', '--status', '127.0.0.1:0'],
        ]);
        const port = await command.port();
        const place = await placeOf(command);
        const to = { host: '127.0.0.1', port: place.address.port };
        const healthy = () =>
          waitUntil(async () => (await get(place, '/healthz')).status === 200, {
            what: 'a probe to be answered',
          });
        /** Of a stream that is left at once. */
        const codeOfEvents = async () => {
          const reader = await EventReader.open(place);
          reader.close();
          return reader.answer.statusCode;
        };
        const descriptors = () => openFilesOf(command.pid).others;
        let sessions = 0;
        const runPass = async () => {
          const { verified, errors } = await load.run({ ...pass, port });
          expect(errors).toEqual([]);
          expect(verified).toBe(pass.sessions);
          sessions += verified;
        };

        // What is loaded and compiled is so once.
        const few = await startCrowd({ port: to.port, silent: 300, slow: 100, deaf: 100 });
        await runPass();
        await few.stop();
        await healthy();
        for (const path of ['/', '/metrics', '/api/v1/status']) await get(place, path);
        const idle = descriptors();
        const memory = residentBytes(command.pid);

        const most = { descriptors: 0, memory: 0 };
        let isOver = false;
        /** All the time, until it is over. */
        const always = (work: () => Promise<void>): Promise<void> => {
          const working = (async () => {
            while (!isOver) await work();
          })();
          // It is waited for at the end.
          working.catch(() => {});
          return working;
        };
        const looking = always(async () => {
          most.descriptors = Math.max(most.descriptors, descriptors());
          most.memory = Math.max(most.memory, residentBytes(command.pid));
          await delay(20);
        });
        const talk = await startTalk(port);
        const loading = always(runPass);
        const crowd = await startCrowd({ port: to.port, silent: 5000, slow: 3000, deaf: 2000 });
        // They hold what they can get, and come again. A probe gets through such a crowd.
        await healthy();
        const answers = async (path: string, more: Parameters<typeof get>[2] = {}): Promise<Said> =>
          waitUntil(() => get(place, path, more), { what: `an answer for ${path}` });
        const codeOf = async (...asked: Parameters<typeof answers>) =>
          (await answers(...asked)).status;
        expect(await codeOf('/healthz', { headers: { Host: 'evil.example' } })).toBe(421);
        expect(await codeOf('/metrics', { headers: { 'Sec-Fetch-Site': 'cross-site' } })).toBe(403);
        expect(await codeOf('/api/v1/status', { method: 'POST' })).toBe(405);
        expect(await codeOf('/%2e%2e/etc/passwd')).toBe(404);
        // The deaf have the places for events.
        await waitUntil(async () => (await codeOfEvents()) === 503, {
          what: 'no place for events',
        });
        for (const [what, bytes] of refused) {
          expect(await tell(to, bytes), what).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
        }
        await healthy();
        isOver = true;
        await Promise.all([loading, looking]);
        expect(await talk.stop()).toBeGreaterThan(0);
        // Those who are connected there, the sessions of the load, and some that are being closed.
        expect(most.descriptors - idle).toBeLessThan(24 + 100);
        expect((most.memory - memory) / MIB).toBeLessThan(96);

        await crowd.stop();
        await healthy();
        await waitUntil(async () => (await codeOfEvents()) === 200, { what: 'a place for events' });
        await waitUntil(() => descriptors() <= idle, { what: 'all descriptors to be given back' });
        const status = (await answers('/api/v1/status')).body as ControlStatus;
        expect(status.sessions).toEqual({ open: 0, opened: sessions + 1, failed: 0, rejected: 0 });
        expect(status.ends).toMatchObject([{ reason: 'finished', count: sessions + 1 }]);
        expect(command.stderr).not.toContain('"level":50');
        command.kill('SIGTERM');
        expect((await command.ended()).status).toBe(0);
      },
    );
  },
);
