/** `spliceway status`: what it prints of a balancer that runs, and how it ends. */
import { renameSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { engines } from './helpers/engines.js';
import { cellsOf, NAME, startBalancer, untilTold } from './helpers/remote.js';
import { refusedAddress, startEcho } from './helpers/servers.js';
import { ANY_PORT, openClient } from './helpers/services.js';

const twoBackends = async () => ({
  threads: 1,
  listeners: { sql: { address: ANY_PORT, pool: 'db' } },
  pools: {
    db: {
      backends: [
        { name: 'db-1', address: (await startEcho()).address, weight: 2 },
        { name: 'db-2', address: (await startEcho()).address, maxSessions: 1000 },
      ],
    },
  },
});

it('a status of thousands of backends is printed to its end, also into a pipe', async () => {
  const port = (index: number) => 10_000 + index;
  const backends = Array.from({ length: 2000 }, (_, index) => `127.0.0.1:${port(index)}`);
  const balancer = await startBalancer({
    config: {
      ...{ threads: 1, listeners: { sql: { address: ANY_PORT, pool: 'db' } } },
      pools: { db: { backends } },
    },
  });
  const { stdout } = await balancer.run('status', '--json');
  expect(JSON.parse(stdout).backends).toHaveLength(2000);
  expect((await balancer.run('status')).stdout).toContain(`db/127.0.0.1:${port(1999)} `);
  expect((await balancer.run('config')).stdout).toMatch(/:11999\n$/);
});

describe.each(engines)('status with %s', (engine) => {
  it('says that the balancer stops, while its last sessions go on', async () => {
    const balancer = await startBalancer({ config: { ...(await twoBackends()), engine } });
    const client = await openClient(balancer.port);
    balancer.command.kill('SIGTERM');
    await untilTold(balancer, 'the stop', ({ isStopping }) => isStopping);
    const { status, stdout } = await balancer.run('status');
    expect(status).toBe(1);
    expect(stdout).toContain('\nit stops, and takes no more clients\n');
    expect(cellsOf(stdout, 'LISTENER').get('sql')?.[1]).toBe('closed');
    client.destroy();
  });

  it('is a table for people, and JSON for programs, of what runs and of what it has done', async () => {
    const config = { ...(await twoBackends()), engine };
    const balancer = await startBalancer({ config });
    await openClient(balancer.port);
    await untilTold(balancer, 'five bytes', ({ bytes }) => bytes.downstream === 5);
    const { status, stdout, stderr } = await balancer.run('status');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      new RegExp(
        `^${NAME}: spliceway \\S+, ${engine} engine, process ${balancer.command.pid}, up \\d+s, generation 1\n` +
          'sessions: 1 open, 1 since the start; 5 B in, 5 B out\n',
      ),
    );
    expect(stdout).toContain(`${balancer.file} is what runs\n`);
    const listeners = cellsOf(stdout, 'LISTENER');
    const address = `127.0.0.1:${balancer.port}`;
    expect(listeners.get('sql')).toEqual([address, 'accepting', '1', '1', '0', '0', '5 B', '5 B']);
    const backends = cellsOf(stdout, 'BACKEND');
    expect([...backends.keys()]).toEqual(['db/db-1', 'db/db-2']);
    const [one, other] = config.pools.db.backends;
    const since = expect.stringMatching(/^\d+s$/);
    const busy = [one?.address, 'ready', 'up', since, '2', '1', '1', '0', '5 B', '5 B'];
    const idle = [other?.address, 'ready', 'up', since, '1', '0/1,000', '0', '0', '0 B', '0 B'];
    expect(backends.get('db/db-1')).toEqual(busy);
    expect(backends.get('db/db-2')).toEqual(idle);
    const told = await balancer.run('status', '--json');
    expect(told).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(told.stdout)).toMatchObject({
      ...{ name: NAME, pid: balancer.command.pid, generation: 1, file: balancer.file },
      ...{ sessions: { open: 1, opened: 1 }, fileDiffers: false, poolsWithoutBackend: [] },
      listeners: [{ name: 'sql', isPaused: false }],
      backends: [{ name: 'db-1', open: 1 }, { name: 'db-2' }],
    });
  });
});

