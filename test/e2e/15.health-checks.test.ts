/** Health checks against the servers that they are for. */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { HealthOptions } from '../../src/config/health-options.js';
import { ask as askTarget, targetOf } from '../helpers/checks.js';
import { withTimeEnough } from '../helpers/deadline.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { makeMariadbTemplate, mariadbNeeds, query, startMariadb } from './helpers/mariadb.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
import {
  connectionArguments,
  describeWithPostgres,
  startPostgres,
  startStandby,
} from './helpers/postgres.js';
import { describeWith, program } from './helpers/programs.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';
import type { Server } from './helpers/server.js';
import { waitUntil } from './helpers/wait.js';

/** Asks once, as the options say. */
const ask = (server: Server, health: HealthOptions, signal?: AbortSignal) =>
  askTarget(targetOf(server.port), health, signal);

/** Asks a server that the kernel still accepts for, and that does nothing. */
async function askStopped(server: Server, health: HealthOptions): Promise<string> {
  let answer = '';
  server.signal('SIGSTOP');
  try {
    await withTimeEnough(300, async (timeoutMs) => {
      answer = await ask(server, health, AbortSignal.timeout(timeoutMs));
      return answer !== 'timed out while connecting';
    });
  } finally {
    server.signal('SIGCONT');
  }
  return answer;
}

describeWith(mariadbNeeds, 'MariaDB', () => {
  const keep = stopAfterwards();
  const account = { type: 'mysql', user: 'tester', password: 'secret' } as const;
  let server: Server;
  beforeAll(async () => {
    const template = keep(await makeMariadbTemplate());
    server = keep(await startMariadb(template.folder));
  });
  /** How many clients have left in the handshake, before they were in, and later without a goodbye. */
  const aborted = async () => {
    const names = ['Aborted_connects_preauth', 'Aborted_connects', 'Aborted_clients'];
    const list = names.map((name) => `'${name}'`).join(', ');
    const rows = await query(server.port, `SHOW GLOBAL STATUS WHERE Variable_name IN (${list})`);
    const counts = new Map(rows.split('\n').map((row) => row.split('\t') as [string, string]));
    const [handshakes = 0, connects = 0, clients = 0] = names.map((name) =>
      Number(counts.get(name)),
    );
    return { handshakes, connects, clients };
  };

  test('lets an account in', async () => {
    expect(await ask(server, account)).toBe('well: ');
  });

  test('refuses a wrong password, and an account that it does not have', async () => {
    const denied = /^Access denied for user '\w+'@'[^']+' \(using password: YES\) \(1045\)$/;
    expect(await ask(server, { ...account, password: 'guess' })).toMatch(denied);
    expect(await ask(server, { ...account, user: 'nobody' })).toMatch(denied);
  });

  test('says of an account that no check knows of what it is', async () => {
    await query(
      server.port,
      "INSTALL SONAME 'auth_ed25519'; CREATE USER modern IDENTIFIED VIA ed25519 USING PASSWORD('secret')",
    );
    expect(await ask(server, { ...account, user: 'modern' })).toMatch(
      /^the account is of "client_ed25519", make it one of mysql_native_password or caching_sha2_password$/,
    );
  });

  test('is a primary until it is read-only, and then a replica', async () => {
    expect(await ask(server, { ...account, role: 'primary' })).toBe('well: primary');
    expect(await ask(server, { ...account, role: 'replica' })).toBe(
      'read_only is OFF, expected a replica',
    );
    await query(server.port, 'SET GLOBAL read_only = 1');
    expect(await ask(server, { ...account, role: 'primary' })).toBe(
      'read_only is ON, expected a primary',
    );
    expect(await ask(server, { ...account, role: 'replica' })).toBe('well: replica');
    await query(server.port, 'SET GLOBAL read_only = 0');
  });

  test('counts no aborted connection of 200 checks that log in', async () => {
    const before = await aborted();
    for (let count = 0; count < 200; count++) {
      expect(await ask(server, { ...account, role: 'primary' })).toBe('well: primary');
    }
    expect(await aborted()).toEqual(before);
  });

  test('counts no interrupted handshake of 200 checks without an account, for which it would block the host', async () => {
    const before = await aborted();
    for (let count = 0; count < 200; count++) {
      expect(await ask(server, { type: 'mysql' })).toBe('well: answers, without an account');
    }
    // It counts who is denied after it has said so.
    await waitUntil(async () => (await aborted()).connects === before.connects + 200, {
      what: 'the last to be counted',
    });
    expect(await aborted()).toEqual({ ...before, connects: before.connects + 200 });
  });

  test('that stands still is waited for until the time-out', async () => {
    expect(await askStopped(server, account)).toBe('timed out waiting for its greeting');
  });
});

