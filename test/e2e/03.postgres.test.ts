/** PostgreSQL through the proxy, under its own benchmark. */
import { beforeAll, expect, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { connectionArguments, describeWithPostgres, startPostgres } from './helpers/postgres.js';
import { program } from './helpers/programs.js';
import { ProxyProcess } from './helpers/proxy.js';

describeWithPostgres('PostgreSQL behind the proxy', () => {
  const keep = stopAfterwards();
  let proxy: ProxyProcess;
  beforeAll(async () => {
    const server = keep(await startPostgres());
    proxy = keep(await ProxyProcess.start({ engine: 'native', backends: [server] }));
  });

  /** Runs pgbench through the proxy. */
  const pgbench = (...args: string[]) =>
    runOk(program('pgbench'), [...args, ...connectionArguments(proxy.port), 'postgres']);

  test('pgbench fills its tables through COPY', async () => {
    await pgbench('--initialize', '--scale=2', '--quiet');
  });

  test.each([
    ['sessions kept open', []],
    ['a new session for each transaction', ['--connect']],
    ['prepared statements', ['--protocol=prepared', '--select-only']],
  ])('pgbench with %s: no failed transaction', async (_, args) => {
    // A number of them, not a time: beginning a session costs PostgreSQL 50 ms on a slow machine.
    const output = await pgbench(
      ...['--client=8', '--jobs=2', '--transactions=20', '--no-vacuum'],
      ...args,
    );
    expect(output).toContain('number of failed transactions: 0 (0.000%)');
    expect(output).toContain('transactions actually processed: 160/160');
  });
});
