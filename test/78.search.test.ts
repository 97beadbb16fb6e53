/** What the search of one client for a backend may take. */
import { describe, expect, it } from 'vitest';
import { connectBudgetOf } from '../src/config/connect-budget.js';
import { within } from './helpers/deadline.js';
import { ways } from './helpers/engines.js';
import { nextSummary, portOf, startProxy } from './helpers/proxies.js';
import {
  refusedAddress,
  startBlackhole,
  startEcho,
  startNamed,
  startServer,
} from './helpers/servers.js';
import { connect, readAll, readToEnding, socketPair } from './helpers/sockets.js';

describe.each(ways)('the search for a backend, with %s', (way) => {
  it('is over for all backends together when connectBudget is used up', async () => {
    const silent = await Promise.all([startBlackhole(), startBlackhole(), startBlackhole()]);
    const echo = await startEcho();
    const proxy = await startProxy(way, {
      backends: [...silent, echo.address],
      connectTimeout: '100ms',
      connectBudget: '150ms',
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    expect(await within('the end', summary)).toMatchObject({ reason: 'no-backend' });
    expect((await readToEnding(client)).how).toBe('end');
    expect(proxy.stats().backends).toMatchObject([{}, {}, { failed: 0 }, { failed: 0, opened: 0 }]);
    expect(proxy.stats().sessions).toMatchObject({ failed: 1, open: 0 });
  });

  it('is over without a failure of the backend that it had no time for', async () => {
    const silent = await Promise.all([startBlackhole(), startBlackhole()]);
    const proxy = await startProxy(way, {
      backends: silent,
      connectTimeout: '1s',
      connectBudget: '1100ms',
    });
    let failures = 0;
    proxy.on('backendError', () => {
      failures += 1;
    });
    const summary = nextSummary(proxy);
    await connect(portOf(proxy));
    expect(await within('the end', summary)).toMatchObject({ reason: 'no-backend' });
    expect(proxy.stats().backends).toMatchObject([{ failed: 1 }, { failed: 0 }]);
    expect(failures).toBe(1);
  });

  it('is over with a failure of the backend that it had all its time for', async () => {
    const proxy = await startProxy(way, {
      backends: await startBlackhole(),
      connectTimeout: '1h',
      connectBudget: '100ms',
    });
    const summary = nextSummary(proxy);
    await connect(portOf(proxy));
    expect(await within('the end', summary)).toMatchObject({ reason: 'no-backend' });
    expect(proxy.stats().backends).toMatchObject([{ failed: 1 }]);
  });

  it('is over when connectAttempts are used up', async () => {
    const down = await Promise.all(Array.from({ length: 5 }, () => refusedAddress()));
    const proxy = await startProxy(way, { backends: down, connectAttempts: 3 });
    let failures = 0;
    proxy.on('backendError', () => {
      failures += 1;
    });
    const summary = nextSummary(proxy);
    await connect(portOf(proxy));
    expect(await within('the end', summary)).toMatchObject({ reason: 'no-backend' });
    expect(failures).toBe(3);
  });

  it('has others try the backend last that used it up', async () => {
    const [bad, good] = [await refusedAddress(), await startNamed('g')];
    const proxy = await startProxy(way, { backends: [bad, good.address], connectAttempts: 1 });
    const lost = nextSummary(proxy);
    await connect(portOf(proxy));
    expect(await within('the end', lost)).toMatchObject({ reason: 'no-backend' });
    // It has the turn of four of these. One a second finds out anew.
    const clients = await Promise.all(Array.from({ length: 8 }, () => connect(portOf(proxy))));
    const answers = await Promise.all(clients.map((client) => readAll(client.end())));
    expect(answers.filter(({ length }) => length > 0).length).toBeGreaterThan(4);
  });

  it('ends after a second for a client that has left without a word', async () => {
    const proxy = await startProxy(way, {
      backends: await startBlackhole(),
      connectTimeout: '1h',
    });
    const summary = nextSummary(proxy);
    const client = await connect(portOf(proxy));
    client.end();
    expect(await within('the end', summary)).toMatchObject({ reason: 'reset' });
    expect(proxy.stats().backends).toMatchObject([{ failed: 0 }]);
  });

  it('goes on for it with abortOnClose off, and for one that has spoken', async () => {
    for (const [abortOnClose, words] of [
      [false, ''],
      [true, 'question'],
    ] as const) {
      const proxy = await startProxy(way, {
        backends: await startBlackhole(),
        connectTimeout: '1500ms',
        abortOnClose,
      });
      const summary = nextSummary(proxy);
      (await connect(portOf(proxy))).end(words);
      expect(await within('the end', summary)).toMatchObject({ reason: 'no-backend' });
    }
  });

  it('finds one for a client that only listens', async () => {
    const server = await startServer((socket) => socket.end('the time'));
    const proxy = await startProxy(way, { backends: [await refusedAddress(), server.address] });
    for (let count = 0; count < 3; count++) {
      const client = await connect(portOf(proxy));
      client.end();
      expect(`${await readAll(client)}`).toBe('the time');
    }
  });

  it('is bounded for handoff() as well', async () => {
    const proxy = await startProxy(way, {
      backends: await startBlackhole(),
      connectBudget: '100ms',
    });
    const { near } = await socketPair();
    const session = proxy.handoff(near);
    expect((await within('the end', session.closed)).reason).toBe('no-backend');
  });
});

describe('connectBudget', () => {
  it('is three times connectTimeout by default, and none where that is off', () => {
    expect(connectBudgetOf({ connectTimeoutMs: 5000 })).toBe(15_000);
    expect(connectBudgetOf({ connectTimeoutMs: 0 })).toBe(0);
    expect(connectBudgetOf({ connectTimeoutMs: 5000, connectBudgetMs: 0 })).toBe(0);
  });
});
