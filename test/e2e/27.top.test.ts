/** `spliceway top` in tmux, as people use it: what stands on the screen, and what keys do. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { closeOf } from '../helpers/control.js';
import { type Balancer, environmentOf, startBalancer } from '../helpers/remote.js';
import { startEcho } from '../helpers/servers.js';
import { ANY_PORT, openClient } from '../helpers/services.js';
import { tempPath } from '../helpers/temp.js';
import { runCommand } from './helpers/command.js';
import { describeWith, program } from './helpers/programs.js';
import { waitUntil } from './helpers/wait.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PROMPT = 'READY>';

/** A shell in a terminal that tmux draws. */
class Terminal {
  readonly #socket: string;

  private constructor(socket: string) {
    this.#socket = socket;
  }

  static async open(
    { folder }: Balancer,
    columns: number,
    rows: number,
    environment: NodeJS.ProcessEnv = {},
  ): Promise<Terminal> {
    const home = tempPath('tmux');
    mkdirSync(home);
    const script = path.join(home, 'spliceway');
    writeFileSync(script, `#!/bin/sh\nexec '${process.execPath}' '${command}' "$@"\n`);
    chmodSync(script, 0o755);
    // Of root a shell does not take the prompt from the environment.
    const rc = path.join(home, 'rc');
    writeFileSync(rc, `PS1='${PROMPT} '\n`);
    const terminal = new Terminal(path.join(home, 'socket'));
    const env = {
      ...process.env,
      ...environmentOf(folder),
      ...{ PATH: `${home}:${process.env.PATH}`, LC_ALL: 'C.UTF-8', TMUX: undefined },
      ...{ ENV: rc, TERM: 'xterm-256color', ...environment },
    };
    const size = ['-x', String(columns), '-y', String(rows)];
    // Also what is no variable of tmux itself: its server takes the environment of whoever starts it.
    await terminal.#tmux(['-u', '-f', '/dev/null', 'new-session', '-d', ...size, 'sh -i'], env);
    onTestFinished(() => terminal.#tmux(['kill-server']).then(() => {}));
    await terminal.until(new RegExp(`^${PROMPT}`, 'm'));
    return terminal;
  }

  /** Keys as tmux calls them, or text. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux(['send-keys', ...keys]);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux(['resize-window', '-x', String(columns), '-y', String(rows)]);
  }

  /** Its lines, without spaces at their ends. */
  async shown(): Promise<string> {
    return await this.#tmux(['capture-pane', '-p']);
  }

  /** @returns what stands there then */
  async until(pattern: RegExp): Promise<string> {
    let text = '';
    const isThere = async () => {
      text = await this.shown();
      return pattern.test(text);
    };
    await waitUntil(isThere, { what: String(pattern) }).catch((cause) => {
      throw new Error(`${pattern} is not on the terminal, which shows\n${text}`, { cause });
    });
    return text;
  }

  /** Of the terminal: whether its cursor is seen, and whether what was there before is kept behind what is. */
  async state(): Promise<string> {
    const format = '#{cursor_flag} #{alternate_on} #{wrap_flag}';
    return (await this.#tmux(['display-message', '-p', format])).trim();
  }

  async #tmux(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string> {
    const given = env === undefined ? {} : { env };
    const all = ['-S', this.#socket, ...args];
    const { status, stdout, stderr } = await runCommand(program('tmux'), all, given);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return stdout;
  }
}

const GIVEN_BACK = '1 0 1';

async function startShop(): Promise<Balancer> {
  const [one, two, web] = await Promise.all([startEcho(), startEcho(), startEcho()]);
  return await startBalancer({
    config: {
      threads: 1,
      listeners: {
        sql: { address: ANY_PORT, pool: 'db' },
        web: { address: ANY_PORT, pool: 'site' },
      },
      pools: {
        db: {
          policy: 'first',
          backends: [`${one.address},name=db-1`, `${two.address},name=db-2,weight=2`],
        },
        site: { backends: [`${web.address},name=web-1`] },
      },
    },
  });
}

describeWith({ tmux: 'tmux' }, 'top in a terminal', () => {
  test.each([
    [80, 24],
    [200, 60],
  ])('of %i columns and %i rows shows all, and fits', async (columns, rows) => {
    const balancer = await startShop();
    await openClient(balancer.port);
    const terminal = await Terminal.open(balancer, columns, rows);
    await terminal.press('spliceway top', 'Enter');
    // Lines come from top to bottom: with the last one of the second look all of it stands there.
    const shown = await terminal.until(
      /^traffic .*\/s in[\s\S]*^ {4}db-1 +.*[▁-█·][\s\S]*^ {4}web-1 .*[▁-█·]/m,
    );
    const lines = shown.split('\n');
    expect(lines.slice(0, rows)).toHaveLength(rows);
    expect(lines[0]).toMatch(/^edge {2}spliceway \d/);
    expect(shown).toMatch(/^> db +.*up +/m);
    expect(shown).toMatch(/^ {4}db-1 +.*up +.*[▁▂▃▄▅▆▇█·]/m);
    expect(shown).toMatch(/^ {2}site +/m);
    expect(/^ {2}POOL, BACKEND.* WEIGHT .*99%/m.test(shown)).toBe(columns === 200);
    expect(lines[rows - 1]).toMatch(/^q quit .*K kill/);
    expect(lines[rows - 1]?.includes('m maintenance')).toBe(columns === 200);
    await terminal.press('?');
    await terminal.until(/^any key goes back$/m);
    await terminal.press('x', 'q');
    // What was there before is there again.
    await terminal.until(new RegExp(`^${PROMPT} spliceway top\\n${PROMPT}`));
    expect(await terminal.state()).toBe(GIVEN_BACK);
  });

  test('drains and kills, each once somebody has said yes', async () => {
    const balancer = await startShop();
    const client = await openClient(balancer.port);
    const terminal = await Terminal.open(balancer, 80, 24);
    await terminal.press('spliceway top --interval 200ms', 'Enter');
    await terminal.until(/^> db /m);
    await terminal.press('Down', 'd');
    await terminal.until(/^Send no new sessions to db\/db-1\? .* \[y\/N\]$/m);
    await terminal.press('y');
    await terminal.until(/changed db\/db-1 \(generation 2\)/);
    const drained = await terminal.until(/^> {3}db-1 +drain +1 /m);
    expect(drained).toMatch(/^ {2}db +1 of 2 up +/m);
    await terminal.press('Tab');
    await terminal.until(/^> \S+ +127\.0\.0\.1:\d+ +db\/db-1/m);
    await terminal.press('K');
    await terminal.until(/^End session .*\[y\/N\]$/m);
    const ended = closeOf(client);
    await terminal.press('y');
    await ended;
    await terminal.until(/1 session ended/);
    await terminal.until(/^0 sessions, by rate/m);
    await terminal.press('q');
    await terminal.until(new RegExp(`^${PROMPT} spliceway top.*\\n${PROMPT}`));
  });

  test('follows another size, and comes back after Ctrl+Z', async () => {
    const balancer = await startShop();
    const terminal = await Terminal.open(balancer, 80, 24);
    await terminal.press('spliceway top', 'Enter');
    await terminal.until(/^> db /m);
    await terminal.resize(120, 30);
    // The last of thirty lines: a frame that is half drawn has the old one too.
    await terminal.until(/^(?=[\s\S]* WHY\n)(?:.*\n){29}q quit /);
    await terminal.resize(40, 10);
    const small = await terminal.until(/^q quit .*…$/m);
    expect(small).toMatch(/^> db /m);
    await terminal.press('C-z');
    await terminal.until(
      new RegExp(`^${PROMPT} spliceway top\n[\\s\\S]*Stopped[\\s\\S]*${PROMPT}`),
    );
    expect(await terminal.state()).toBe(GIVEN_BACK);
    await terminal.press('fg', 'Enter');
    await terminal.until(/^> db /m);
    // It hears keys again.
    await terminal.press('j');
    await terminal.until(/^> {3}db-1 /m);
    await terminal.press('C-c');
    await terminal.until(new RegExp(`^${PROMPT} $|^${PROMPT}$`, 'm'));
    expect(await terminal.state()).toBe(GIVEN_BACK);
  });

  test('without colours marks what is chosen; where it cannot draw, it prints once', async () => {
    const balancer = await startShop();
    const plain = await Terminal.open(balancer, 80, 24, { NO_COLOR: '1' });
    await plain.press('spliceway top', 'Enter');
    await plain.until(/^> db +up /m);
    await plain.press('q');
    const dumb = await Terminal.open(balancer, 80, 24, { TERM: 'xterm' });
    await dumb.press('TERM=dumb spliceway top', 'Enter');
    await dumb.until(
      new RegExp(`^edge {2}spliceway[\\s\\S]*^ {2}db-1 +up [\\s\\S]*^${PROMPT}`, 'm'),
    );
    await dumb.press('clear; spliceway top --once --json | grep -c openedPerSecond', 'Enter');
    await dumb.until(/^6\n/m);
  });
});
