/** `spliceway set`, `add`, `remove` and `reset`: what they change, and what they refuse. */
import { describe, expect, it } from 'vitest';
import type { ControlBackend } from '../src/control/types.js';
import { closeOf } from './helpers/control.js';
import { type Balancer, startBalancer, untilTold } from './helpers/remote.js';
import { startEcho } from './helpers/servers.js';
import { ANY_PORT, openClient } from './helpers/services.js';

/** Pools `db` and `site`; the name `both` is in both. */
async function startTwoPools(): Promise<Balancer> {
  const [one, two, three] = await Promise.all(
    [1, 2, 3].map(async () => (await startEcho()).address),
  );
  return await startBalancer({
    config: {
      threads: 1,
      listeners: { sql: { address: ANY_PORT, pool: 'db' } },
      pools: {
        db: { backends: [{ name: 'db-1', address: one, weight: 2 }, `${two},name=both`] },
        site: { backends: [`${three},name=both`, 'unix:/run/nobody/web.sock'] },
      },
    },
  });
}

async function backendOf(balancer: Balancer, label: string): Promise<ControlBackend | undefined> {
  const { backends } = await balancer.client.status();
  return backends.find(({ pool, name }) => `${pool}/${name}` === label);
}

/** Runs a command that is refused as wrong usage. @returns what it says */
async function refusalOf(balancer: Balancer, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await balancer.run(...args);
  expect({ args, status, stdout }).toEqual({ args, status: 2, stdout: '' });
  return stderr;
}

describe('set', () => {
  it('changes each of what it knows, and takes it back', async () => {
    const balancer = await startTwoPools();
    const changes = [
      ['weight=7', 'weight=auto', { weight: 7, override: { weight: 7 } }],
      ['maxSessions=5', 'maxSessions=auto', { maxSessions: 5, override: { maxSessions: 5 } }],
      ['max-sessions=6', 'max-sessions=auto', { maxSessions: 6, override: { maxSessions: 6 } }],
      ['state=drain', 'state=ready', { state: 'drain', override: { state: 'drain' } }],
      ['state=maintenance', 'state=ready', { state: 'maintenance' }],
      ['health=down', 'health=auto', { health: { status: 'down' }, override: { health: 'down' } }],
      ['health=up', 'health=auto', { health: { status: 'up' }, override: { health: 'up' } }],
    ] as const;
    for (const [change, back, expected] of changes) {
      const { status, stdout, stderr } = await balancer.run('set', 'db/db-1', change);
      expect({ change, status, stderr }).toEqual({ change, status: 0, stderr: '' });
      expect(stdout).toMatch(/^changed db\/db-1 \(generation \d+\)\n$/);
      expect(await backendOf(balancer, 'db/db-1')).toMatchObject(expected);
      expect(await balancer.run('set', 'db/db-1', back)).toMatchObject({ status: 0, stderr: '' });
      const after = await backendOf(balancer, 'db/db-1');
      expect(after).toMatchObject({ weight: 2, state: 'ready', health: { status: 'up' } });
      expect(after).not.toHaveProperty('override');
      expect(after).not.toHaveProperty('maxSessions');
    }
  });

  it('changes several things in one step, as JSON where that is asked for', async () => {
    const balancer = await startTwoPools();
    const changes = ['weight=3', 'maxSessions=0', 'health=up', 'state=drain'];
    const { status, stdout } = await balancer.run('set', 'db/db-1', ...changes, '--json');
    expect(status).toBe(0);
    const { generation } = await balancer.client.status();
    const result = { added: [], removed: [], changed: ['db/db-1'], generation };
    expect(JSON.parse(stdout)).toEqual(result);
    expect(await backendOf(balancer, 'db/db-1')).toMatchObject({ weight: 3, state: 'drain' });
    // What is so already is no change.
    const again = await balancer.run('set', 'db/db-1', ...changes);
    expect(again).toMatchObject({
      status: 0,
      stdout: `nothing has changed (generation ${generation})\n`,
    });
  });

  it('takes a name alone where one pool has it, also that of a unix socket', async () => {
    const balancer = await startTwoPools();
    const one = await balancer.run('set', 'db-1', 'weight=9');
    expect(one.stdout).toContain('changed db/db-1 ');
    const unix = await balancer.run('set', 'unix:/run/nobody/web.sock', 'weight=9');
    expect(unix.stdout).toContain('changed site/unix:/run/nobody/web.sock ');
    const full = await balancer.run('set', 'site/unix:/run/nobody/web.sock', 'weight=8');
    expect(full.stdout).toContain('changed site/unix:/run/nobody/web.sock ');
    const both = await balancer.run('set', 'both', 'weight=9');
    expect(both).toMatchObject({ status: 1, stdout: '' });
    expect(both.stderr).toContain(
      'backend both: pools db, site have it; say which one, as in db/both',
    );
  });

  it('changes nothing where anything is mistyped, and says what is meant', async () => {
    const balancer = await startTwoPools();
    const { generation } = await balancer.client.status();
    const set = (...changes: string[]) => refusalOf(balancer, 'set', 'db/db-1', ...changes);
    expect(await set('weight=4', 'wieght=3')).toContain('did you mean "weight"?');
    expect(await set('colour=red')).toContain('write one of weight, state, maxSessions, health');
    expect(await set('weight')).toContain('weight has no value');
    expect(await set('weight=')).toContain('weight has no value');
    expect(await set('__proto__=1')).toContain('nothing that can be set');
    expect(await set('weight=0')).toContain('weight: "0" is no whole number from 1 on');
    expect(await set('weight=1001')).toContain('1000');
    expect(await set('weight=1.5')).toContain('no whole number');
    expect(await set('weight=4', 'maxSessions=-1')).toContain('maxSessions: "-1"');
    expect(await set('state=drained')).toContain('write ready, drain, maintenance');
    expect(await set('health=ok')).toContain('write up, down, auto');
    expect(await refusalOf(balancer, 'set', 'db/db-1')).toContain('changes');
    expect(await balancer.client.status()).toMatchObject({ generation });
    expect(await backendOf(balancer, 'db/db-1')).not.toHaveProperty('override');
  });

  it('of a backend that is not there says which there are', async () => {
    const balancer = await startTwoPools();
    const all = 'no pool has it; there is db/db-1, db/both, site/both';
    const mistakes = [
      ['db/db-11', 'did you mean "db-1"'],
      ['bd/db-1', 'has no pool bd; it has db, site'],
      ['db-11', all],
      ['db/', all],
      ['/db-1', all],
    ] as const;
    for (const [target, says] of mistakes) {
      const { status, stdout, stderr } = await balancer.run('set', target, 'weight=3');
      expect({ target, status, stdout }).toEqual({ target, status: 1, stdout: '' });
      expect(stderr).toContain(says);
    }
  });
});

