/** Names with addresses of both families of IP: a slow one has a rival, and the first that answers is used (RFC 8305). */
import { Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WENT_ON } from '../src/errors/messages.js';
import { Backend, type Lookup } from '../src/pool/backend.js';
import { until } from './helpers/deadline.js';
import {
  exhaustDescriptors,
  limitOpenFiles,
  openDescriptors,
  untilBackTo,
} from './helpers/descriptors.js';
import { type Way, ways } from './helpers/engines.js';
import { isAsked } from './helpers/kernel.js';
import { ipv6 } from './helpers/machine.js';
import { askInTurn, portOf, startProxy } from './helpers/proxies.js';
import { startLate, startNamed, startServer } from './helpers/servers.js';
import { connect, reset } from './helpers/sockets.js';
import { describeWhere } from './helpers/where.js';

const IPV6 = '::1';
/** Its own, so that a port that is free there is free here. */
const IPV4 = '127.9.9.9';
const OTHER_IPV4 = '127.9.9.10';

async function startAt(host: string, port: number, name: string) {
  return await startServer((socket) => socket.resume().end(name), { listen: { host, port } });
}

/**
 * A proxy for a name that has these addresses, in this order; and what it learns of them.
 *
 * @param more of the backend, and other backends
 * @param isHeard somebody who listens is told of each session; else the loops join the news of one backend
 */
async function startRace(
  way: Way,
  {
    port,
    hosts = [IPV6, IPV4],
    more = '',
    others = [] as string[],
    connectTimeout = '0s',
    isHeard = true,
  }: {
    port: number;
    hosts?: readonly string[];
    more?: string;
    others?: string[];
    connectTimeout?: string;
    isHeard?: boolean;
  },
) {
  const lookup: Lookup = async () =>
    hosts.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  const backends = [`db.test:${port}${more}`, ...others];
  // Clients that only listen wait here for longer than they may otherwise.
  const options = { backends, connectTimeout, resolveEvery: 0, abortOnClose: false };
  const proxy = await startProxy(way, options, { lookup });
  const errors: string[] = [];
  if (isHeard) proxy.on('session', () => {});
  const warnings: string[] = [];
  // A machine that stands still for a moment is no matter of a race.
  proxy.on('warning', (message) => message !== WENT_ON && warnings.push(message));
  proxy.on('backendError', ({ error }) => errors.push(`${error.address} ${error.systemCode}`));
  const demote = vi.spyOn(Backend.prototype, 'demote');
  onTestFinished(() => demote.mockRestore());
  const demoted = () => demote.mock.calls.map(([to]) => (to.kind === 'tcp' ? to.ip : to.path));
  const failed = () => proxy.stats().backends.map((backend) => backend.failed);
  return { proxy, errors, warnings, demoted, failed };
}

