/** The demonstration: `spliceway demo`, or `spliceway` alone. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { verdict } from '../src/cli/demo.js';
import { EchoBackend } from '../src/cli/demo-peers.js';
import { DemoTraffic } from '../src/cli/demo-traffic.js';
import { RunningCommand } from './helpers/cli.js';
import { until } from './helpers/deadline.js';
import { engines } from './helpers/engines.js';
import { startProxy } from './helpers/proxies.js';

/** Its own port may be taken: a module that has any free one in its place. */
const anyPort = `data:text/javascript,${encodeURIComponent(`
  import net from 'node:net';
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = function (options, ...rest) {
    const port = options.port === 5555 ? 0 : options.port;
    return listen.call(this, { ...options, port }, ...rest);
  };
`)}`;

describe('spliceway demo', () => {
  it('shows four clients taking turns, then live figures, and stays up', async () => {
    await using command = new RunningCommand(['demo', '--listen', '127.0.0.1:0']);
    const port = await command.port();
    await command.waitFor(
      'stdout',
      /^sessions \d+ \(\d+ open\) \| up .* \| down .* \| turns A 2, B 1, C 1$/m,
    );
    const answers = [...command.stdout.matchAll(/client \d: (backend [ABC]: hello .*)/g)];
    expect(answers.map(([, answer]) => answer)).toEqual([
      'backend A: hello from client 1',
      'backend B: hello from client 2',
      'backend C: hello from client 3',
      'backend A: hello from client 4',
    ]);
    expect(command.stdout).toContain(
      'spliceway --listen 127.0.0.1:5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307',
    );
    const guest = connect(port, '127.0.0.1').setEncoding('utf8');
    guest.end('me too\n');
    const [answer] = (await once(guest, 'data')) as [string];
    expect(answer).toMatch(/^backend [ABC]: me too\n$/);
    command.kill('SIGINT');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it('has a status address, and says where, until it stops', async () => {
    await using command = new RunningCommand(['demo', '--listen', '127.0.0.1:0']);
    const [, url] = await command.waitFor(
      'stdout',
      /^See how it is: {2}(http:\/\/127\.0\.0\.1:\d+\/)$/m,
    );
    expect((await fetch(`${url}readyz`)).status).toBe(200);
    const { pools } = (await (await fetch(`${url}readyz`)).json()) as { pools: unknown };
    expect(pools).toEqual([{ pool: 'default', ready: true }]);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
    await expect(fetch(`${url}healthz`)).rejects.toThrow();
  });

  it('stays up when the reader of its output leaves', async () => {
    const args = ['demo', '--listen', '127.0.0.1:0', '--log-level', 'info'];
    await using command = new RunningCommand(args);
    await command.port();
    command.closeStdout();
    await command.waitFor('stderr', /engine/);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  it.each([
    ['', 'spliceway demo --listen 127.0.0.1:6000'],
    ['start', 'npm start -- demo --listen 127.0.0.1:6000'],
  ])('says how to choose another port when its own is taken (%s)', async (script, advice) => {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const listener = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await using command = new RunningCommand(['demo', '--listen', listener], {
      npm_lifecycle_event: script,
    });
    const { status, stdout, stderr } = await command.ended();
    server.close();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/in use.* \(ERR_SPLICEWAY_LISTEN\)/);
    // Alone on its line: to be copied as it is.
    expect(stderr.split('\n')).toContain(`  ${advice}`);
    expect(stderr.match(/ERR_SPLICEWAY_LISTEN/g)).toHaveLength(1);
  });

  it('is what spliceway alone is', async () => {
    await using command = new RunningCommand([], { NODE_OPTIONS: `--import=${anyPort}` });
    await command.waitFor('stdout', /^A demonstration: .*\nlistening on 127\.0\.0\.1:\d+$/m);
  });

  it('names the address that it really listens on', async () => {
    await using command = new RunningCommand(['demo', '--listen', '127.0.0.2:0']);
    const [, host, port] = await command.waitFor('stdout', /^listening on (.*):(\d+)$/m);
    await command.waitFor('stdout', new RegExp(`a line at a time: {2}nc ${host} ${port}$`, 'm'));
    expect(host).toBe('127.0.0.2');
  });

  it.each([
    [['A', 'B', 'A', 'B'], 'They took turns.'],
    [['A', 'A', 'B', 'A'], 'All were answered, though not in strict turns.'],
    [['A', undefined, 'A', undefined], '2 of 4 clients got no answer: see the log.'],
  ])('says what came of it: %j', (turns, words) => {
    expect(verdict(turns)).toBe(words);
  });
});

describe.each(engines)('the clients of the demonstration with %s', (engine) => {
  it('come and go, small ones and large ones, while one backend fails and recovers', async () => {
    const backends = await Promise.all(['A', 'B', 'C'].map((name) => EchoBackend.start(name)));
    onTestFinished(() => {
      for (const backend of backends) backend.close();
    });
    const proxy = await startProxy(engine, { backends: backends.map(({ address }) => address) });
    const traffic = new DemoTraffic(proxy, backends[2]);
    onTestFinished(() => traffic.end());
    const ticks = (count: number) => {
      for (let tick = 0; tick < count; tick++) traffic.tick();
    };
    const port = Number(backends[2]?.address.split(':')[1]);
    const answerOfThird = async () => {
      const socket = connect(port, '127.0.0.1').setEncoding('utf8');
      socket.write('hello\n');
      const [answer] = await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(
        ({ code }: { code: string }) => [code],
      );
      socket.destroy();
      return answer as string;
    };
    ticks(20);
    await until('some talk', () => proxy.stats().sessions.open > 3);
    await until('many have come, and some of them want much', () => {
      const { sessions, bytes } = proxy.stats();
      return sessions.opened > 50 && bytes.downstream > 5 * 1_048_576;
    });
    expect(await answerOfThird()).toBe('backend C: hello\n');
    ticks(1);
    expect(await answerOfThird()).toBe('ECONNRESET');
    ticks(14);
    expect(await answerOfThird()).toBe('ECONNRESET');
    ticks(1);
    expect(await answerOfThird()).toBe('backend C: hello\n');
    traffic.end();
    await until('all have left', () => proxy.stats().sessions.open === 0);
  });
});
