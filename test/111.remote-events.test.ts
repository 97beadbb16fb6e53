/** `spliceway events`: what was changed, and what happens. */
import { describe, expect, it } from 'vitest';
import type { ControlEvent } from '../src/control/types.js';
import { startBalancer } from './helpers/remote.js';
import { refusedAddress } from './helpers/servers.js';
import { ANY_PORT } from './helpers/services.js';

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

const start = async (more: object = {}) =>
  await startBalancer({
    config: {
      threads: 1,
      listeners: { sql: { address: ANY_PORT, pool: 'db' } },
      pools: { db: { backends: ['127.0.0.1:9,name=db-1'], ...more } },
    },
  });

describe('events', () => {
  it('are the changes that were made through the socket, with who has made them', async () => {
    const balancer = await start();
    expect(await balancer.run('events')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await balancer.run('set', 'db/db-1', 'weight=3');
    await balancer.run('add', 'db', '127.0.0.1:10,name=db-2');
    const { status, stdout, stderr } = await balancer.run('events');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const who = String.raw`by user ${process.getuid?.()}, process \d+ \(generation \d+\)`;
    expect(stdout).toMatch(
      new RegExp(
        `^${TIME}  PATCH /v1/pools/db/backends/db-1 ${who}\n` +
          `${TIME}  POST /v1/pools/db/backends ${who}\n$`,
      ),
    );
    const json = await balancer.run('events', '--json');
    const events: ControlEvent[] = json.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toMatchObject([
      { event: 'change', method: 'PATCH', at: expect.any(Number) },
      { event: 'change', method: 'POST', at: expect.any(Number) },
    ]);
  });

  it('are told as they happen with --follow, until Ctrl+C', async () => {
    const balancer = await start();
    await using follower = balancer.start('events', '--follow');
    const told = (what: RegExp) => follower.waitFor('stdout', what);
    await told(/generation 1 runs\n/);
    await balancer.run('set', 'db/db-1', 'state=drain', 'weight=3');
    await told(/db\/db-1 is set by hand: state drain, weight 3\n/);
    await told(
      /PATCH \/v1\/pools\/db\/backends\/db-1 by user \d+, process \d+ \(generation \d+\)\n/,
    );
    await balancer.run('reset', 'db/db-1');
    await told(/db\/db-1 is as the options say\n/);
    await balancer.run('set', 'db/db-1', 'health=down');
    await told(/db\/db-1 is down, and was up: /);
    await balancer.run('add', 'db', '127.0.0.1:10,name=db-2');
    await told(
      /another configuration is in effect: 1 added, 0 removed, 0 changed \(generation \d+\)/,
    );
    await balancer.run('remove', 'db/db-1');
    await told(/db\/db-1 is removed\n/);
    const lines = follower.stdout.trimEnd().split('\n');
    for (const line of lines) expect(line).toMatch(new RegExp(`^${TIME}  \\S`));
    follower.kill('SIGINT');
    expect(await follower.ended()).toMatchObject({ signal: 'SIGINT', stderr: '' });
    expect((await balancer.run('status')).stderr).toBe('');
  });

  it('begin with what was changed before, and are JSON where that is asked for', async () => {
    const pool = { health: { type: 'tcp', interval: '1s', fall: 1, rise: 1 } };
    const balancer = await start({ ...pool, backends: [`${await refusedAddress()},name=gone`] });
    await balancer.run('set', 'db/gone', 'weight=3');
    await balancer.run('set', 'db/gone', 'health=up');
    await using follower = balancer.start('events', '-f', '--json');
    await follower.waitFor('stdout', /"event":"begin"/);
    await balancer.run('set', 'db/gone', 'health=auto');
    await follower.waitFor('stdout', /"event":"backend".*"to":"down"/);
    const events: ControlEvent[] = follower.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.slice(0, 3).map(({ event }) => event)).toEqual(['change', 'change', 'begin']);
  });

  it('end with what is the matter when the balancer ends', async () => {
    const balancer = await start();
    await using follower = balancer.start('events', '--follow');
    await follower.waitFor('stdout', /generation 1 runs\n/);
    balancer.command.kill('SIGKILL');
    const { status, stderr } = await follower.ended();
    expect(status).toBe(3);
    expect(stderr).toMatch(/^spliceway: control socket .*\(ERR_SPLICEWAY_CONTROL_FAILED\)\n$/);
  });

  it('end with the balancer that stops in order', async () => {
    const balancer = await start();
    await using follower = balancer.start('events', '--follow');
    await follower.waitFor('stdout', /generation 1 runs\n/);
    balancer.command.kill('SIGTERM');
    const { status, stderr } = await follower.ended();
    expect(status).toBe(3);
    expect(stderr).toMatch(/^spliceway: (the balancer has stopped|control socket .*)\n$/);
  });

  it('end with whoever reads them', async () => {
    const balancer = await start();
    await using follower = balancer.start('events', '--follow');
    await follower.waitFor('stdout', /generation 1 runs\n/);
    follower.closeStdout();
    await balancer.client.setBackend('db', 'db-1', { weight: 2 });
    expect(await follower.ended()).toMatchObject({ status: 0, stderr: '' });
  });

  it('tell of sessions that somebody has ended', async () => {
    const balancer = await start();
    await using follower = balancer.start('events', '--follow');
    await follower.waitFor('stdout', /generation 1 runs\n/);
    await balancer.client.endSessions({ pool: 'db' });
    await follower.waitFor('stdout', /POST \/v1\/sessions\/end by user/);
  });
});
