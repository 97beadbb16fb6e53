/** Three MariaDB servers, of which one is the primary, and then another: sessions follow it. */
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { journal, openMariadbWriter } from './helpers/database-writers.js';
import { makeMariadbTemplate, mariadbNeeds, query, startMariadb } from './helpers/mariadb.js';
import { primaryChecks, startPool } from './helpers/pool.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';
import { waitUntil } from './helpers/wait.js';
import { Writers } from './helpers/writers.js';

const health = {
  type: 'mysql',
  user: 'checker',
  password: 'secret',
  role: 'primary',
  ...primaryChecks,
} as const;

/** The accounts and the table are there on each from the beginning, and nothing to replicate. */
const setUp = `
  SET sql_log_bin = 0;
  CREATE USER checker@'127.0.0.1' IDENTIFIED BY 'secret';
  CREATE USER writer@'127.0.0.1' IDENTIFIED BY 'secret';
  GRANT SELECT, INSERT ON shop.* TO writer@'127.0.0.1';
  ${journal};`;

const replication = (id: number) => [
  ...['--log-bin', '--log-slave-updates', '--binlog-format=ROW', `--server-id=${id}`],
];

/** Has a server follow another from where it is. */
async function follow(replica: Server, primary: Server): Promise<void> {
  await query(
    replica.port,
    `SET GLOBAL read_only = 1;
     STOP SLAVE;
     SET GLOBAL gtid_slave_pos = @@gtid_current_pos;
     CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${primary.port},
       MASTER_USER = 'tester', MASTER_PASSWORD = 'secret', MASTER_USE_GTID = slave_pos;
     START SLAVE;`,
  );
}

/** Resolves when a server has everything that another has written. */
async function catchUp(replica: Server, primary: Server): Promise<void> {
  const position = await query(primary.port, 'SELECT @@gtid_binlog_pos');
  expect(await query(replica.port, `SELECT MASTER_GTID_WAIT('${position}', 120)`)).toBe('0');
}

const writesTakenBy = (server: Server) =>
  query(server.port, 'SELECT COUNT(*) FROM journal WHERE server = @@port');

describeWith(mariadbNeeds, 'the primary of three MariaDB servers', () => {
  const keep = stopAfterwards();
  let servers: [primary: Server, next: Server, third: Server];
  beforeAll(async () => {
    const template = keep(await makeMariadbTemplate()).folder;
    const start = async (id: number) => {
      const server = keep(await startMariadb(template, replication(id)));
      await query(server.port, setUp);
      return server;
    };
    servers = [await start(1), await start(2), await start(3)];
    const [primary, next, third] = servers;
    await follow(next, primary);
    await follow(third, primary);
  });

  test.each(engines)('is followed by its sessions when it is another, with %s', async (engine) => {
    const [primary, next, third] = servers;
    const { port, told, figures, is } = await startPool(engine, {
      backends: servers.map(({ address }) => address),
      health,
      onDown: 'close',
    });
    const writers = new Writers(() => openMariadbWriter(port, 'writer'));
    onTestFinished(() => writers.stop());
    await writers.allWriteAt(primary.port);
    await is(next.address, 'down');

    const begin = performance.now();
    await query(primary.port, 'SET GLOBAL read_only = 1');
    const taken = await writesTakenBy(primary);
    await catchUp(next, primary);
    await query(next.port, 'STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = 0');
    const promoted = performance.now();
    await follow(primary, next);
    await follow(third, next);
    const lastMs = await writers.allWriteAt(next.port, begin);

    expect(told()).toEqual(
      expect.arrayContaining([
        `${primary.address}: up -> down: read_only is ON, expected a primary ×3`,
        `${next.address}: down -> up: primary ×2`,
      ]),
    );
    await waitUntil(() => [primary, third].every(({ address }) => figures(address).open === 0), {
      what: 'the last session to leave',
    });
    await writers.stop();
    expect(await writesTakenBy(primary)).toBe(taken);
    expect(await writesTakenBy(third)).toBe('0');
    // What a client was told is written is there.
    const ids = new Set((await query(next.port, 'SELECT id FROM journal')).split('\n'));
    expect(writers.written.filter(({ id }) => !ids.has(`${id}`))).toEqual([]);

    console.log(
      `MariaDB, ${engine}: all write at the new primary ${Math.round(lastMs)} ms after the old one became read-only, ` +
        `which was writable after ${Math.round(promoted - begin)} ms. Refused writes: ${writers.refused.length}; ` +
        `lost connections: ${writers.lost}.`,
    );
    await query(next.port, 'DELETE FROM journal');
    servers = [next, third, primary];
  });
});
