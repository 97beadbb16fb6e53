/** The pages for a task: every command of theirs, as printed but for the ports, against the servers that they are about. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { blocksOf, readDocument } from '../helpers/documents.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { makeMariadbTemplate, mariadbNeeds, startMariadb } from './helpers/mariadb.js';
import { nginxNeeds, startNginx } from './helpers/nginx.js';
import { describeWithPostgres, startPostgres } from './helpers/postgres.js';
import { describeWith, program } from './helpers/programs.js';
import { Reader, type ReaderOptions, type Typed } from './helpers/reader.js';
import { redisNeeds, startRedis } from './helpers/redis.js';
import type { Server } from './helpers/server.js';

/** What the commands that begin so printed, sorted: who comes first is nobody's promise. */
const answersTo = (typed: readonly Typed[], start: string) =>
  typed
    .filter(({ command }) => command.startsWith(start))
    .map(({ output }) => output)
    .sort();

describeWith({ ...mariadbNeeds, mariadb: 'mariadb-client' }, 'docs/mysql.md', () => {
  const keep = stopAfterwards();
  test('clients take turns between two servers', async () => {
    const template = keep(await makeMariadbTemplate());
    const [a, b] = [
      keep(await startMariadb(template.folder)),
      keep(await startMariadb(template.folder)),
    ];
    const home = { '.my.cnf': '[client]\nuser=tester\npassword=secret\n' };
    const reader = keep(await Reader.create({ ports: { 3306: a.port, 3307: b.port }, home }));
    const typed = await reader.follow('docs/mysql.md');
    expect(answersTo(typed, 'mariadb ')).toEqual(
      [a, b].map(({ port }) => `@@port\n${port}\n`).sort(),
    );
    expect(answersTo(typed, 'spliceway check')).toEqual([expect.stringContaining('ok')]);
  });
});

describeWithPostgres('docs/postgresql.md', () => {
  const keep = stopAfterwards();
  test('clients take turns between two servers', async () => {
    const servers = [keep(await startPostgres()), keep(await startPostgres())] as const;
    const reader = keep(
      await Reader.create({
        ports: { 5432: servers[0].port, 5433: servers[1].port },
        environment: { PGUSER: 'tester', PGDATABASE: 'postgres' },
      }),
    );
    const typed = await reader.follow('docs/postgresql.md');
    const ports = answersTo(typed, 'psql ').map((output) => Number(/^ +(\d+)$/m.exec(output)?.[1]));
    expect(new Set(ports)).toEqual(new Set(servers.map(({ port }) => port)));
  });
});

describeWith(redisNeeds, 'docs/redis.md', () => {
  const keep = stopAfterwards();
  test('clients take turns between two servers', async () => {
    const [a, b] = [keep(await startRedis()), keep(await startRedis())];
    const reader = keep(await Reader.create({ ports: { 6379: a.port, 6380: b.port } }));
    const typed = await reader.follow('docs/redis.md');
    expect(answersTo(typed, 'redis-cli -p 5555 PING')).toEqual(['PONG\n']);
    const [info = ''] = answersTo(typed, 'redis-cli -p 5555 INFO');
    expect([a.port, b.port]).toContain(Number(/^tcp_port:(\d+)/m.exec(info)?.[1]));
  });
});

describeWith(nginxNeeds, 'docs/http.md', () => {
  const keep = stopAfterwards();
  test('clients take turns between two servers', async () => {
    const start = async (text: string): Promise<Server> => {
      const server = keep(await startNginx());
      await writeFile(path.join(server.folder, 'files/index.html'), text);
      return server;
    };
    const [a, b] = [await start('from a\n'), await start('from b\n')];
    const reader = keep(await Reader.create({ ports: { 8080: a.port, 8081: b.port } }));
    const typed = await reader.follow('docs/http.md');
    expect(answersTo(typed, 'curl ')).toEqual(['from a\n', 'from b\n']);
  });
});

describeWith(nginxNeeds, 'docs/proxy-protocol.md', () => {
  const keep = stopAfterwards();
  test('the header goes through, and the server of the page believes it', async () => {
    const [block] = blocksOf('docs/proxy-protocol.md', 'nginx');
    const server = keep(await startNginx((port) => block?.text.replace('8080', `${port}`) ?? ''));
    const reader = keep(await Reader.create({ ports: { 8080: server.port } }));
    const typed = await reader.follow('docs/proxy-protocol.md');
    expect(answersTo(typed, 'curl ')).toEqual(['127.0.0.1\n']);
    // From an address that the proxy does not connect from: the header says it, not the connection.
    const [curl = ''] = typed.map(({ command }) => command).filter((text) => /^curl /.test(text));
    const [, ...words] = reader.translate(curl).split(' ');
    const answer = await runOk(program('curl'), ['--interface', '127.0.0.9', ...words]);
    expect(answer).toBe('127.0.0.9\n');
  });
});

describeWith({ sysctl: 'procps' }, 'pages of the command', () => {
  const keep = stopAfterwards();
  const create = async (options?: ReaderOptions) => keep(await Reader.create(options));

  test('docs/configuration.md: its file is checked, and served', async () => {
    const typed = await (await create()).follow('docs/configuration.md');
    expect(typed.map(({ output }) => output)).toEqual([
      expect.stringContaining('balance.yaml: ok'),
      expect.stringMatching(/listening on 127\.0\.0\.1:\d+\n.*listening on \[::1\]:\d+/s),
    ]);
  });

  test('docs/services.md: its file is checked', async () => {
    const [typed] = await (await create()).follow('docs/services.md');
    expect(typed?.output).toMatch(/services\.yaml: ok\n {2}listener {2}sql\n.* {2}pool {6}site\n/s);
  });

  test('docs/tuning.md: doctor has the lines that the table names', async () => {
    const typed = await (await create()).follow('docs/tuning.md');
    const [doctor = ''] = answersTo(typed, 'spliceway doctor');
    const [, rows = ''] = /where it shows[^\n]*\n[^\n]*\n(.*?)\n\n/s.exec(
      readDocument('docs/tuning.md'),
    ) as string[];
    const lines = [...rows.matchAll(/^\| [^|]+ \|([^|:]+)[:|]/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z -]+)`/g)].map(([, line = '']) => line),
    );
    expect(lines.length).toBeGreaterThan(5);
    for (const line of lines) expect(doctor).toMatch(new RegExp(`^${line} {2,}`, 'm'));
    const [sysctl = ''] = answersTo(typed, 'sysctl ');
    expect(sysctl.trimEnd().split('\n')).toHaveLength(4);
  });

  test('docs/troubleshooting.md: its commands, and each code that it names', async () => {
    const reader = await create();
    await reader.follow('docs/configuration.md');
    const typed = await reader.follow('docs/troubleshooting.md');
    expect(answersTo(typed, 'spliceway check')).toEqual([expect.stringContaining('ok')]);
    const codes = readDocument('docs/errors.md');
    for (const [code] of readDocument('docs/troubleshooting.md').matchAll(/ERR_SPLICEWAY_\w+/g)) {
      expect(codes).toContain(`\`${code}\``);
    }
  });
});
