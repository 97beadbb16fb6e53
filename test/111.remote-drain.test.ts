/** `spliceway drain`: how it waits, and what ends that. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { closeOf } from './helpers/control.js';
import { within } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { type Balancer, startBalancer, untilTold } from './helpers/remote.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, echoed, openClient } from './helpers/services.js';

/** With some sessions at `db-1`, the only backend that is picked. */
async function startWith(sessions: number, more: object = {}) {
  const [one, two] = await Promise.all([startEcho(), startEcho()]);
  const balancer = await startBalancer({
    config: {
      ...{ threads: 1, ...more },
      listeners: { sql: { address: ANY_PORT, pool: 'db' } },
      pools: {
        db: {
          policy: 'first',
          backends: [`${one.address},name=db-1`, `${two.address},name=db-2`],
        },
      },
    },
  });
  const opened = Array.from({ length: sessions }, () => openClient(balancer.port));
  return { balancer, clients: await Promise.all(opened) };
}

const untilDrained = (balancer: Balancer) =>
  untilTold(balancer, 'the drain', ({ backends }) => backends[0]?.state === 'drain');

const untilLeft = (balancer: Balancer, count: number) =>
  untilTold(balancer, `${count} sessions left`, ({ backends }) => backends[0]?.open === count);

const end = (clients: readonly Socket[]) => Promise.all(clients.map((client) => client.destroy()));

const CALLED_OFF =
  'the drain of db/db-1 was called off: it is ready again, or the balancer stops\n';
const GOES_ON = 'spliceway set db/db-1 state=ready sends it some again';

describe.each(engines)('drain with %s', (engine) => {
  it('answers at once, and with --wait when the last session has left', async () => {
    const { balancer, clients } = await startWith(2, { engine });
    const begun = await balancer.run('drain', 'db/db-1');
    expect(begun).toMatchObject({
      ...{ status: 0, stderr: '' },
      stdout: `db/db-1 gets no new sessions, and has 2 sessions left; ${GOES_ON}\n`,
    });
    const waiting = balancer.start('drain', 'db-1', '--wait');
    const other = balancer.start('drain', 'db/db-1', '--wait', '--json');
    // Both wait, and are not only on their way.
    await balancer.command.waitFor(
      'stderr',
      /(POST \/v1\/pools\/db\/backends\/db-1\/drain [^\n]*\n.*){3}/s,
    );
    const elsewhere = await openClient(balancer.port);
    const [first, ...rest] = clients;
    first?.destroy();
    await untilLeft(balancer, 1);
    expect([waiting.stdout, other.stdout]).toEqual(['', '']);
    await end(rest);
    expect(await waiting.ended()).toMatchObject({
      ...{ status: 0, stderr: '', stdout: 'db/db-1 is empty\n' },
    });
    const { status, stdout } = await other.ended();
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ drain: { isEmpty: true, cut: 0, reason: 'empty' } });
    expect(await echoed(elsewhere, 'hello')).toBe('hello');
    // Of an empty one there is nothing to wait for.
    const again = await balancer.run('drain', 'db/db-1', '--wait');
    expect(again).toMatchObject({ status: 0, stdout: 'db/db-1 is empty\n' });
  });

  it('ends the sessions that are left, after a time or at once', async () => {
    const { balancer, clients } = await startWith(3, { engine });
    const { status, stdout } = await balancer.run('drain', 'db/db-1', '--after', '0', '--wait');
    expect({ status, stdout }).toEqual({
      ...{ status: 0, stdout: 'db/db-1 is empty (3 sessions had to be ended)\n' },
    });
    await within('all ends', Promise.all(clients.map(closeOf)));
  });
});

describe('drain', () => {
  it('waits no longer than it may, and says that some are left', async () => {
    const { balancer, clients } = await startWith(1);
    const { status, stdout, stderr } = await balancer.run('drain', 'db/db-1', '--wait', '500ms');
    expect({ status, stderr, stdout }).toEqual({
      ...{ status: 1, stderr: '' },
      stdout: 'db/db-1 still has sessions; it gets no new ones, and the drain goes on\n',
    });
    const json = await balancer.run('drain', 'db/db-1', '--wait=1ms', '--json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout).drain).toMatchObject({ isEmpty: false, reason: 'timeout' });
    expect(clients.map(({ closed }) => closed)).toEqual([false]);
  });

  it('ends no session that the pool would end with a backend that is removed', async () => {
    const [one, two] = await Promise.all([startEcho(), startEcho()]);
    const balancer = await startBalancer({
      config: {
        listeners: { sql: { address: ANY_PORT, pool: 'db' } },
        pools: {
          db: {
            ...{ policy: 'first', onRemove: 'close' },
            backends: [`${one.address},name=db-1`, `${two.address},name=db-2`],
          },
        },
      },
    });
    const client = await openClient(balancer.port);
    expect((await balancer.run('drain', 'db/db-1')).stdout).toContain('has 1 session left');
    expect((await balancer.run('set', 'db/db-1', 'state=maintenance')).status).toBe(0);
    expect(await echoed(client, 'hello')).toBe('hello');
    expect((await balancer.run('drain', 'db/db-1', '--after', '0', '--wait')).status).toBe(0);
    await closeOf(client);
  });

  it('takes its target also behind --wait', async () => {
    const { balancer } = await startWith(0);
    const { status, stdout } = await balancer.run('drain', '--wait', 'db/db-1');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'db/db-1 is empty\n' });
    const none = await balancer.run('drain', '--wait');
    expect(none).toMatchObject({ status: 2, stdout: '' });
    expect(none.stderr).toContain('which backend?');
  });

  it('ends when it is called off meanwhile, for all who wait', async () => {
    const { balancer } = await startWith(1);
    const waiting = [1, 2].map(() => balancer.start('drain', 'db/db-1', '--wait'));
    // Both have begun it, or joined it.
    await balancer.command.waitFor(
      'stderr',
      /(POST \/v1\/pools\/db\/backends\/db-1\/drain [^\n]*\n.*){2}/s,
    );
    expect((await balancer.run('set', 'db/db-1', 'state=ready')).status).toBe(0);
    for (const one of waiting) {
      expect(await one.ended()).toMatchObject({
        ...{ status: 1, stderr: '', stdout: CALLED_OFF },
      });
    }
  });

  it('whose waiting is interrupted goes on', async () => {
    const { balancer, clients } = await startWith(1);
    const waiting = balancer.start('drain', 'db/db-1', '--wait');
    await untilDrained(balancer);
    waiting.kill('SIGINT');
    expect(await waiting.ended()).toMatchObject({ signal: 'SIGINT', stdout: '', stderr: '' });
    const { backends } = await balancer.client.status();
    expect(backends[0]).toMatchObject({ state: 'drain', open: 1 });
    await end(clients);
    expect(await balancer.run('drain', 'db/db-1', '--wait')).toMatchObject({ status: 0 });
  });

  it('refuses times that are none, before anything is drained', async () => {
    const { balancer } = await startWith(0);
    for (const flag of ['--wait=soon', '--after=soon', '--wait=5', '--after=-1s']) {
      const { status, stdout, stderr } = await balancer.run('drain', 'db/db-1', flag);
      expect({ flag, status, stdout }).toEqual({ flag, status: 2, stdout: '' });
      expect(stderr).toContain(`${flag.split('=')[0]}: `);
    }
    const { backends } = await balancer.client.status();
    expect(backends.map(({ state }) => state)).toEqual(['ready', 'ready']);
  });
});
