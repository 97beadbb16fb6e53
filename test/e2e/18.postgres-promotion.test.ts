/** A PostgreSQL primary goes away, and its hot standby is promoted: clients write again. */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { journal, openPostgresWriter } from './helpers/database-writers.js';
import { primaryChecks, startPool } from './helpers/pool.js';
import {
  describeWithPostgres,
  promote,
  sql,
  startPostgres,
  startStandby,
} from './helpers/postgres.js';
import { engines } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';
import { waitUntil } from './helpers/wait.js';
import { Writers } from './helpers/writers.js';

const health = {
  type: 'postgres',
  user: 'tester',
  database: 'postgres',
  role: 'primary',
  ...primaryChecks,
} as const;

describeWithPostgres('a PostgreSQL primary and its hot standby', () => {
  const keep = stopAfterwards();
  let primary: Server;
  let standby: Server;
  beforeAll(async () => {
    primary = keep(await startPostgres());
    await sql(primary.port, journal);
    standby = keep(await startStandby(primary));
  });

  test.each(engines)('are one primary for clients, with %s', async (engine) => {
    const { port, told, is } = await startPool(engine, {
      backends: [primary.address, standby.address],
      health,
      onDown: 'close',
    });
    const writers = new Writers(() => openPostgresWriter(port));
    onTestFinished(() => writers.stop());
    await writers.allWriteAt(primary.port);
    await is(standby.address, 'down');
    await waitUntil(
      async () =>
        (await sql(primary.port, 'SELECT state FROM pg_stat_replication')) === 'streaming',
      { what: 'the standby to follow' },
    );

    // A primary that is stopped hands over what it has first.
    await primary.stop();
    const begin = performance.now();
    await promote(standby);
    const promoted = performance.now();
    const lastMs = await writers.allWriteAt(standby.port, begin);
    await writers.stop();

    expect(told()).toContain(`${standby.address}: down -> up: primary ×2`);
    expect(writers.refused).toEqual([]);
    // What a client was told is written is there.
    const ids = new Set((await sql(standby.port, 'SELECT id FROM journal')).split('\n'));
    expect(writers.written.filter(({ id }) => !ids.has(`${id}`))).toEqual([]);
    console.log(
      `PostgreSQL, ${engine}: all write again ${Math.round(lastMs)} ms after the primary was gone, ` +
        `of which the promotion took ${Math.round(promoted - begin)} ms. Lost connections: ${writers.lost}.`,
    );
    await sql(standby.port, 'DELETE FROM journal');
    [primary, standby] = [standby, keep(await startStandby(standby))];
  });
});
