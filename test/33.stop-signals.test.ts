/** Signals: the first one drains, the second one stops at once. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { RunningCommand, runningInShell } from './helpers/cli.js';
import { until } from './helpers/deadline.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { namespacesWith, namespaceWords } from './helpers/machine.js';
import { tempPath } from './helpers/temp.js';
import { itWhere } from './helpers/where.js';

const kinds = ['--net', '--mount'];
const own = namespacesWith(kinds);

describe('spliceway serve, signalled,', () => {
  it('drains at the first signal: no new client, and the live one finishes', async () => {
    await using command = new RunningCommand([
      ...[
        '--listen',
        '127.0.0.1:0',
        '--backend',
        await startGreeter('a'),
        '--log-format',
        'pretty',
      ],
    ]);
    const port = await command.port();
    const socket = await client(port);
    expect(await nextText(socket)).toBe('a\n');
    command.kill('SIGTERM');
    await command.waitFor('stderr', /waiting up to 30s for 1 session to finish/);
    const late = connect(port, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
    socket.write('still here');
    expect(await nextText(socket)).toBe('still here');
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  // Two SIGTERM are two, however close: only Ctrl+C is ever doubled by accident.
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'stops at once at a second signal, %s',
    async (second) => {
      await using command = new RunningCommand([
        ...[
          '--listen',
          '127.0.0.1:0',
          '--backend',
          await startGreeter('a'),
          '--drain-timeout',
          '1h',
        ],
      ]);
      const socket = await client(await command.port());
      await nextText(socket);
      command.kill('SIGTERM');
      await command.waitFor('stderr', /waiting up to 1h/);
      command.kill(second);
      expect(await command.ended()).toMatchObject({ status: 0 });
      expect(command.stderr).toContain(`${second}: stopping at once`);
    },
  );

  it('takes one Ctrl+C that arrives twice, as it can under npm, for one', async () => {
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', await startGreeter('a')],
    ]);
    const socket = await client(await command.port());
    await nextText(socket);
    command.kill('SIGINT');
    command.kill('SIGINT');
    await command.waitFor('stderr', /waiting up to 30s/);
    socket.write('still here');
    expect(await nextText(socket)).toBe('still here');
    socket.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).not.toContain('stopping at once');
  });

  it('stops when the drain timeout is over', async () => {
    await using command = new RunningCommand([
      ...[
        '--listen',
        '127.0.0.1:0',
        '--backend',
        await startGreeter('a'),
        '--drain-timeout',
        '50ms',
      ],
    ]);
    const socket = await client(await command.port());
    await nextText(socket);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });

  itWhere(
    own,
    'stops while it starts, also as process 1, which signals do not end by themselves',
    async () => {
      const resolver = tempPath('resolv.conf');
      writeFileSync(resolver, `nameserver ${NOBODY}\noptions timeout:30\n`);
      const shell = inNamespace(resolver, ['--pid', '--fork', '--kill-child']);
      await using command = runningInShell(shell, [
        ...['--listen', '127.0.0.1:0', '--backend', 'name.example:1', '--connect-timeout', '1h'],
      ]);
      const ended = command.ended();
      let hasEnded = false;
      void ended.then(() => {
        hasEnded = true;
      });
      // One that comes before Node is up is lost.
      await until('its end', () => {
        for (const child of childrenOf(command.pid)) process.kill(child, 'SIGTERM');
        return hasEnded;
      });
      const { status, signal, stdout } = await ended;
      // libuv blocks signals in the main thread while it takes one over. The kernel then gives one that comes to another thread,
      // which it ends, process 1 or not.
      expect([0, 'SIGTERM']).toContain(status ?? signal);
      expect(stdout).toBe('');
    },
  );

  itWhere(own, 'stops at once while a name server does not answer', async () => {
    // Patient enough for the command to be killed, should it wait for an answer.
    const resolver = tempPath('resolv.conf');
    writeFileSync(resolver, `nameserver ${NOBODY}\noptions timeout:30\n`);
    await using command = runningInShell(inNamespace(resolver), [
      ...['--listen', '127.0.0.1:0', '--backend', 'name.example:1', '--connect-timeout', '50ms'],
    ]);
    await command.port();
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).toContain('stopped');
  });
});

function childrenOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return children.split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // It has ended.
  }
}

/** An address of those for documentation (RFC 5737). */
const NOBODY = '192.0.2.1';

/** For a shell: runs the command with this resolver and a network of its own, where packets to nobody get lost. */
function inNamespace(resolver: string, more: readonly string[] = []): string {
  const setUp = `ip link set lo up && ip route add ${NOBODY} dev lo && mount --bind ${resolver} /etc/resolv.conf`;
  const words = [...(namespaceWords(kinds) ?? []), ...more].join(' ');
  return `exec ${words} sh -c '${setUp} && exec "$@"' sh "$@"`;
}