describeWhere(ipv6, 'a race', () => {
  describe.each(ways)('with %s', (way) => {
    it.each([
      ['told of each session', true],
      ['told of none', false],
    ])(
      'costs the first client of a family that never answers a moment, and no other one; %s',
      async (_, isHeard) => {
        const { port } = await startLate(IPV6);
        await startAt(IPV4, port, 'four');
        const before = openDescriptors();
        const { proxy, errors, demoted, failed } = await startRace(way, { port, isHeard });
        expect(await askInTurn(proxy, 1)).toBe('four');
        await until('the news', () => demoted().length > 0);
        expect(await askInTurn(proxy, 3)).toBe('fourfourfour');
        expect(demoted()).toEqual([IPV6]);
        expect(errors).toEqual([]);
        expect(failed()).toEqual([0]);
        await proxy.close();
        await untilBackTo(before);
      },
    );

    it('is won by the older one, where that answers first', async () => {
      const late = await startLate(IPV6);
      const { port } = late;
      await startLate(IPV4, port);
      const { proxy, errors, warnings, demoted } = await startRace(way, { port });
      const answers = askInTurn(proxy, 2);
      await until('two attempts', () => isAsked(port, 6) && isAsked(port, 4));
      await late.accept();
      expect(await answers).toBe('latelate');
      expect(isAsked(port, 4)).toBe(false);
      expect(demoted()).toEqual([]);
      expect(warnings).toEqual([]);
      expect(errors).toEqual([]);
    });

    it('goes on with the older one, where its rival refuses', async () => {
      const late = await startLate(IPV6);
      const { port } = late;
      const { proxy, errors, demoted, failed } = await startRace(way, { port });
      const answer = askInTurn(proxy, 1);
      await until('the failure', () => errors.length > 0);
      await late.accept();
      expect(await answer).toBe('late');
      expect(errors).toEqual([`${IPV4}:${port} ECONNREFUSED`]);
      expect(demoted()).toEqual([IPV4]);
      expect(failed()).toEqual([0]);
    });

    it('is run anew, beside the one that goes on, where the other fails', async () => {
      const first = await startLate(IPV4);
      const { port } = first;
      await startLate(IPV6, port);
      await startAt(OTHER_IPV4, port, 'four');
      const { proxy, errors, demoted, failed } = await startRace(way, {
        port,
        hosts: [IPV4, OTHER_IPV4, IPV6],
      });
      const answer = askInTurn(proxy, 1);
      await until('two attempts', () => isAsked(port, 6) && isAsked(port, 4));
      await first.close();
      expect(await answer).toBe('four');
      expect(errors).toEqual([`${IPV4}:${port} ECONNREFUSED`]);
      await until('the news', () => demoted().length > 1);
      expect(demoted()).toEqual([IPV4, IPV6]);
      expect(failed()).toEqual([0]);
    });

    it('goes on with the rival alone, where the older one fails', async () => {
      const older = await startLate(IPV6);
      const { port } = older;
      const rival = await startLate(IPV4, port);
      const { proxy, errors, demoted, failed } = await startRace(way, { port });
      const answer = askInTurn(proxy, 1);
      await until('two attempts', () => isAsked(port, 6) && isAsked(port, 4));
      await older.close();
      await until('the failure', () => errors.length > 0);
      await rival.accept();
      expect(await answer).toBe('late');
      expect(errors).toEqual([`[${IPV6}]:${port} ECONNREFUSED`]);
      expect(demoted()).toEqual([IPV6]);
      expect(failed()).toEqual([0]);
    });

    it('is lost by both, where neither answers in its own time', async () => {
      const { port } = await startLate(IPV6);
      await startLate(IPV4, port);
      const other = await startNamed('other');
      const { proxy, errors, failed } = await startRace(way, {
        port,
        connectTimeout: '600ms',
        others: [other.address],
      });
      expect(await askInTurn(proxy, 1)).toBe('other');
      expect(errors).toEqual([`[${IPV6}]:${port} ETIMEDOUT`, `${IPV4}:${port} ETIMEDOUT`]);
      expect(failed()).toEqual([1, 0]);
    });

    it('ends with its client', async () => {
      const { port } = await startLate(IPV6);
      await startLate(IPV4, port);
      const { proxy, errors } = await startRace(way, { port });
      const before = openDescriptors();
      const client = await connect(portOf(proxy));
      await until('two attempts', () => isAsked(port, 6) && isAsked(port, 4));
      reset(client);
      await until('no attempt', () => !isAsked(port, 6) && !isAsked(port, 4));
      await untilBackTo(before);
      expect(errors).toEqual([]);
    });

    it('is not run among addresses of one family', async () => {
      const late = await startLate();
      const { port } = late;
      const second = await startAt(IPV4, port, 'second');
      const { proxy } = await startRace(way, { port, hosts: ['127.0.0.1', IPV4] });
      const answer = askInTurn(proxy, 1);
      // Its next SYN comes a second after the first.
      await until('the attempt', () => isAsked(port));
      await late.accept();
      expect(await answer).toBe('late');
      expect(second.sockets).toHaveLength(0);
    });

    it('leaves addresses that are used in turn their turns', async () => {
      const { port } = await startLate(IPV6);
      await startAt(IPV4, port, 'four');
      const { proxy, demoted, warnings } = await startRace(way, { port, more: ',addresses=all' });
      for (const outrun of [1, 1, 2, 2]) {
        expect(await askInTurn(proxy, 1)).toBe('four');
        await until('the news', () => demoted().length === outrun);
      }
      // Once, however often it happens.
      expect(warnings).toEqual([
        expect.stringContaining(
          `backend db.test:${port} has an address that was silent for a quarter of a second, [${IPV6}]:${port},`,
        ),
      ]);
    });

    it.each(['0s', '60s'])(
      'is run for each of the addresses that are used in turn, with connectTimeout %s',
      async (connectTimeout) => {
        const { port } = await startLate(IPV4);
        await startLate(OTHER_IPV4, port);
        await startAt(IPV6, port, 'six');
        const { proxy, errors } = await startRace(way, {
          port,
          hosts: [IPV4, OTHER_IPV4, IPV6],
          more: ',addresses=all',
          connectTimeout,
        });
        expect(await askInTurn(proxy, 3)).toBe('sixsixsix');
        expect(errors).toEqual([]);
      },
    );
  });
});

const { connect: original } = Socket.prototype;

/** Hosts to which Node connects from now on; and something to do when it has begun to. */
function watchConnects(onConnecting: Readonly<Record<string, () => void>> = {}) {
  const connects: { host: string | undefined; socket: Socket }[] = [];
  const spy = vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (
    this: Socket,
    ...args: unknown[]
  ) {
    const { host = '' } = args[0] as { host?: string };
    connects.push({ host, socket: this });
    // Before any timer that was started with it: those come to a decision in immediates, too.
    setImmediate(() => onConnecting[host]?.());
    return original.apply(this, args as Parameters<typeof original>);
  });
  onTestFinished(() => spy.mockRestore());
  return connects;
}

// Of those that native does in C++, test/native/race_test.cc has the same.
describeWhere(ipv6, 'the rival', () => {
  describe.each(ways.filter((way) => way === 'stream'))('with %s', (way) => {
    it('that cannot begin for want of a descriptor is none', async () => {
      const late = await startLate(IPV6);
      const { port } = late;
      // It is tried again, and is silent then.
      await startLate(IPV4, port);
      const { proxy, errors, demoted, failed } = await startRace(way, { port });
      limitOpenFiles(openDescriptors().total + 100);
      let giveBack = () => {};
      const connects = watchConnects({
        [IPV6]: () => {
          giveBack = exhaustDescriptors();
        },
      });
      const answer = askInTurn(proxy, 1);
      const rival = () => connects.find(({ host }) => host === IPV4)?.socket.errored;
      await until('the rival', () => rival() instanceof Error);
      giveBack();
      expect(rival()).toMatchObject({ code: 'EMFILE' });
      await late.accept();
      expect(await answer).toBe('late');
      expect(errors).toEqual([]);
      expect(demoted()).toEqual([]);
      expect(failed()).toEqual([0]);
    });

    it('is not begun where an answer waits, however late the process looks', async () => {
      const late = await startLate(IPV6);
      const { port } = late;
      const { proxy } = await startRace(way, { port });
      const connects = watchConnects({ [IPV6]: () => late.acceptMeanwhile() });
      expect(await askInTurn(proxy, 1)).toBe('late');
      expect(connects.map(({ host }) => host)).not.toContain(IPV4);
    });
  });
});
