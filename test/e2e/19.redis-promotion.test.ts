/** A replica of Redis is promoted, and the primary follows it from then on: so do sessions. */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { keyOf, openRedisWriter } from './helpers/database-writers.js';
import { primaryChecks, startPool } from './helpers/pool.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';
import type { Server } from './helpers/server.js';
import { waitUntil } from './helpers/wait.js';
import { Writers } from './helpers/writers.js';

const health = {
  type: 'redis',
  role: 'primary',
  ...primaryChecks,
} as const;

const follow = (replica: Server, { port }: Server) =>
  redis(replica.port, 'REPLICAOF', '127.0.0.1', `${port}`);

async function field(server: Server, name: string): Promise<string | undefined> {
  const lines = (await redis(server.port, 'INFO', 'replication')).split(/\r?\n/);
  return lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1);
}

/** Resolves when a replica has everything that its primary has taken. */
async function catchUp(replica: Server, primary: Server): Promise<void> {
  await waitUntil(
    async () =>
      (await field(replica, 'master_link_status')) === 'up' &&
      (await field(replica, 'slave_repl_offset')) === (await field(primary, 'master_repl_offset')),
    { what: 'the replica to catch up' },
  );
}

describeWith(redisNeeds, 'a Redis primary and its replica', () => {
  const keep = stopAfterwards();
  let primary: Server;
  let replica: Server;
  beforeAll(async () => {
    primary = keep(await startRedis());
    replica = keep(await startRedis());
    await follow(replica, primary);
    await catchUp(replica, primary);
  });

  test.each(engines)('change places, and sessions follow, with %s', async (engine) => {
    const { port, told, figures, is } = await startPool(engine, {
      backends: [primary.address, replica.address],
      health,
      onDown: 'close',
    });
    const writers = new Writers(() => openRedisWriter(port));
    onTestFinished(() => writers.stop());
    await writers.allWriteAt(primary.port);
    await is(replica.address, 'down');

    const begin = performance.now();
    // Writes wait until the replica has them all.
    await redis(primary.port, 'CLIENT', 'PAUSE', '300000', 'WRITE');
    await catchUp(replica, primary);
    await redis(replica.port, 'REPLICAOF', 'NO', 'ONE');
    await follow(primary, replica);
    await redis(primary.port, 'CLIENT', 'UNPAUSE');
    const promoted = performance.now();
    const lastMs = await writers.allWriteAt(replica.port, begin);

    expect(told()).toEqual(
      expect.arrayContaining([
        `${primary.address}: up -> down: role is slave, expected a primary ×3`,
        `${replica.address}: down -> up: primary ×2`,
      ]),
    );
    await waitUntil(() => figures(primary.address).open === 0, {
      what: 'the last session to leave',
    });
    await writers.stop();
    // What a client was told is written is there: the old primary has taken nothing since.
    const keys = new Set((await redis(replica.port, 'KEYS', '*')).split('\n'));
    expect(writers.written.filter(({ id }) => !keys.has(keyOf(id)))).toEqual([]);
    console.log(
      `Redis, ${engine}: all write at the new primary ${Math.round(lastMs)} ms after writes were held, ` +
        `which was promoted after ${Math.round(promoted - begin)} ms. Refused writes: ${writers.refused.length}; ` +
        `lost connections: ${writers.lost}.`,
    );
    await catchUp(primary, replica);
    await redis(replica.port, 'FLUSHALL');
    await catchUp(primary, replica);
    [primary, replica] = [replica, primary];
  });
});
