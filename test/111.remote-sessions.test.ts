/** `spliceway sessions` and `spliceway kill`: who is connected, and ending that. */
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { ControlSession } from '../src/control/types.js';
import { closeOf } from './helpers/control.js';
import { engines } from './helpers/engines.js';
import { type Balancer, startBalancer, untilTold } from './helpers/remote.js';
import { startEcho, startServer } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';
import { connect } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

type RatedSession = ControlSession & { readonly bytesPerSecond?: number };

/** Two pools of echoes, and a listener on a unix socket. */
async function startEchoes(more: object = {}) {
  const unix = tempPath('web.sock');
  const [one, two] = await Promise.all([startEcho(), startEcho()]);
  const balancer = await startBalancer({
    config: {
      threads: 1,
      ...more,
      listeners: {
        sql: { address: ANY_PORT, pool: 'db' },
        web: { address: `unix:${unix}`, pool: 'site' },
      },
      pools: {
        db: { backends: [{ name: 'db-1', address: one.address }] },
        site: { backends: [{ name: 'web-1', address: two.address }] },
      },
    },
  });
  return { balancer, unix };
}

const portOf = (client: Socket) => (client.address() as AddressInfo).port;

async function openUnix(path: string) {
  const client = await connect(path);
  expect(await echoed(client, 'hi')).toBe('hi');
  return client;
}

/** What a run of `sessions` lists, without the titles and the count; and its last line. */
async function listed(balancer: Balancer, ...flags: string[]) {
  const { status, stdout, stderr } = await balancer.run('sessions', ...flags);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  return { lines: lines.slice(1, -1), last: lines.at(-1) };
}

async function told(balancer: Balancer, ...flags: string[]): Promise<readonly RatedSession[]> {
  const { stdout } = await balancer.run('sessions', '--json', ...flags);
  return JSON.parse(stdout).sessions;
}

describe.each(engines)('sessions with %s', (engine) => {
  it('are those of a filter or all, also those of unix sockets', async () => {
    const { balancer, unix } = await startEchoes({ engine });
    const client = await openClient(balancer.port);
    await openUnix(unix);
    await untilTold(balancer, 'seven bytes', ({ bytes }) => bytes.downstream === 7);
    const all = await listed(balancer);
    expect(all.last).toBe('2 sessions');
    const [address, port] = ['127.0.0.1', portOf(client)];
    const ofSql = new RegExp(
      `^\\S+  +${address}:${port}  +sql  +db/db-1 +\\S+  +\\d+s  +\\d+s  +5 B  +5 B  +0 B/s$`,
    );
    expect(all.lines).toEqual(
      expect.arrayContaining([
        expect.stringMatching(ofSql),
        expect.stringMatching(/^\S+ {2,}unix {2,}web {2,}site\/web-1 .* 2 B {2,}2 B {2,}0 B\/s$/),
      ]),
    );
    const filters = [
      ['--pool', 'db'],
      ['--backend', 'db-1'],
      ['--client', address],
      ['--client', '127.0.0.0/8'],
      ['--listener', 'sql'],
      ['--pool=db', '--backend=db-1', '--listener=sql'],
    ];
    for (const filter of filters) {
      const { lines, last } = await listed(balancer, ...filter);
      expect({ filter, lines, last }).toEqual({
        ...{ filter, last: '1 session' },
        lines: [expect.stringMatching(ofSql)],
      });
    }
    expect((await listed(balancer, '--backend', 'db/db-1')).last).toBe('1 session');
  });

  it('are ended by kill: by their ids, or all of a filter', async () => {
    const { balancer, unix } = await startEchoes({ engine });
    const clients = await Promise.all([1, 2, 3].map(() => openClient(balancer.port)));
    const other = await openUnix(unix);
    const sessions = await told(balancer, '--pool', 'db');
    const [port = 0] = clients.slice(1, 2).map(portOf);
    const id = sessions.find((session) => session.client.port === port)?.id ?? '';
    const one = await balancer.run('kill', id, '--yes');
    expect(one).toMatchObject({ status: 0, stdout: '1 session ended\n', stderr: '' });
    await Promise.all(clients.slice(1, 2).map(closeOf));
    expect(clients.map(({ closed }) => closed)).toEqual([false, true, false]);
    const rest = await balancer.run('kill', '--backend', 'db-1', '-y', '--json');
    expect(rest).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(rest.stdout)).toEqual({ ended: 2, missing: 0 });
    await Promise.all(clients.map(closeOf));
    expect(await echoed(other, 'still there')).toBe('still there');
  });
});