describeWithPostgres('PostgreSQL', () => {
  const keep = stopAfterwards();
  const account = { type: 'postgres', user: 'tester', database: 'postgres' } as const;
  let primary: Server;
  let standby: Server;
  const psql = (...statements: string[]) =>
    runOk(program('psql'), [
      ...connectionArguments(primary.port),
      ...statements.flatMap((statement) => ['--command', statement]),
      'postgres',
    ]);
  beforeAll(async () => {
    primary = keep(await startPostgres());
    await psql(
      "CREATE ROLE modern LOGIN PASSWORD 'sécret'",
      "SET password_encryption = 'md5'; CREATE ROLE former LOGIN PASSWORD 'secret'",
      "SET password_encryption = 'md5'; CREATE ROLE plain LOGIN PASSWORD 'secret'",
    );
    standby = keep(await startStandby(primary));
    const rules = [
      'host all modern 127.0.0.1/32 scram-sha-256',
      'host all former 127.0.0.1/32 md5',
      'host all plain 127.0.0.1/32 password',
      'host all all 127.0.0.1/32 trust\n',
    ];
    await writeFile(path.join(primary.folder, 'data', 'pg_hba.conf'), rules.join('\n'));
    await psql('SELECT pg_reload_conf()');
  });

  test('lets accounts in without a password, with scram-sha-256 and with md5', async () => {
    expect(await ask(primary, account)).toBe('well: ');
    // The server takes its new rules a moment after it has been told to.
    await waitUntil(async () => (await ask(primary, { ...account, user: 'modern' })) !== 'well: ', {
      what: 'the rules of the server',
    });
    expect(await ask(primary, { ...account, user: 'modern', password: 'sécret' })).toBe('well: ');
    expect(await ask(primary, { ...account, user: 'former', password: 'secret' })).toBe('well: ');
  });

  test('refuses what is wrong, and says why', async () => {
    const modern = { ...account, user: 'modern' };
    expect(await ask(primary, { ...modern, password: 'guess' })).toBe(
      'password authentication failed for user "modern" (28P01)',
    );
    expect(await ask(primary, { ...account, user: 'former', password: 'guess' })).toBe(
      'password authentication failed for user "former" (28P01)',
    );
    expect(await ask(primary, modern)).toBe('the server asks for the password of modern');
    expect(await ask(primary, { ...account, user: 'plain', password: 'secret' })).toMatch(
      /^the server asks for a login that a check does not know \(3\)/,
    );
    expect(await ask(primary, { ...account, user: 'nobody' })).toBe(
      'role "nobody" does not exist (28000)',
    );
    expect(await ask(primary, { type: 'postgres', user: 'tester' })).toBe(
      'database "tester" does not exist (3D000)',
    );
  });

  test('is a primary, and its standby a replica until it is promoted', async () => {
    const [asPrimary, asReplica] = (['primary', 'replica'] as const).map((role) => ({
      ...account,
      role,
    }));
    if (asPrimary === undefined || asReplica === undefined) throw new Error('no role');
    expect(await ask(primary, asPrimary)).toBe('well: primary');
    expect(await ask(primary, asReplica)).toBe('not in recovery, expected a replica');
    expect(await ask(standby, asReplica)).toBe('well: replica');
    expect(await ask(standby, asPrimary)).toBe('in recovery, expected a primary');
    await runOk(program('psql'), [
      ...connectionArguments(standby.port),
      ...['--command', 'SELECT pg_promote()', 'postgres'],
    ]);
    expect(await ask(standby, asPrimary)).toBe('well: primary');
  });

  test('that stands still is waited for until the time-out', async () => {
    expect(await askStopped(primary, account)).toBe(
      'timed out waiting for the answer to the login',
    );
  });
});

