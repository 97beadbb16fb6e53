/** What is packed for npm, and the scripts that make it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

describe('the scripts of package.json', () => {
  it('run nothing before or after another that its name does not say', () => {
    const { scripts } = JSON.parse(read('package.json')) as Manifest;
    const hooks = Object.keys(scripts).flatMap((name) => [`pre${name}`, `post${name}`]);
    expect(Object.keys(scripts).filter((name) => hooks.includes(name))).toEqual([]);
  });
});

describe('the package', () => {
  let files: readonly string[] = [];
  beforeAll(() => {
    // Without its scripts, which would build.
    const listing = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [{ files: packed }] = JSON.parse(listing) as [{ files: { path: string }[] }];
    files = packed.map((file) => file.path);
  });

  it('has the command and the library, and no sources or tests', () => {
    expect(files).toEqual(expect.arrayContaining(['dist/cli/main.js', 'dist/index.d.ts']));
    expect(files.filter((file) => /^(src|test|native|scripts)\//.test(file))).toEqual([]);
  });

  it('has every file that its documents link to', () => {
    const documents = files.filter((file) => file.endsWith('.md'));
    expect(documents).toContain('README.md');
    for (const document of documents) {
      const links = [...read(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
      for (const [, link = ''] of links) {
        const target = path.posix.join(path.posix.dirname(document), link);
        expect(files, `${document} links to ${target}`).toContain(target);
      }
    }
  });

  it('has source maps that hold the sources, which it does not ship', () => {
    const maps = files.filter((file) => file.endsWith('.js.map'));
    expect(maps.length).toBeGreaterThan(0);
    for (const file of maps) {
      const { sources, sourcesContent } = JSON.parse(read(file)) as Record<string, string[]>;
      expect(sourcesContent, file).toHaveLength(sources?.length ?? 0);
    }
  });

  it('declares nothing that is marked as internal', () => {
    const declarations = files.filter((file) => file.endsWith('.d.ts'));
    for (const file of declarations) expect(read(file), file).not.toContain('@internal');
    for (const member of ['attach', 'markOpen', 'markClosed']) {
      expect(read('dist/proxy/session.d.ts')).not.toContain(`${member}(`);
    }
    expect(read('dist/proxy/proxy.d.ts')).not.toMatch(/^ +(static start|constructor)\(/m);
  });
});

describe('scripts/check-pack.js', () => {
  /** A checkout with nothing built. */
  function emptyCheckout(): string {
    const copy = mkdtempSync(path.join(tmpdir(), 'spliceway-pack-'));
    onTestFinished(() => rmSync(copy, { recursive: true }));
    cpSync(path.join(root, 'scripts'), path.join(copy, 'scripts'), { recursive: true });
    cpSync(path.join(root, 'package.json'), path.join(copy, 'package.json'));
    return copy;
  }

  function put(checkout: string, file: string): void {
    mkdirSync(path.dirname(path.join(checkout, file)), { recursive: true });
    writeFileSync(path.join(checkout, file), '');
  }

  function check(checkout: string): { status: number | null; stderr: string } {
    const script = path.join(checkout, 'scripts', 'check-pack.js');
    return spawnSync(process.execPath, [script], { encoding: 'utf8' });
  }

  it('refuses a package without command and addon, and says how to make them', () => {
    const { status, stderr } = check(emptyCheckout());
    expect(status).toBe(1);
    expect(stderr).toMatch(/dist\/ has no command: npm run build:ts/);
    expect(stderr).toMatch(/prebuilds\/ has no addon: npm run build:prebuilds/);
  });

  it('refuses the output of sources that are gone', () => {
    const checkout = emptyCheckout();
    put(checkout, 'dist/cli/gone.js');
    expect(check(checkout).stderr).toContain('dist/cli/gone.js');
  });

  it('is content with a package that has both', () => {
    const checkout = emptyCheckout();
    put(checkout, 'dist/cli/main.js');
    put(checkout, 'src/cli/main.ts');
    put(checkout, 'prebuilds/linux-x64/spliceway.node');
    expect(check(checkout)).toMatchObject({ status: 0, stderr: '' });
  });
});