describe('sessions', () => {
  it('have a rate, of the second in which they were looked at', async () => {
    const { balancer } = await startEchoes();
    const client = await openClient(balancer.port);
    await openClient(balancer.port);
    const looking = balancer.start('sessions', '--json');
    let isOver = false;
    const talk = async () => {
      while (!isOver) await echoed(client, 'x'.repeat(10_000));
    };
    const [{ stdout }] = await Promise.all([
      looking.ended().finally(() => {
        isOver = true;
      }),
      talk(),
    ]);
    const rates = (JSON.parse(stdout).sessions as RatedSession[]).map(
      ({ bytesPerSecond }) => bytesPerSecond,
    );
    expect(rates.sort((a = 0, b = 0) => a - b)).toEqual([0, expect.any(Number)]);
    expect(rates[1]).toBeGreaterThan(0);
  });

  it('that have moved most come first with --top, and the others are counted', async () => {
    const { balancer } = await startEchoes();
    const clients = await Promise.all([1, 2, 3].map(() => openClient(balancer.port)));
    const [first, second] = clients;
    if (first === undefined || second === undefined) throw new Error('no clients');
    await echoed(first, 'x'.repeat(1000));
    await echoed(second, 'x'.repeat(2000));
    await untilTold(balancer, 'all bytes', ({ bytes }) => bytes.downstream === 3015);
    const { lines, last } = await listed(balancer, '--top', '2');
    expect(last).toBe('3 sessions, of which 2 are shown');
    const ports = [second, first].map(portOf);
    expect(lines.map((line) => line.match(/127\.0\.0\.1:(\d+)/)?.[1])).toEqual(ports.map(String));
    for (const top of ['0', 'x', '-1', '1.5', '']) {
      const refused = await balancer.run('sessions', `--top=${top}`);
      expect(refused).toMatchObject({ status: 2, stdout: '' });
      expect(refused.stderr).toMatch(/--top: .* is no whole number from 1 on/);
    }
  });

  it('of whom there are none are a line', async () => {
    const { balancer } = await startEchoes();
    expect(await balancer.run('sessions')).toMatchObject({ status: 0, stdout: '0 sessions\n' });
    const { stdout } = await balancer.run('sessions', '--json');
    expect(JSON.parse(stdout)).toEqual({ count: 0, sessions: [] });
  });

  it('of a client that waits for its backend are there too', async () => {
    // Accepts at once, and answers never: nothing of the session is known to JavaScript.
    const silent = await startServer();
    const balancer = await startBalancer({
      flags: ['--listen', ANY_PORT, '--backend', silent.address, '--threads', '1'],
    });
    const clients = await Promise.all(Array.from({ length: 20 }, () => connect(balancer.port)));
    await untilTold(balancer, 'all clients', ({ sessions }) => sessions.open === clients.length);
    const found = await told(balancer);
    expect(new Set(found.map(({ client }) => client.port))).toEqual(new Set(clients.map(portOf)));
  });

  it.each([
    [['--client', 'nonsense'], /client/],
    [['--client', '10.0.0.0/99'], /client/],
    [['--pool', 'bd'], /there is no pool bd; there is db, site/],
    [['--backend', 'site/db-1'], /there is no backend db-1; there is web-1/],
    [['--pool', 'site', '--backend', 'db/db-1'], /of another pool/],
    [['--listener', 'nobody'], /there is no listener nobody; there is sql/],
    [['--pool', ''], /--pool is empty/],
  ])('are not listed by a wrong filter: %j', async (flags, what) => {
    const { balancer } = await startEchoes();
    const refused = await balancer.run('sessions', ...flags);
    expect(refused).toMatchObject({ status: 2, stdout: '' });
    expect(refused.stderr).toMatch(what);
  });
});

describe('kill', () => {
  it('ends nothing without a yes, where there is nobody to be asked', async () => {
    const { balancer } = await startEchoes();
    const client = await openClient(balancer.port);
    const [session] = await told(balancer);
    for (const which of [['--pool', 'db'], [session?.id ?? '']]) {
      const refused = await balancer.run('kill', ...which);
      expect(refused).toMatchObject({ status: 2, stdout: '' });
      expect(refused.stderr).toMatch(
        /^spliceway: 1 session of edge \(1 at db\/db-1\) would end, .* say --yes/,
      );
    }
    expect(await echoed(client, 'hello')).toBe('hello');
  });

  it('wants to know who is meant, in one way', async () => {
    const { balancer } = await startEchoes();
    const client = await openClient(balancer.port);
    const none = await balancer.run('kill', '--yes');
    expect(none).toMatchObject({ status: 2, stdout: '' });
    expect(none.stderr).toContain('which sessions are to end?');
    const both = await balancer.run('kill', '1-1', '--pool', 'db', '--yes');
    expect(both).toMatchObject({ status: 2, stdout: '' });
    expect(both.stderr).toContain('and not both');
    expect(await echoed(client, 'hello')).toBe('hello');
  });

  it('of nobody is done', async () => {
    const { balancer } = await startEchoes();
    const client = await openClient(balancer.port);
    const none = await balancer.run('kill', '--pool', 'site');
    expect(none).toMatchObject({ status: 0, stdout: 'no session is meant\n', stderr: '' });
    const json = await balancer.run('kill', '--pool', 'site', '--json');
    expect(JSON.parse(json.stdout)).toEqual({ ended: 0, missing: 0 });
    const [{ id } = { id: '' }] = await told(balancer);
    expect((await balancer.run('kill', id, '-y')).stdout).toBe('1 session ended\n');
    await closeOf(client);
    // Who has left meanwhile is not there to be ended.
    const stays = await openClient(balancer.port);
    const [{ id: other } = { id: '' }] = await told(balancer);
    const gone = await balancer.run('kill', id, 'nonsense', other, other, '-y');
    expect(gone).toMatchObject({
      status: 1,
      stdout: '1 session ended; 2 of those named had left, or never was there\n',
    });
    await closeOf(stays);
  });
});