describeWith(redisNeeds, 'Redis', () => {
  const keep = stopAfterwards();
  let first: Server;
  let second: Server;
  beforeAll(async () => {
    first = keep(await startRedis());
    second = keep(await startRedis());
  });

  test('answers, and is a primary until it follows another', async () => {
    expect(await ask(second, { type: 'redis' })).toBe('well: ');
    expect(await ask(second, { type: 'redis', role: 'primary' })).toBe('well: primary');
    await redis(second.port, 'REPLICAOF', '127.0.0.1', String(first.port));
    expect(await ask(second, { type: 'redis', role: 'primary' })).toBe(
      'role is slave, expected a primary',
    );
    expect(await ask(second, { type: 'redis', role: 'replica' })).toBe('well: replica');
    await redis(second.port, 'REPLICAOF', 'NO', 'ONE');
    expect(await ask(second, { type: 'redis', role: 'replica' })).toBe(
      'role is master, expected a replica',
    );
  });

  test('wants its password, where it has one', async () => {
    await redis(second.port, 'ACL', 'SETUSER', 'check', 'on', '>pass word', '+ping', '+info');
    await redis(second.port, 'CONFIG', 'SET', 'requirepass', 'secret');
    expect(await ask(second, { type: 'redis' })).toBe('PING: NOAUTH Authentication required.');
    expect(await ask(second, { type: 'redis', password: 'guess' })).toBe(
      'AUTH: WRONGPASS invalid username-password pair or user is disabled.',
    );
    expect(await ask(second, { type: 'redis', password: 'secret' })).toBe('well: ');
    const account = { type: 'redis', username: 'check', password: 'pass word' } as const;
    expect(await ask(second, { ...account, role: 'primary' })).toBe('well: primary');
  });

  test('that stands still is waited for until the time-out', async () => {
    expect(await askStopped(first, { type: 'redis' })).toBe(
      'timed out waiting for the answer to PING',
    );
  });
});

describeWith(redisNeeds, 'A server that is gone', () => {
  const keep = stopAfterwards();
  test('refuses', async () => {
    const server = keep(await startRedis());
    await server.kill();
    expect(await ask(server, { type: 'tcp' })).toBe('connect refused');
    expect(await ask(server, { type: 'http' })).toBe('connect refused');
    expect(await ask(server, { type: 'redis' })).toBe('connect refused');
  });
});

describeWith(nginxNeeds, 'nginx', () => {
  const keep = stopAfterwards();
  let server: Server;
  beforeAll(async () => {
    server = keep(
      await startNginx(
        (port, folder) => `
          server {
            listen 127.0.0.1:${port};
            location /health {
              if (-f ${folder}/ill) { return 503 "not well\\n"; }
              return 200 "all is well\\n";
            }
          }
          server {
            listen 127.0.0.1:${port};
            server_name other.example;
            return 404;
          }`,
      ),
    );
  });

  test('is up until its health turns to 503, and when that is over', async () => {
    const health = { type: 'http', path: '/health' } as const;
    const ill = path.join(server.folder, 'ill');
    expect(await ask(server, health)).toBe('well: 200');
    await writeFile(ill, '');
    expect(await ask(server, health)).toBe('expected 200-399, got 503');
    expect(await ask(server, { ...health, statuses: [503, '200-299'] })).toBe('well: 503');
    await rm(ill);
    expect(await ask(server, { ...health, method: 'HEAD' })).toBe('well: 200');
  });

  test('has the body that is asked for, or another', async () => {
    const health = { type: 'http', path: '/health' } as const;
    expect(await ask(server, { ...health, body: 'is well' })).toBe('well: 200');
    expect(await ask(server, { ...health, body: 'ready' })).toBe(
      'expected "ready" in the body, got "all is well"',
    );
  });

  test('is asked for the host of the settings', async () => {
    const health = { type: 'http', path: '/health', host: 'other.example' } as const;
    expect(await ask(server, health)).toBe('expected 200-399, got 404');
  });

  test('answers what is sent over TCP', async () => {
    const send = 'GET /health HTTP/1.0\r\n\r\n';
    expect(await ask(server, { type: 'tcp', send, expect: 'all is well' })).toBe('well: ');
    expect(await ask(server, { type: 'tcp', send, expect: 'ready' })).toMatch(
      /^expected "ready", got "HTTP\/1\.1 200 OK .*" and the end$/,
    );
  });
});