describe('status', () => {
  it('ends with 1 and names the pool when all of its backends are drained, and marks what was set by hand', async () => {
    const balancer = await startBalancer({ config: await twoBackends() });
    await balancer.client.setBackend('db', 'db-1', { state: 'drain', weight: 7 });
    const one = await balancer.run('status');
    expect(one.status).toBe(0);
    expect(cellsOf(one.stdout, 'BACKEND').get('db/db-1')).toEqual(
      expect.arrayContaining(['drain*', '7*']),
    );
    expect(one.stdout).toMatch(/\n\n\* was set by hand; spliceway reset takes it back\n$/);
    await balancer.client.setBackend('db', 'db-2', { state: 'maintenance', maxSessions: 3 });
    const none = await balancer.run('status');
    expect(none).toMatchObject({ status: 1, stderr: '' });
    expect(none.stdout).toContain('\npool db has no backend to pick\n');
    expect(cellsOf(none.stdout, 'BACKEND').get('db/db-2')).toEqual(
      expect.arrayContaining(['maintenance*', '0/3*']),
    );
    const json = await balancer.run('status', '--json');
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ poolsWithoutBackend: ['db'] });
  });

  it('ends with 1 when checks have found all backends of a pool down, and says why', async () => {
    const pool = { health: { type: 'tcp', interval: '1s', fall: 1, startDown: true } };
    const balancer = await startBalancer({
      config: {
        threads: 1,
        listeners: { sql: { address: ANY_PORT, pool: 'db' } },
        pools: {
          db: { ...pool, backends: [{ name: 'gone', address: await refusedAddress() }] },
          spare: { backends: [{ name: 'there', address: '127.0.0.1:9' }] },
        },
      },
    });
    await balancer.command.waitFor('stderr', /ECONNREFUSED|refused/);
    const { status, stdout } = await balancer.run('status');
    expect(status).toBe(1);
    expect(stdout).toContain('\npool db has no backend to pick\n');
    expect(stdout).not.toContain('pool spare has no');
    const gone = cellsOf(stdout, 'BACKEND').get('db/gone');
    expect(gone?.slice(0, 3)).toEqual([expect.anything(), 'ready', 'down']);
    expect(gone?.at(-1)).toMatch(/refused/i);
    // What is said to be up by hand is picked.
    await balancer.client.setBackend('db', 'gone', { health: 'up' });
    const set = await balancer.run('status');
    expect(set.status).toBe(0);
    expect(cellsOf(set.stdout, 'BACKEND').get('db/gone')).toContain('up*');
  });

  it('shows a listener that is paused', async () => {
    const balancer = await startBalancer({ config: await twoBackends() });
    await balancer.client.setListener('sql', { paused: true });
    const { status, stdout } = await balancer.run('status');
    expect(status).toBe(0);
    expect(cellsOf(stdout, 'LISTENER').get('sql')).toContain('paused');
  });

  it('says how the file stands to what runs', async () => {
    const config = await twoBackends();
    const balancer = await startBalancer({ config });
    const { file } = balancer;
    const look = async () => {
      const { status, stdout } = await balancer.run('status');
      const json = JSON.parse((await balancer.run('status', '--json')).stdout);
      return { status, line: stdout.split('\n')[2], differs: json.fileDiffers };
    };
    const [one, ...rest] = config.pools.db.backends;
    balancer.write({ ...config, pools: { db: { backends: [{ ...one, weight: 9 }, ...rest] } } });
    expect(await look()).toEqual({
      status: 0,
      line: `${file} is not what runs; a reload would have changed db/db-1`,
      differs: true,
    });
    balancer.write('listeners: nonsense\nthreads: many\n');
    expect(await look()).toEqual({
      status: 0,
      line: expect.stringContaining(`${file}: a reload would be refused: ${file}:1:12: listeners:`),
      differs: true,
    });
    renameSync(file, `${file}.away`);
    expect(await look()).toEqual({
      status: 0,
      line: expect.stringMatching(/a reload would be refused: .*no such file/),
      differs: true,
    });
    balancer.write(config);
    expect(await look()).toEqual({ status: 0, line: `${file} is what runs`, differs: false });
  });

  it('says nothing of a file where there is none', async () => {
    const { address } = await startEcho();
    const balancer = await startBalancer({ flags: ['--listen', ANY_PORT, '--backend', address] });
    const { status, stdout } = await balancer.run('status');
    expect(status).toBe(0);
    expect(stdout.split('\n')[2]).toBe('');
    const json = JSON.parse((await balancer.run('status', '--json')).stdout);
    expect(json).not.toHaveProperty('file');
    expect(json).not.toHaveProperty('fileDiffers');
  });
});
