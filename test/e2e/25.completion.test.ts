/** What shells complete when somebody presses TAB, in each of those that there is a script for. */
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { RunningCommand } from '../helpers/cli.js';
import { type Balancer, startBalancer, startOnTerminal } from '../helpers/remote.js';
import { tempPath } from '../helpers/temp.js';
import { describeWith } from './helpers/programs.js';

const command = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const PROMPT = 'READY> ';

/** `spliceway` for the shells: it completes as it does, and says what else it was called with. */
const WRAPPER = `#!/bin/sh
case "$1.$#" in complete.* | completion.2) exec ${process.execPath} ${command} "$@" ;; esac
printf GOT
printf ' [%s]' "$@"
echo
`;

/** How each begins: with its script, and a prompt that can be waited for. */
const shells = [
  {
    shell: 'bash',
    // Twice, as who reads its file again does.
    rc: `PS1='${PROMPT}'\nsource <(spliceway completion bash)\nsource <(spliceway completion bash)\n`,
    words: (folder: string) => `bash --noprofile --rcfile ${folder}/rc -i`,
  },
  {
    shell: 'zsh',
    rc: `PS1='${PROMPT}'\nautoload -Uz compinit\ncompinit -u -D\nsource <(spliceway completion zsh)\n`,
    words: () => 'zsh -d -i',
  },
  {
    shell: 'fish',
    rc: `function fish_prompt; printf '${PROMPT}'; end\nset -g fish_greeting\nspliceway completion fish | source\n`,
    words: (folder: string) => `fish --no-config --init-command 'source ${folder}/rc' -i`,
  },
] as const;

class Shell {
  readonly #terminal: RunningCommand;
  #turn = 0;

  constructor(balancer: Balancer, { rc, words }: (typeof shells)[number]) {
    const folder = tempPath('shell');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'spliceway'), WRAPPER);
    chmodSync(path.join(folder, 'spliceway'), 0o755);
    for (const name of ['rc', '.zshrc']) writeFileSync(path.join(folder, name), rc);
    this.#terminal = startOnTerminal(
      balancer,
      200,
      [],
      {
        ...{ PATH: `${folder}:${process.env.PATH}`, HOME: folder, ZDOTDIR: folder },
        ...{ XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder, LC_ALL: 'C.UTF-8' },
      },
      words(folder),
    );
  }

  async ready(): Promise<void> {
    await this.#terminal.waitFor('stdout', new RegExp(PROMPT));
  }

  /** @param keys what is typed behind the name, TAB and all @returns the words that the program gets */
  async typed(keys: string): Promise<string> {
    this.#turn += 1;
    const last = `turn-${this.#turn}`;
    this.#terminal.write(`spliceway ${keys} ${last}\r`);
    const said = new RegExp(`GOT (.*) \\[${last}\\][^]*${PROMPT}`);
    const [, words = ''] = await this.#terminal.waitFor('stdout', said);
    return words;
  }
}

/** Its backends are called by a name, and by an address of each kind. */
const startNamed = () =>
  startBalancer({
    name: 'edge',
    config: {
      threads: 1,
      listeners: { sql: { address: '127.0.0.1:0', pool: 'db' } },
      pools: {
        db: { backends: ['127.0.0.1:9,name=alpha', '127.0.0.1:3306', 'unix:/run/nobody.sock'] },
        site: { backends: ['[::1]:8080'] },
      },
    },
  });

const cases: readonly (readonly [keys: string, words: string])[] = [
  ['dra\t', '[drain]'],
  ['sessions --to\t5', '[sessions] [--top] [5]'],
  ['status --na\t\t', '[status] [--name] [edge]'],
  ['status --name=\t', '[status] [--name=edge]'],
  ['status --name e\t', '[status] [--name] [edge]'],
  ['sessions --pool d\t', '[sessions] [--pool] [db]'],
  ['sessions --backend al\t', '[sessions] [--backend] [alpha]'],
  ['sessions --listener=\t', '[sessions] [--listener=sql]'],
  ['drain db/a\t', '[drain] [db/alpha]'],
  ['drain --name edge db/a\t', '[drain] [--name] [edge] [db/alpha]'],
  ['drain db/1\t', '[drain] [db/127.0.0.1:3306]'],
  ['drain db/127.0.0.1:\t', '[drain] [db/127.0.0.1:3306]'],
  ['drain db/127.0.0.1:33\t', '[drain] [db/127.0.0.1:3306]'],
  ['drain db/unix:/r\t', '[drain] [db/unix:/run/nobody.sock]'],
  ['drain site/\t', '[drain] [site/[::1]:8080]'],
  ['set db/alpha wei\t3', '[set] [db/alpha] [weight=3]'],
  ['set db/alpha state=d\t', '[set] [db/alpha] [state=drain]'],
  ['set db/alpha weight=3 health=u\t', '[set] [db/alpha] [weight=3] [health=up]'],
  ['completion fi\t', '[completion] [fish]'],
  ['--policy rou\t', '[--policy] [round-robin]'],
];

describe.each(shells)('$shell', (one) => {
  describeWith({ [one.shell]: one.shell, python3: 'python3' }, 'completes', () => {
    test('commands, flags, and the names of what runs', async () => {
      const shell = new Shell(await startNamed(), one);
      await shell.ready();
      for (const [keys, words] of cases)
        expect([keys, await shell.typed(keys)]).toEqual([keys, words]);
    });

    test('a name that a shell would read otherwise, and runs nothing of it', async () => {
      const file = tempPath('made');
      const address = `unix:/run/$(touch ${file})`;
      const balancer = await startBalancer({
        name: 'edge',
        config: {
          threads: 1,
          listeners: { sql: { address: '127.0.0.1:0', pool: 'db' } },
          pools: { db: { backends: [{ address }] } },
        },
      });
      const shell = new Shell(balancer, one);
      await shell.ready();
      expect(await shell.typed('drain db/\t')).toBe(`[drain] [db/${address}]`);
      expect(existsSync(file)).toBe(false);
    });
  });
});