describe('add and remove', () => {
  it('put a backend in, and take it out', async () => {
    const balancer = await startTwoPools();
    const { address } = await startEcho();
    const added = await balancer.run('add', 'db', `${address},name=db-3,weight=4`);
    expect(added).toMatchObject({ status: 0, stdout: 'added db/db-3 (generation 2)\n' });
    expect(await backendOf(balancer, 'db/db-3')).toMatchObject({ address, weight: 4 });
    const again = await balancer.run('add', 'db', `${address},name=db-3`);
    expect(again).toMatchObject({ status: 2, stdout: '' });
    expect(again.stderr).toContain('db-3');
    const removed = await balancer.run('remove', 'db/db-3', '--json');
    expect(JSON.parse(removed.stdout)).toMatchObject({ removed: ['db/db-3'], generation: 3 });
    await untilTold(balancer, 'it is gone', ({ backends }) =>
      backends.every(({ name }) => name !== 'db-3'),
    );
  });

  it('leave a pool its last backend', async () => {
    const balancer = await startTwoPools();
    expect((await balancer.run('remove', 'db/both')).status).toBe(0);
    const { status, stdout, stderr } = await balancer.run('remove', 'db/db-1');
    expect({ status: status === 0, stdout }).toEqual({ status: false, stdout: '' });
    expect(stderr).toMatch(/backend/);
    expect(await backendOf(balancer, 'db/db-1')).toMatchObject({ state: 'ready' });
  });

  it('end the sessions that are left after a time', async () => {
    const balancer = await startTwoPools();
    const clients = await Promise.all([1, 2].map(() => openClient(balancer.port)));
    expect(await refusalOf(balancer, 'remove', 'db/db-1', '--after', 'soon')).toMatch(
      /--after: .*soon/,
    );
    const ended = Promise.race(clients.map(closeOf));
    const { status, stdout } = await balancer.run('remove', 'db/db-1', '--after', '0');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'removed db/db-1 (generation 2)\n' });
    await ended;
  });

  it('refuse what is no backend, and a pool that is not there', async () => {
    const balancer = await startTwoPools();
    const wrong = ['x', '127.0.0.1:99999', '127.0.0.1:1,weight=0', '127.0.0.1:1,colour=red', ''];
    for (const backend of wrong) await refusalOf(balancer, 'add', 'db', backend);
    const other = await balancer.run('add', 'dbb', '127.0.0.1:1');
    expect(other).toMatchObject({ status: 1, stdout: '' });
    expect(other.stderr).toContain('has no pool dbb (did you mean "db"?)');
    expect(await balancer.client.status()).toMatchObject({ generation: 1 });
  });
});

describe('reset', () => {
  it('takes back what was set: of a backend, of a pool, or of all', async () => {
    const balancer = await startTwoPools();
    const labels = ['db/db-1', 'db/both', 'site/both'];
    const setAll = async () => {
      for (const label of labels) {
        const [pool = '', backend = ''] = label.split('/');
        await balancer.client.setBackend(pool, backend, { weight: 99, state: 'drain' });
      }
    };
    const left = async () => {
      const { backends } = await balancer.client.status();
      const isSet = backends.filter(({ override }) => override !== undefined);
      return isSet.map(({ pool, name }) => `${pool}/${name}`);
    };
    await setAll();
    expect((await balancer.run('reset', 'db/db-1')).stdout).toMatch(/^changed db\/db-1 \(gen/);
    expect(await left()).toEqual(['db/both', 'site/both']);
    await setAll();
    expect((await balancer.run('reset', 'db')).stdout).toMatch(/^changed db\/db-1, db\/both \(gen/);
    expect(await left()).toEqual(['site/both']);
    await setAll();
    // All is much: nobody is there who says that it is meant.
    expect(await refusalOf(balancer, 'reset')).toMatch(/3 backends would be taken back.*--yes/);
    expect(await left()).toEqual(labels);
    const all = await balancer.run('reset', '--yes');
    expect(all.stdout).toMatch(/^changed db\/db-1, db\/both, site\/both \(generation \d+\)\n$/);
    expect(await left()).toEqual([]);
    const none = await balancer.run('reset');
    expect(none.stdout).toMatch(/^nothing has changed \(generation \d+\)\n$/);
  });

  it('of what is not there says what there is', async () => {
    const balancer = await startTwoPools();
    const { status, stdout, stderr } = await balancer.run('reset', 'dbb');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('db/db-1');
  });
});
