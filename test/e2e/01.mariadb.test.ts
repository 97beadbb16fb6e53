/** Two MariaDB servers behind one port, used by the client that its users have. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import {
  clientArguments,
  makeMariadbTemplate,
  mariadbNeeds,
  query,
  startMariadb,
} from './helpers/mariadb.js';
import { describeWith, program } from './helpers/programs.js';
import { engines, ProxyProcess } from './helpers/proxy.js';
import type { Server } from './helpers/server.js';

/** A `mariadb` client that stays connected and answers one statement after the other. */
function openSession(port: number) {
  const child = spawn(program('mariadb'), [...clientArguments(port), '--unbuffered', 'shop'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(statement: string): Promise<string> {
      child.stdin.write(`${statement};\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error('the session ended before it answered');
      return value;
    },
    async stop(): Promise<void> {
      if (child.exitCode !== null) return;
      const closed = once(child, 'close');
      child.stdin.end();
      await closed;
    },
  };
}

describeWith(mariadbNeeds, 'two MariaDB servers behind one port', () => {
  const keep = stopAfterwards();
  let template: string;
  beforeAll(async () => {
    template = keep(await makeMariadbTemplate()).folder;
  });

  describe.each(engines)('%s engine', (engine) => {
    const keepHere = stopAfterwards();
    let servers: [Server, Server];
    let proxy: ProxyProcess;
    beforeAll(async () => {
      servers = [keepHere(await startMariadb(template)), keepHere(await startMariadb(template))];
      proxy = keepHere(await ProxyProcess.start({ engine, backends: servers }));
    });

    test('clients take turns, and each can define, write and read', async () => {
      const ports: string[] = [];
      for (let client = 0; client < 4; client++)
        ports.push(await query(proxy.port, 'SELECT @@port'));
      const [first, second] = servers.map((server) => String(server.port));
      expect(ports).toEqual([first, second, first, second]);

      for (let client = 0; client < 2; client++) {
        const total = await query(
          proxy.port,
          `CREATE TABLE fruit (name VARCHAR(20) PRIMARY KEY, pieces INT);
           INSERT INTO fruit VALUES ('apple', 3), ('pear', 4), ('plum', 30);
           UPDATE fruit SET pieces = pieces * 2 WHERE name LIKE 'p%';
           DELETE FROM fruit WHERE name = 'pear';
           SELECT SUM(pieces) FROM fruit;
           DROP TABLE fruit;`,
        );
        expect(total).toBe('63');
      }
    });

    test('a session kept open stays on its server while others take turns', async () => {
      const session = openSession(proxy.port);
      try {
        const own = await session.ask('SELECT @@port');
        await session.ask("SET @mark = 'kept'; SELECT @mark");
        const others = new Set<string>();
        for (let client = 0; client < 4; client++) {
          others.add(await query(proxy.port, 'SELECT @@port'));
          expect(await session.ask('SELECT @@port')).toBe(own);
          expect(await session.ask('SELECT @mark')).toBe('kept');
        }
        expect(others.size).toBe(2);
      } finally {
        await session.stop();
      }
    });

    test('a large value goes there and comes back unchanged', async () => {
      const letters = 24 * 1024 * 1024;
      const digest = await query(
        proxy.port,
        `CREATE TABLE papers (body LONGBLOB);
         INSERT INTO papers VALUES (REPEAT('spliceway', ${letters / 8}));
         SELECT SHA2(body, 256) = SHA2(REPEAT('spliceway', ${letters / 8}), 256) FROM papers;
         DROP TABLE papers;`,
      );
      expect(digest).toBe('1');

      const text = Array.from({ length: 2_000_000 }, (_, index) => index.toString(36)).join('-');
      expect(await query(proxy.port, `SELECT '${text}';`)).toBe(text);
    });

    test('when a server dies, new clients are served by the other at once', async () => {
      const [dying, living] = servers;
      await dying.kill();
      for (let client = 0; client < 4; client++) {
        expect(await query(proxy.port, 'SELECT @@port')).toBe(String(living.port));
      }
    });
  });
});
