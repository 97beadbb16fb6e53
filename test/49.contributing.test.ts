/** docs/CONTRIBUTING.md names nothing that does not exist. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const inRoot = (...parts: string[]) => path.join(root, ...parts);
const page = readFileSync(inRoot('docs', 'CONTRIBUTING.md'), 'utf8');
const { scripts } = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')) as {
  scripts: Record<string, string>;
};

/** Programs of Debian, Node and git, which the page need not explain. */
const programs = ['gdb', 'lldb', 'perf', 'git', 'ulimit'];
/** Of npm itself. */
const npmCommands = ['ci', 'install', 'test', 'start'];

/** Each command of the page: of its blocks, without comments and what is set before it, and of its sentences. */
const commands = [
  ...[...page.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) => block.trim().split('\n')),
  ...[...page.matchAll(/`((?:npm|npx|make) [^`]*)`/g)].map(([, command = '']) => command),
]
  .flatMap((line) => line.replace(/\s+#.*$/, '').split(' && '))
  .map((command) => command.replace(/^(?:[A-Z]+='[^']*' )+/, ''));

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
  else if (program === 'make') {
    expect(spawnSync('make', ['--dry-run', ...words], { cwd: root }).status).toBe(0);
  } else expect(programs).toContain(program);
  // Files, but for those that the reader has.
  for (const word of words.filter((text) => /^(?:dist|test|scripts)\//.test(text))) {
    const isTopic = word.startsWith('test/') && /\/\d\d$/.test(word);
    const found = isTopic
      ? execFileSync('sh', ['-c', `ls ${word}.*`], { cwd: root, encoding: 'utf8' })
      : existsSync(inRoot(word));
    expect(found).toBeTruthy();
  }
}

describe('docs/CONTRIBUTING.md', () => {
  it('has commands', () => expect(commands.length).toBeGreaterThan(30));

  it.each([...new Set(commands)])('names what is there: %s', { timeout: 60_000 }, check);

  it('names steps that there are', () => {
    const named = [...page.matchAll(/steps `([\w-]+)` and `([\w-]+)`/g)].flatMap((match) =>
      match.slice(1),
    );
    expect(named).toHaveLength(2);
    for (const step of named) expect(helpOf('test')).toMatch(new RegExp(`^${step} `, 'm'));
  });

  it('names folders, files and functions that are there', () => {
    for (const [, file = ''] of page.matchAll(
      /`((?:\.github|\.ci|native|test|scripts|src)\/[\w./-]+)`/g,
    )) {
      expect(existsSync(inRoot(file)), file).toBe(true);
    }
    expect(readFileSync(inRoot('native/core/relay/relay.h'), 'utf8')).toMatch(/\bPump\(/);
  });
});
