/** Health checks that need no protocol of a database: TCP, HTTP, a function; and what all checks keep to. */
import { execFile } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HealthOptions } from '../src/config/health-options.js';
import type { HealthContext } from '../src/model/health.js';
import { certificate, privateKey } from './helpers/certificate.js';
import { ask, targetOf } from './helpers/checks.js';
import { until, within, withTimeEnough } from './helpers/deadline.js';
import { openDescriptors } from './helpers/descriptors.js';
import { startBlackhole, startServer } from './helpers/servers.js';
import { tempFiles, tempPath } from './helpers/temp.js';

const files = tempFiles();

describe('tcp', () => {
  it('is well when it connects, over TCP and a Unix socket', async () => {
    const server = await startServer();
    expect(await ask(targetOf(server.port), { type: 'tcp' })).toBe('well: ');
    const path = tempPath('checked.sock');
    await startServer(() => {}, { listen: { path } });
    expect(await ask(targetOf(path), { type: 'tcp' })).toBe('well: ');
  });

  it('ends its connection, and the server sees no reset', async () => {
    const server = await startServer((socket) => socket.resume());
    expect(await ask(targetOf(server.port), { type: 'tcp' })).toBe('well: ');
    const socket = await server.socket(0);
    if (!socket.readableEnded) await within('the end', once(socket, 'end'));
    expect(socket.errored).toBeNull();
  });

  it('says why it does not connect', async () => {
    const server = await startServer();
    await server.close();
    expect(await ask(targetOf(server.port), { type: 'tcp' })).toBe('connect refused');
    expect(await ask(targetOf(tempPath('nobody')), { type: 'tcp' })).toBe('no socket at its path');
  });

  it('sends text or bytes, and finds what has to come, in whatever pieces', async () => {
    const server = await startServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        socket.write('you said ');
        for (const byte of bytes) socket.write(Buffer.of(byte));
      });
    });
    const target = targetOf(server.port);
    const [send, bytes] = ['PING é', 'hex:50494E4720c3a9'];
    expect(await ask(target, { type: 'tcp', send, expect: 'said PING' })).toBe('well: ');
    expect(await ask(target, { type: 'tcp', send: bytes, expect: 'said PING é' })).toBe('well: ');
    expect(await ask(target, { type: 'tcp', send, expect: bytes })).toBe('well: ');
  });

  it('finds it in the first 64 KiB, and no further', async () => {
    const server = await startServer((socket) => {
      socket.once('data', (bytes: Buffer) => {
        socket.end(`${'-'.repeat(Number(bytes))}found`);
      });
    });
    const target = targetOf(server.port);
    const health = (count: number): HealthOptions => ({
      type: 'tcp',
      send: `${count}`,
      expect: 'found',
    });
    expect(await ask(target, health(65_531))).toBe('well: ');
    expect(await ask(target, health(65_532))).toBe('expected "found", got 65536 other bytes');
    expect(await ask(target, health(3e6))).toBe('expected "found", got 65536 other bytes');
  });

  it('says what came instead', async () => {
    const server = await startServer((socket) => socket.resume().end('220 mail\r\n\x07'));
    const target = targetOf(server.port);
    const wants = { type: 'tcp', expect: '250' } as const;
    expect(await ask(target, wants)).toBe('expected "250", got "220 mail" and the end');
    const silent = await startServer((socket) => socket.resume().end());
    expect(await ask(targetOf(silent.port), wants)).toBe(
      'expected "250", got the end of the connection',
    );
    const rude = await startServer((socket) => socket.resetAndDestroy());
    expect(await ask(targetOf(rude.port), wants)).toBe('connection reset');
  });
});

/** @returns its port; closed when the test ends */
async function serve(server: http.Server | https.Server): Promise<number> {
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await within('listening', once(server.listen(0, '127.0.0.1'), 'listening'));
  return (server.address() as AddressInfo).port;
}

