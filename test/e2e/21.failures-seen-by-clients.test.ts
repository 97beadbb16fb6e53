/** Backends that fail in ways of their own: how long until no client meets them, and how long clients wait meanwhile. */
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { afterAll, describe, expect } from 'vitest';
import type { ShortOptions } from '../../src/config/options.js';
import { namespaceWords, ownFirewall } from '../helpers/machine.js';
import { itWhere } from '../helpers/where.js';
import { runOk } from './helpers/command.js';
import type { Seen, Setup } from './helpers/failures/main.js';
import { nginxNeeds, prepareNginx } from './helpers/nginx.js';
import { describeWith } from './helpers/programs.js';
import { engines } from './helpers/proxy.js';
import { removeFolder } from './helpers/temp-folder.js';

const main = fileURLToPath(new URL('helpers/failures/main.js', import.meta.url));

const page = (port: number) => `
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { return 200 "page"; }
  }`;

/** A client may wait for a backend for three times as long: the default of `connectBudget`. */
const connect = { connectTimeout: '500ms' };
const budgetMs = 1500;
/** For a machine that does other things meanwhile. Without a limit the kernel would wait for two minutes. */
const slackMs = 15_000;

const times = { interval: '500ms', fastInterval: '100ms', timeout: '1s' };
const answers = { type: 'http', path: '/', ...times } as const;
const speaks = { type: 'tcp', send: 'GET / HTTP/1.0\r\n\r\n', expect: '200 OK', ...times } as const;

/** `cut`: whether clients that got there have to be cut off, or only wait a little. */
const failures: readonly {
  readonly title: string;
  readonly failure: Setup['failure'];
  readonly by: 'checks' | 'clients';
  readonly cut: boolean;
  readonly settings: Partial<ShortOptions>;
  readonly told: RegExp;
}[] = [
  {
    title: 'stopped by SIGSTOP',
    failure: 'stopped',
    by: 'checks',
    cut: true,
    settings: { health: answers, onDown: 'close' },
    told: /^down: timed out .* ×3$/,
  },
  {
    title: 'behind a firewall that drops',
    failure: 'dropped',
    by: 'checks',
    cut: false,
    settings: { health: answers, onDown: 'close', ejectFor: '0' },
    told: /^down: timed out .* ×3$/,
  },
  {
    title: 'behind a firewall that drops',
    failure: 'dropped',
    by: 'clients',
    cut: false,
    settings: { ejectFor: '5m', idleTimeout: '10s' },
    told: /^ejected: connect failed ×\d+ \(ETIMEDOUT\); for 300 s$/,
  },
  {
    title: 'that accepts and resets',
    failure: 'resets',
    by: 'checks',
    cut: true,
    settings: { health: speaks, onDown: 'close' },
    told: /^down: connection reset ×3$/,
  },
  {
    title: 'that accepts and says nothing',
    failure: 'silent',
    by: 'checks',
    cut: true,
    settings: { health: speaks, onDown: 'close' },
    told: /^down: timed out .* ×3$/,
  },
];

describeWith(nginxNeeds, 'of three backends', () => {
  const table = new Table({
    head: [
      'one',
      'found by',
      'engine',
      'out after',
      'clients',
      'met it',
      'cut off',
      'after',
      'others',
    ],
    style: { head: [], border: [] },
  });
  afterAll(() => {
    table.sort((one, other) => `${one}`.localeCompare(`${other}`));
    console.log(`${table}`);
  });

  /** @returns what clients have seen */
  async function run(setup: Omit<Setup, 'servers'>): Promise<Seen> {
    const servers = await Promise.all([0, 1, 2].map(() => prepareNginx(page)));
    const network = ['sh', '-ec', 'ip link set lo up; exec "$@"', 'sh'];
    const [command = '', ...words] = [
      ...(setup.failure === 'dropped' ? [...(namespaceWords(['--net']) ?? []), ...network] : []),
      ...[process.execPath, main, JSON.stringify({ ...setup, servers } satisfies Setup)],
    ];
    try {
      return JSON.parse(await runOk(command, words));
    } finally {
      await Promise.all(servers.map(({ folder }) => removeFolder(folder)));
    }
  }

  // They wait, most of the time.
  describe.concurrent('one', () => {
    for (const { title, failure, by, cut, settings, told } of failures) {
      for (const engine of engines) {
        const name = `${title} is found by ${by}, and no client meets it any more, with ${engine}`;
        itWhere(failure === 'dropped' ? ownFirewall() : undefined, name, async () => {
          const seen = await run({ engine, failure, settings: { ...connect, ...settings } });
          table.push([
            ...[title, by, engine, ms(seen.outMs), `${seen.came}`, `${seen.met}`, `${seen.cut}`],
            ...[seen.cut === 0 ? '' : ms(seen.longestCutMs), ms(seen.longestAnswerMs)],
          ]);
          expect(seen.told).toMatch(told);
          expect(seen).toMatchObject({ cutAfterwards: 0, metAfterwards: 0 });
          expect(seen.met).toBeGreaterThan(0);
          if (cut) expect(seen.cut).toBeGreaterThan(0);
          expect(seen.longestAnswerMs).toBeLessThan(budgetMs + slackMs);
          // It is known to be down then, and its sessions are closed.
          expect(seen.longestCutMs).toBeLessThan(seen.outMs + slackMs);
        });
      }
    }
  });
});

const ms = (time: number) => `${Math.round(time)} ms`;
