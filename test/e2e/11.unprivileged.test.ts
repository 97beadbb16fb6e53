/** The command without privileges: as nobody, with no capability, and what ports below 1024 take. */
import { execFile } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { RunningCommand } from '../helpers/cli.js';
import { optionsOf, ways } from '../helpers/engines.js';
import { client, nextText, startGreeter } from '../helpers/greeters.js';
import { startServer } from '../helpers/servers.js';
import { tempPath } from '../helpers/temp.js';
import { describeAsNobody } from './helpers/programs.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const page = readFileSync(new URL('../../docs/systemd.md', import.meta.url), 'utf8');
const spliceway = `${process.execPath} ${command}`;

/** Nobody, who can get no privilege back. */
const nobody =
  'setpriv --reuid nobody --regid nogroup --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all';

describeAsNobody('an unprivileged user', () => {
  it.each(ways)('balances with %s', async (way) => {
    const { engine = 'auto', accept = 'auto' } = optionsOf(way);
    const pool = [await startGreeter('a'), await startGreeter('b')];
    const args = [
      ...['--listen', '127.0.0.1:0', '--engine', engine, '--accept', accept, '--control', 'off'],
      ...pool.flatMap((address) => ['--backend', address]),
    ];
    await using running = new RunningCommand(args, {}, command, `exec ${nobody} "$@"`);
    const port = await running.port();
    const heard = [];
    for (let turn = 0; turn < 4; turn++) {
      const socket = await client(port);
      heard.push(await nextText(socket));
      socket.write('and back');
      expect(await nextText(socket)).toBe('and back');
      socket.destroy();
    }
    expect(heard).toEqual(['a\n', 'b\n', 'a\n', 'b\n']);
    running.kill('SIGTERM');
    expect(await running.ended()).toMatchObject({ status: 0 });
    expect(running.stderr).not.toMatch(/"level":[45]0/);
  });
});

describeAsNobody('a port below 1024', () => {
  /** The command line of the page that has this word. */
  const ofPage = (word: string): string => {
    const line = page
      .replaceAll('\\\n', ' ')
      .split(/\n|`/)
      .find((text) => text.startsWith(word));
    if (line === undefined) throw new Error(`the page has no command ${word}`);
    return line;
  };

  /** A backend that namespaces of networks do not part from its clients, and that anybody may use. */
  async function startBackend(): Promise<string> {
    const socket = tempPath('backend.sock');
    await startServer((connection) => connection.end('served\n'), { listen: { path: socket } });
    chmodSync(path.dirname(socket), 0o755);
    chmodSync(socket, 0o777);
    return `unix:${socket}`;
  }

  /**
   * In a network of its own: prepares it, starts the command, and has a client at port 80.
   *
   * @returns the first line of the command, and what the client was told
   */
  async function atPort80(start: string, prepare = 'true'): Promise<string> {
    const script = `
      ip link set lo up && ${prepare} >&2 || exit
      coproc proxy { exec ${start} 2>&1; }
      process=$proxy_PID
      read -r line <&"\${proxy[0]}"
      while [[ $line == {* ]]; do read -r line <&"\${proxy[0]}"; done
      echo "$line"
      if exec 3<>/dev/tcp/127.0.0.1/80; then head -n 1 <&3; exec 3>&-; fi
      kill $process && wait $process`;
    // The namespace of processes ends what is left in it, should the test end first.
    const words = ['--net', '--pid', '--fork', '--kill-child', 'bash', '-c', script];
    const run = promisify(execFile);
    // Its status is that of the command, which may have been refused.
    return (await run('unshare', words).catch((error) => error)).stdout;
  }

  it('is refused without a privilege, in words', async () => {
    const backend = await startBackend();
    const told = await atPort80(`${nobody} ${spliceway} --listen :80 --backend ${backend}`);
    expect(told).toMatch(/^spliceway: cannot listen on :80: not permitted; .*CAP_NET_BIND_SERVICE/);
  });

  it('is had with one capability, as the page has it', async () => {
    const start = ofPage('setpriv')
      .replace('spliceway', spliceway)
      .replace('127.0.0.1:8080', await startBackend());
    expect(await atPort80(start)).toMatch(/^listening on .*:80\nserved\n$/);
  });

  it('is had where the system gives it to everybody, as the page has it', async () => {
    const start = `${nobody} ${spliceway} --listen :80 --backend ${await startBackend()}`;
    expect(await atPort80(start, ofPage('sysctl'))).toMatch(/^listening on .*:80\nserved\n$/);
  });

  it('is had from whoever opened it before', async () => {
    const inherited = `${nobody} ${spliceway} --listen fd:3 --backend ${await startBackend()}`;
    const start = `systemd-socket-activate --listen 127.0.0.1:80 ${inherited}`;
    expect(await atPort80(start)).toBe('Listening on 127.0.0.1:80 as 3.\nserved\n');
  });
});