describe('http', () => {
  /** Answers with the status that the path names. */
  const withStatus = () =>
    serve(
      http.createServer((request, response) => {
        response.statusCode = Number(request.url?.slice(1));
        response.end('all is well');
      }),
    );

  it('goes by the status', async () => {
    const target = targetOf(await withStatus());
    const health = { type: 'http', path: '/204' } as const;
    expect(await ask(target, health)).toBe('well: 204');
    expect(await ask(target, { ...health, path: '/399' })).toBe('well: 399');
    expect(await ask(target, { ...health, path: '/503' })).toBe('expected 200-399, got 503');
    expect(await ask(target, { ...health, statuses: 200 })).toBe('expected 200, got 204');
    const several = { ...health, statuses: [200, '500-503'] };
    expect(await ask(target, several)).toBe('expected 200, 500-503, got 204');
    expect(await ask(target, { ...several, path: '/503' })).toBe('well: 503');
  });

  it('sends what it is told to', async () => {
    const seen: unknown[] = [];
    const port = await serve(
      http.createServer(({ method, url, headers: { host, connection } }, response) => {
        seen.push([method, url, host, connection]);
        response.end();
      }),
    );
    await ask(targetOf(port, 'db.example'), { type: 'http' });
    await ask(targetOf(port, '::1'), { type: 'http', method: 'HEAD', path: '/a?b=c' });
    await ask(targetOf(port), { type: 'http', method: 'OPTIONS', host: 'shop.example' });
    expect(seen).toEqual([
      ['GET', '/', `db.example:${port}`, 'close'],
      ['HEAD', '/a?b=c', `[::1]:${port}`, 'close'],
      ['OPTIONS', '/', 'shop.example', 'close'],
    ]);
  });

  it('asks over a Unix socket as well', async () => {
    const path = tempPath('web.sock');
    const server = http.createServer(({ headers: { host } }, response) => response.end(host));
    onTestFinished(() => void server.close());
    await within('listening', once(server.listen(path), 'listening'));
    expect(await ask(targetOf(path, ''), { type: 'http', body: 'localhost' })).toBe('well: 200');
  });

  it('looks into the first 64 KiB of the body', async () => {
    const port = await serve(
      http.createServer((request, response) => {
        response.write('-'.repeat(Number(request.url?.slice(1))));
        response.end('ready');
      }),
    );
    const health = (count: number): HealthOptions => ({
      type: 'http',
      path: `/${count}`,
      body: 'ready',
    });
    expect(await ask(targetOf(port), health(0))).toBe('well: 200');
    expect(await ask(targetOf(port), health(65_531))).toBe('well: 200');
    const far = `expected "ready" in the body, got "${'-'.repeat(200)}…"`;
    expect(await ask(targetOf(port), health(65_532))).toBe(far);
    expect(await ask(targetOf(port), health(1e6))).toBe(far);
  });

  it('says what came instead of an answer', async () => {
    const answers: Record<string, string> = {
      'expected HTTP, got something else': 'SSH-2.0-OpenSSH\r\n',
      'expected an answer, got the end of the connection': '',
      'expected the rest of an answer, got the end of the connection':
        'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    };
    for (const [message, answer] of Object.entries(answers)) {
      const server = await startServer((socket) => socket.resume().end(answer));
      expect(await ask(targetOf(server.port), { type: 'http', body: 'all' })).toBe(message);
    }
    const server = await startServer((socket) =>
      socket.resume().end('HTTP/1.1 101 Go on\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n'),
    );
    expect(await ask(targetOf(server.port), { type: 'http' })).toBe(
      'expected an answer, got the end of the connection',
    );
    await server.close();
    expect(await ask(targetOf(server.port), { type: 'http' })).toBe('connect refused');
  });
});

describe('https', () => {
  const start = (onName: (name: string | false) => void = () => {}) =>
    serve(
      https
        .createServer({ cert: certificate, key: privateKey }, (request, response) => {
          onName((request.socket as unknown as { servername: string | false }).servername);
          response.end('all is well');
        })
        .on('tlsClientError', () => {}),
    );

  it('refuses a certificate that nobody has signed, unless it is told not to look', async () => {
    const target = targetOf(await start(), 'checked.example');
    expect(await ask(target, { type: 'https' })).toBe(
      'the certificate is refused: self-signed certificate',
    );
    expect(await ask(target, { type: 'https', verify: false, body: 'well' })).toBe('well: 200');
  });

  it('asks for a name, but not for an address', async () => {
    const names: unknown[] = [];
    const port = await start((name) => names.push(name));
    const health = { type: 'https', verify: false } as const;
    await ask(targetOf(port, 'checked.example'), health);
    await ask(targetOf(port), health);
    await ask(targetOf(port), { ...health, serverName: 'other.example' });
    expect(names).toEqual(['checked.example', false, 'other.example']);
  });

  it('takes a certificate of an authority that Node trusts, when it has the name', async () => {
    const port = await start();
    const registry = new URL('../dist/pool/health/checks/registry.js', import.meta.url).href;
    const program = `
      import { createCheck } from ${JSON.stringify(registry)};
      const address = { kind: 'tcp', ip: '127.0.0.1', port: ${port}, family: 4 };
      const statuses = [{ from: 200, to: 200 }];
      const config = { type: 'https', method: 'GET', path: '/', statuses, verify: true };
      for (const host of ['checked.example', 'other.example', '127.0.0.1']) {
        const answer = createCheck(config)({ name: 'a', address, host }, AbortSignal.timeout(60_000));
        console.log(await answer.catch(({ message }) => message));
      }`;
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: files.write('ca.pem', certificate) };
    const args = ['--input-type=module', '-e', program];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env });
    const [right, wrong, address] = stdout.split('\n');
    expect(right).toBe('200');
    expect(wrong).toMatch(/^the certificate is refused: Hostname\/IP does not match/);
    expect(address).toMatch(/^the certificate is refused: Hostname\/IP does not match/);
  });

  it('says when there is no TLS', async () => {
    const server = await startServer((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\n'));
    expect(await ask(targetOf(server.port), { type: 'https' })).toMatch(
      /^the TLS handshake failed: [a-z ]+$/,
    );
  });
});

