/** Redis through the proxy: small requests, many at once, and messages that the server sends by itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { beforeAll, describe, expect, test } from 'vitest';
import { stopAfterwards } from './helpers/cleanup.js';
import { runCommand } from './helpers/command.js';
import { describeWith, program } from './helpers/programs.js';
import { ProxyProcess, ways } from './helpers/proxy.js';
import { redis, redisNeeds, startRedis } from './helpers/redis.js';

describeWith(redisNeeds, 'Redis behind the proxy', () => {
  describe.each(ways)('$name', ({ engine, args }) => {
    const keep = stopAfterwards();
    let proxy: ProxyProcess;
    beforeAll(async () => {
      const backends = [keep(await startRedis())];
      proxy = keep(await ProxyProcess.start({ engine, backends, args }));
    });

    test('a value set by one client is read by another', async () => {
      expect(await redis(proxy.port, 'SET', 'greeting', 'good morning')).toBe('OK');
      expect(await redis(proxy.port, 'GET', 'greeting')).toBe('good morning');
      expect(await redis(proxy.port, 'STRLEN', 'greeting')).toBe('12');
    });

    test('redis-benchmark with 50 clients, short and pipelined requests, has no errors', async () => {
      for (const pipeline of ['1', '16']) {
        const { status, stdout, stderr } = await runCommand(program('redis-benchmark'), [
          ...['-h', '127.0.0.1', '-p', String(proxy.port), '--csv'],
          ...['-t', 'set,get,lpush,lrange_100', '-n', '20000', '-c', '50', '-P', pipeline],
        ]);
        expect(stdout + stderr).not.toMatch(/error/i);
        expect(status).toBe(0);
        expect(stdout).toContain('"GET"');
        expect(stdout).toContain('"LRANGE_100');
      }
    });

    test('a subscriber receives what another client publishes', async () => {
      const subscriber = spawn(
        program('redis-cli'),
        ['-h', '127.0.0.1', '-p', String(proxy.port), 'SUBSCRIBE', 'news'],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const closed = once(subscriber, 'close');
      try {
        const lines = createInterface({ input: subscriber.stdout })[Symbol.asyncIterator]();
        const next = async (): Promise<string> => (await lines.next()).value;
        expect([await next(), await next(), await next()]).toEqual(['subscribe', 'news', '1']);
        for (const message of ['first', 'second']) {
          expect(await redis(proxy.port, 'PUBLISH', 'news', message)).toBe('1');
          expect([await next(), await next(), await next()]).toEqual(['message', 'news', message]);
        }
      } finally {
        subscriber.kill();
        await closed;
      }
    });
  });
});
