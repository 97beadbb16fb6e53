/** Each program of docs/examples/library, run as its comment says, against real sockets. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RunningCommand } from './helpers/cli.js';
import { within } from './helpers/deadline.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { refusedAddress, startEcho, startNamed } from './helpers/servers.js';
import { connect, readAll } from './helpers/sockets.js';

const folder = fileURLToPath(new URL('../docs/examples/library/', import.meta.url));
const anyPort = '127.0.0.1:0';

function start(example: string, ...args: string[]): RunningCommand {
  return new RunningCommand(args, {}, path.join(folder, example));
}

/** The whole text of a connection. */
async function heard(port: number): Promise<string> {
  return String(await readAll((await connect(port)).end()));
}

describe('the examples', () => {
  it('are all run here', () => {
    const source = readFileSync(fileURLToPath(import.meta.url), 'utf8');
    for (const name of readdirSync(folder)) {
      expect(source).toContain(`start('${name}'`);
      expect(readFileSync(path.join(folder, name), 'utf8')).toContain(` *   node ${name} `);
    }
  });

  it('balance.mjs: takes turns, says who comes and goes, and drains at SIGTERM', async () => {
    const [a, b] = [await startNamed('a'), await startNamed('b')];
    await using example = start('balance.mjs', anyPort, a.address, b.address);
    const port = await example.port();
    expect([await heard(port), await heard(port)]).toEqual(['a', 'b']);
    await example.waitFor('stdout', /^2 finished: 0 bytes up, 1 down$/m);
    expect(example.stdout).toContain(`1 goes to ${a.address}\n`);
    example.kill('SIGTERM');
    expect(await example.ended()).toMatchObject({ status: 0, stderr: '' });
    expect(example.stdout).toMatch(/served 2 sessions\n$/);
  });

  it('balance.mjs: names a backend that is down', async () => {
    const [down, up] = [await refusedAddress(), await startNamed('up')];
    await using example = start('balance.mjs', anyPort, down, up.address);
    expect(await heard(await example.port())).toBe('up');
    await example.waitFor('stderr', /ECONNREFUSED/);
    expect(example.stderr).toContain(`${down}: `);
  });

  it('fewest-sessions.mjs: the next client goes where the fewest are', async () => {
    const backends = [await startGreeter('a'), await refusedAddress(), await startGreeter('c')];
    await using example = start('fewest-sessions.mjs', anyPort, ...backends);
    const port = await example.port();
    const clients = [];
    for (const name of ['a', 'c', 'a', 'c']) {
      clients.push(await client(port));
      expect(await nextText(clients.at(-1) as (typeof clients)[0])).toBe(`${name}\n`);
    }
  });

  it('one-port.mjs: TLS to one backend, what is not TLS to the other', async () => {
    // A key that both know, instead of a certificate.
    const [ciphers, psk] = ['PSK', Buffer.from('known to both')];
    const secure = createTlsServer({ ciphers, pskCallback: () => psk }, (socket) =>
      socket.pipe(socket),
    );
    await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void secure.close());
    const { port: securePort } = secure.address() as { port: number };
    const plain = await startEcho();

    await using example = start('one-port.mjs', '0', `127.0.0.1:${securePort}`, plain.address);
    const port = await example.port();
    const spoken = await connect(port);
    spoken.end('GET / HTTP/1.1\r\n\r\n');
    expect(String(await readAll(spoken))).toBe('GET / HTTP/1.1\r\n\r\n');
    const encrypted = connectTls({
      ...{ port, host: '127.0.0.1', ciphers, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    encrypted.write('secret');
    expect(await within('the echo', nextText(encrypted.setEncoding('utf8')))).toBe('secret');
    encrypted.destroy();
    // Somebody who says nothing is let go.
    expect(await heard(port)).toBe('');
  });

  it('tunnel.cjs: a client gets through it, and is told when it cannot', async () => {
    const server = createServer((_, response) => response.end('through the tunnel\n'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port: target } = server.address() as { port: number };
    await using example = start('tunnel.cjs', '0');
    const port = await example.port();
    const asked = async (request: string) => {
      const socket = await connect(port);
      socket.write(request);
      return String((await readAll(socket)).toString('latin1'));
    };
    const get = `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
    const answer = await asked(`CONNECT 127.0.0.1:${target} HTTP/1.1\r\nHost: x\r\n\r\n${get}`);
    expect(answer).toMatch(/^HTTP\/1\.1 200 .*through the tunnel/s);
    const connectTo = (authority: string) => `CONNECT ${authority} HTTP/1.1\r\nHost: x\r\n\r\n`;
    expect(await asked(connectTo(await refusedAddress()))).toMatch(/^HTTP\/1\.1 502 /);
    expect(await asked(connectTo('127.0.0.1:99999'))).toMatch(/^HTTP\/1\.1 400 /);
    expect(example.stderr).toBe('');
  });
});