describe('a function', () => {
  const target = targetOf(3306);

  it('is told where to ask', async () => {
    const seen: unknown[] = [];
    const check = ({ signal, ...context }: HealthContext) => {
      seen.push({ ...context, aborted: signal.aborted });
      return true;
    };
    await ask(target, { check });
    await ask(targetOf('/run/db.sock', ''), { check });
    expect(seen).toEqual([
      { name: 'db-1', address: '127.0.0.1:3306', host: '127.0.0.1', port: 3306, aborted: false },
      { name: 'db-1', address: 'unix:/run/db.sock', host: '/run/db.sock', port: 0, aborted: false },
    ]);
  });

  it.each<[string, () => unknown, string]>([
    ['true', () => true, 'well: '],
    ['a promise of true', async () => true, 'well: '],
    ['a text', async () => 'lag\n2s', 'well: lag 2s'],
    ['false', () => false, 'the function of the program answered with false'],
    ['a promise of false', async () => false, 'the function of the program answered with false'],
    [
      'nothing',
      () => undefined,
      'the function of the program answered with undefined, expected true, false or a text',
    ],
    [
      'a number',
      async () => 1,
      'the function of the program answered with number, expected true, false or a text',
    ],
    ['a rejection', () => Promise.reject(new Error('3 jobs\nwait')), '3 jobs wait'],
    [
      'a throw of what is no error',
      () => {
        throw 'lazy';
      },
      'lazy',
    ],
  ])('answers with %s', async (_, check, words) => {
    expect(await ask(target, { check: check as () => boolean })).toBe(words);
  });

  it('is not waited for when its time is over', async () => {
    const time = new AbortController();
    const seen: AbortSignal[] = [];
    const check = ({ signal }: HealthContext) => {
      seen.push(signal);
      return new Promise<boolean>((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('too late to be heard')));
      });
    };
    const answer = ask(target, { check }, time.signal);
    time.abort();
    expect(await answer).toBe('timed out waiting for the function of the program');
    expect(seen).toEqual([time.signal]);
  });
});

describe('each type', () => {
  const types: readonly (readonly [HealthOptions & { type: string }, string])[] = [
    [{ type: 'tcp', expect: 'anything' }, '"anything"'],
    [{ type: 'http' }, 'the answer'],
    [{ type: 'https' }, 'the TLS handshake'],
    [{ type: 'mysql' }, 'its greeting'],
    [{ type: 'postgres', user: 'check' }, 'the answer to the login'],
    [{ type: 'redis' }, 'the answer to PING'],
  ];
  const named = types.map(([health, what]) => ({ name: health.type, health, what }));

  it.each(named)(
    '$name: is over when its time is, and says what it waited for',
    async ({ health, what }) => {
      const server = await startServer((socket) => socket.resume());
      await withTimeEnough(50, async (ms) => {
        const answer = await within(
          'the answer',
          ask(targetOf(server.port), health, AbortSignal.timeout(ms)),
        );
        if (answer === 'timed out while connecting') return false;
        expect(answer).toBe(`timed out waiting for ${what}`);
        return true;
      });
      const isOver = () => server.sockets.every((socket) => socket.closed || socket.readableEnded);
      await until('the end of the connections', isOver);
    },
  );

  it.each(named)('$name: waits for a connection no longer than it may', async ({ health }) => {
    const port = Number((await startBlackhole()).split(':')[1]);
    const time = new AbortController();
    const answer = ask(targetOf(port), health, time.signal);
    setImmediate(() => time.abort());
    expect(await within('the answer', answer)).toBe('timed out while connecting');
  });

  it.each(named)('$name: does not begin when its time is over already', async ({ health }) => {
    const server = await startServer();
    const answer = await ask(targetOf(server.port), health, AbortSignal.abort());
    expect(answer).toBe('timed out before it began');
    expect(server.sockets).toHaveLength(0);
  });

  it.each(named)('$name: leaves nothing open', async ({ health }) => {
    const server = await startServer((socket, index) => {
      socket.resume();
      if (index % 3 === 0) socket.end('+PONG\r\n');
      else if (index % 3 === 1) socket.resetAndDestroy();
    });
    const { total } = openDescriptors();
    for (let round = 0; round < 9; round++) {
      const time = new AbortController();
      const answer = ask(targetOf(server.port), health, time.signal);
      const socket = await server.socket(round);
      if (round % 3 === 2) time.abort();
      await within('the answer', answer);
      expect(getEventListeners(time.signal, 'abort')).toHaveLength(0);
      socket.destroy();
      if (!socket.closed) await within('the close', once(socket, 'close'));
    }
    await until('the descriptors to be closed', () => openDescriptors().total <= total);
  });
});
