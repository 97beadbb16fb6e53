/** Names of backends where the loops accept and pick. */
import { describe, expect, it } from 'vitest';
import { until } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { portOf, startProxy } from './helpers/proxies.js';
import { startBlackhole, startEcho, startNamed } from './helpers/servers.js';
import { connect, readAll } from './helpers/sockets.js';

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe.runIf(ways.includes('native'))('names, with native accept', () => {
  it('that move while another backend is waited for serve the same client', async () => {
    const silent = await startBlackhole();
    const echo = await startEcho();
    const answers = ['127.0.0.2', '127.0.0.1'];
    let ahead = 0;
    const proxy = await startProxy(
      'native',
      { backends: [`moved.test:${echo.port}`, silent], connectTimeout: '2s' },
      {
        now: () => performance.now() + ahead,
        lookup: async () => [{ address: answers.shift() ?? '127.0.0.1', family: 4 }],
      },
    );
    await turn();
    ahead = 1000;
    const client = await connect(portOf(proxy));
    client.end('found');
    expect(String(await readAll(client))).toBe('found');
    expect(proxy.stats().backends).toMatchObject([
      { failed: 1, opened: 1 },
      { failed: 1, opened: 0 },
    ]);
  });

  it('without an address are looked up until they have one, though clients go elsewhere', async () => {
    const [late, other] = [await startNamed('l'), await startNamed('o')];
    let lookups = 0;
    const proxy = await startProxy(
      'native',
      { backends: [`late.test:${late.port}`, other.address] },
      {
        lookup: async () => {
          lookups += 1;
          if (lookups === 1) throw new Error('not known yet');
          return [{ address: '127.0.0.1', family: 4 }];
        },
      },
    );
    expect(String(await readAll((await connect(portOf(proxy))).end()))).toBe('o');
    let answers = '';
    while (!answers.includes('l')) {
      answers += String(await readAll((await connect(portOf(proxy))).end()));
    }
    expect(lookups).toBe(2);
  });

  it('with an address that does not answer have the next one tried for every client', async () => {
    const silent = await startBlackhole();
    const port = Number(silent.split(':')[1]);
    await startEcho({ listen: { port, host: '127.0.0.2' } });
    const lookup = async () =>
      ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const proxy = await startProxy(
      'native',
      { backends: [`two.test:${port}`], connectTimeout: '2s' },
      { lookup },
    );
    const ask = async () => {
      const client = await connect(portOf(proxy));
      client.end('answered');
      return String(await readAll(client));
    };
    // While the others wait, the first of them puts the address that failed behind the good one.
    const answers: Promise<string>[] = [];
    for (let client = 0; client < 8; client++) {
      const start = performance.now();
      answers.push(ask());
      await until('a moment to pass', () => performance.now() > start + 20);
    }
    expect(await Promise.all(answers)).toEqual(Array(8).fill('answered'));
  });
});
