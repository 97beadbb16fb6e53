/** The sentences of the documents name nothing that does not exist; their blocks are run by other tests. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { runCommand } from './helpers/cli.js';
import { documents, readDocument } from './helpers/documents.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (...parts: string[]) => path.join(root, ...parts);
const { scripts } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** Of npm itself. */
const npmCommands = ['audit', 'ci', 'install', 'pack', 'publish', 'test', 'start'];

const sentences = new Map(
  documents.map((document) => [document, readDocument(document).replace(/^```.*?^```$/gms, '')]),
);
const commands = [...sentences.values()].flatMap((text) =>
  [...text.matchAll(/`((?:npm|npx|make) [^`]*)`/g)].map(([, command = '']) => command),
);

/** What a command of ours says of itself; asked once for each. */
const helpOf = (() => {
  const known = new Map<string, string>();
  return (script: string): string => {
    const before = known.get(script);
    if (before !== undefined) return before;
    const args = ['run', '--silent', script, '--', script === 'test' ? '--list' : '--help'];
    const help = execFileSync('npm', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' });
    known.set(script, help);
    return help;
  };
})();

function checkNpm(words: readonly string[]): void {
  const [first = '', second = ''] = words;
  const script = first === 'run' ? second : first;
  if (first === 'run') expect(Object.keys(scripts)).toContain(script);
  else expect(npmCommands).toContain(first);
  const flags = words.slice(words.indexOf('--') + 1).filter((word) => word.startsWith('--'));
  if (!words.includes('--') || script === 'start') return;
  if (script === 'test') {
    const step = words[words.indexOf('--only') + 1];
    if (words.includes('--only')) expect(helpOf('test')).toMatch(new RegExp(`^${step} `, 'm'));
    const source = readFileSync(inRoot('scripts', 'test.js'), 'utf8');
    for (const flag of flags) expect(source).toContain(` ${flag} `);
  } else {
    for (const flag of flags) expect(helpOf(script)).toContain(flag);
  }
}

function check(command: string): void {
  const [program = '', ...words] = command.split(/\s+/);
  if (program === 'npm') checkNpm(words);
  else if (program === 'npx')
    expect(existsSync(inRoot('node_modules', '.bin', words[0] ?? ''))).toBe(true);
  else expect(spawnSync('make', ['--dry-run', ...words], { cwd: root }).status).toBe(0);
}

describe('the sentences of the documents', () => {
  it('have commands', () => expect(commands.length).toBeGreaterThan(10));

  it.each([...new Set(commands)])('name what is there: %s', check);

  it('name steps that there are', () => {
    const contributing = sentences.get('docs/CONTRIBUTING.md') ?? '';
    const named = [...contributing.matchAll(/steps `([\w-]+)` and `([\w-]+)`/g)].flatMap((match) =>
      match.slice(1),
    );
    expect(named).toHaveLength(2);
    for (const step of named) expect(helpOf('test')).toMatch(new RegExp(`^${step} `, 'm'));
  });

  it.each(documents)('name files that are there: %s', (document) => {
    const text = sentences.get(document) ?? '';
    const files = /`((?:\.github|\.ci|native|test|scripts|src)\/[\w./-]+)`/g;
    for (const [, file = ''] of text.matchAll(files)) {
      if (file.includes('NN.')) continue; // A pattern of names.
      expect(existsSync(inRoot(file)), file).toBe(true);
    }
    // Without what is behind #; pages of the web are not asked.
    for (const [, link = ''] of text.matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect(existsSync(inRoot(path.dirname(document), link)), link).toBe(true);
    }
    const headings = (page: string) =>
      [...readDocument(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
        heading
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
      );
    for (const [, page = '', anchor = ''] of text.matchAll(/\]\(([\w./-]*)#([\w-]+)\)/g)) {
      const target = page === '' ? document : path.join(path.dirname(document), page);
      expect(headings(target), `${target}#${anchor}`).toContain(anchor);
    }
  });

  it.each([
    ['one stream where nobody is paced', 'bulk-1-unpaced'],
    ['50 clients asking Redis', 'requests-50'],
    ['short connections', 'churn'],
    ['idle sessions', 'idle-memory'],
  ])('compare %s as the page of the benchmark does', (words, workload) => {
    const cells = (line: string) => line.split('|').map((cell) => cell.trim());
    const page = readDocument('docs/BENCHMARKS.md').split('\n').map(cells);
    const rows = readDocument('README.md').split('\n').map(cells);
    const ofWorkload = rows.filter(([, what = '']) => what.startsWith(`${words}, `));
    expect(ofWorkload).not.toHaveLength(0);
    for (const [, what = '', ...ratios] of ofWorkload) {
      const figure = what.slice(words.length + 2);
      const measured = page.find(
        ([, name, of]) => name === `[${workload}](#${workload})` && of === figure,
      );
      // The page has a column for no proxy before, and one for the best after.
      expect(ratios.slice(0, 5), what).toEqual(measured?.slice(4, 9));
    }
  });

  it('compare first where nobody is paced, and say what is not there yet before any figure', () => {
    const readme = readDocument('README.md');
    const [, table = ''] = /^\| Spliceway against .*\n.*\n((?:\|.*\n)+)/m.exec(readme) ?? [];
    expect(table).toMatch(/^\| one stream where nobody is paced, Gbit/);
    const [before = ''] = readme.split('| Spliceway against');
    for (const lack of ['health checks', 'TLS', 'reload', 'metrics'])
      expect(before).toContain(lack);
    expect(before.indexOf('npx spliceway\n')).toBeLessThan(
      before.indexOf('npx spliceway --listen'),
    );
  });

  it('give for directives of others what the configuration has', async () => {
    const keys = readDocument('docs/configuration.md');
    const flags = (await runCommand('--help')).stdout;
    const page = readDocument('docs/migrating.md');
    const rows = [...page.matchAll(/^\| `.*? \| (.*?) \| .*\|$/gm)].map(([, here = '']) => here);
    expect(rows.length).toBeGreaterThan(30);
    for (const here of rows) {
      const [, flag, key] = /^`(?:(--[a-z-]+)|(\w+))/.exec(here) ?? [];
      if (flag !== undefined) expect(flags, here).toContain(`${flag} <`);
      else if (key !== undefined) expect(keys, here).toContain(`| \`${key}\` |`);
      else expect(here).toMatch(/^(none|always so)$/);
    }
  });

  it('name the function to stop at', () => {
    expect(sentences.get('docs/CONTRIBUTING.md')).toContain('`break spliceway::Relay::Pump`');
    expect(readFileSync(inRoot('native/core/relay/relay.h'), 'utf8')).toMatch(/\bPump\(/);
  });
});
