/** What is packed for npm, and the scripts that make it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { packInto } from '../scripts/pack/pack.js';
import { type Target, targets } from '../scripts/prebuild/targets.js';
import { satisfies } from '../scripts/setup/node-version.js';
import { RunningCommand } from './helpers/cli.js';
import { emptyCheckout, madeIn, put, putAddons } from './helpers/empty-checkout.js';
import { startEcho } from './helpers/servers.js';
import { connect, readExactly } from './helpers/sockets.js';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly gypfile: boolean;
  readonly dependencies: Readonly<Record<string, string>>;
}

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8');
}

describe('the scripts of package.json', () => {
  const { scripts, gypfile } = JSON.parse(read('package.json')) as Manifest;
  const names = Object.keys(scripts);

  it('run nothing before or after another, but for what npm runs before it packs', () => {
    const around = names.filter((name) =>
      names.some((other) => name === `pre${other}` || name === `post${other}`),
    );
    expect(around).toEqual(['prepack']);
    expect(scripts.prepack).toBe('node scripts/prepack.js');
    // Where npm runs none at all, that is not run either.
    expect(read('.npmrc')).not.toContain('ignore-scripts');
  });

  it('run nothing where the package is installed, but for `prepare` where that is by the address of its repository', () => {
    const hooks =
      /^(pre|post)?(install|prepare|publish|uninstall|version)$|^prepublishOnly$|^dependencies$|^postpack$/;
    expect(names.filter((name) => hooks.test(name))).toEqual(['prepare']);
    expect(scripts.prepare).toBe('node scripts/prepare.js');
    // npm would run node-gyp where there is a binding.gyp.
    expect(gypfile).toBe(false);
  });

  it('are the only ones that npm runs in a checkout: no package has one for its installation', () => {
    const { packages } = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const withScript = Object.entries(packages).filter(
      ([, { hasInstallScript }]) => hasInstallScript,
    );
    expect(withScript.map(([name]) => name)).toEqual([]);
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
    expect(
      files.filter((file) => /^(src|test|native|scripts)\/|^binding\.gyp$/.test(file)),
    ).toEqual([]);
  });

  it('has every file of the page of the status address, as it was written', async () => {
    const file = 'dist/control/status/page-files.js';
    expect(files).toContain(file);
    const { pageFiles } = await import(path.join(root, file));
    const written = readdirSync(path.join(root, 'src/control/status/page'))
      .filter((name) => name !== 'tsconfig.json')
      .map((name) => [name, read(`src/control/status/page/${name}`)]);
    expect(pageFiles).toEqual(Object.fromEntries(written));
    // The whole library in one file has them as well.
    const bundle = read('dist/index.cjs');
    for (const name of Object.keys(pageFiles)) expect(bundle).toContain(`"${name}"`);
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
    const maps = files.filter((file) => file.endsWith('.map'));
    expect(maps.length).toBeGreaterThan(0);
    for (const file of maps) {
      const { sources, sourcesContent } = JSON.parse(read(file)) as Record<string, string[]>;
      expect(sourcesContent, file).toHaveLength(sources?.length ?? 0);
      expect(read(file.replace(/\.map$/, '')), file).toContain('//# sourceMappingURL=');
    }
  });

  it('has no types but those that the public ones are made of', () => {
    expect(files.filter((file) => /^dist\/(cli|vendor)\/.*\.d\.ts/.test(file))).toEqual([]);
    expect(files).toContain('dist/vendor/zod.js');
  });

  it('refers to no source map that it has not', () => {
    for (const file of files.filter((name) => /\.c?js$/.test(name))) {
      const refers = /^\/\/# sourceMappingURL=/m.test(read(file));
      expect(files.includes(`${file}.map`), file).toBe(refers);
    }
  });

  it('names no script and no development package: npm would warn of a `prepare` that is not in it', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-packed-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { file, files: count } = await packInto(folder);
    expect(readdirSync(folder)).toEqual([path.basename(file)]);
    execFileSync('tar', ['-xzf', file, '-C', folder]);
    const packed = readFileSync(path.join(folder, 'package', 'package.json'), 'utf8');
    const { scripts: _, devDependencies: __, ...rest } = JSON.parse(read('package.json'));
    expect(JSON.parse(packed)).toEqual(rest);
    const inside = readdirSync(path.join(folder, 'package'), {
      recursive: true,
      withFileTypes: true,
    });
    expect(inside.filter((entry) => entry.isFile())).toHaveLength(count);
    expect(count).toBe(new Set([...files, 'dist/sbom.cdx.json']).size);
  });

  it('declares nothing that is marked as internal', () => {
    const declarations = files.filter((file) => file.endsWith('.d.ts'));
    for (const file of declarations) expect(read(file), file).not.toContain('@internal');
    for (const member of ['attach', 'markOpen', 'markClosed']) {
      expect(read('dist/session/session.d.ts')).not.toContain(`${member}(`);
    }
    expect(read('dist/proxy/proxy.d.ts')).not.toMatch(/^ +(static start|constructor)\(/m);
  });
});

describe('the package alone, with no package beside it', () => {
  let copy: string;
  beforeAll(() => {
    copy = mkdtempSync(path.join(tmpdir(), 'spliceway-alone-'));
    for (const part of ['dist', 'package.json']) {
      cpSync(path.join(root, part), path.join(copy, part), { recursive: true });
    }
    return () => rmSync(copy, { recursive: true });
  });

  it('checks a configuration file, with the position of what is wrong', async () => {
    const file = path.join(copy, 'balance.yaml');
    writeFileSync(file, 'listen: :5555\nbackends: [127.0.0.1:3306]\npolicy: robin\n');
    const command = path.join(copy, 'dist', 'cli', 'main.js');
    await using check = new RunningCommand(['check', '--config', file], {}, command);
    const { status, stderr } = await check.ended();
    expect(stderr).toContain(`${file}:3:9: policy: "robin" is not a policy`);
    expect(status).toBe(2);
  });

  it.each(['json', 'pretty'])('balances, and logs as %s', async (format) => {
    const backend = await startEcho();
    const flags = ['--listen', '127.0.0.1:0', '--backend', backend.address, '--log-format', format];
    const command = path.join(copy, 'dist', 'cli', 'main.js');
    await using balancer = new RunningCommand(flags, {}, command);
    const client = await connect(await balancer.port());
    client.end('through it');
    expect(String(await readExactly(client, 10))).toBe('through it');
    balancer.kill('SIGTERM');
    const { status, stderr } = await balancer.ended();
    expect(stderr).toMatch(format === 'json' ? /^\{"level":40,/m : /^\[[\d:.]+\] WARN: /m);
    expect(status).toBe(0);
  });

  it.each([
    ['an ES module', 'index.js'],
    ['CommonJS', 'index.cjs'],
  ])('is a library for %s', async (_, file) => {
    const library = (await import(
      pathToFileURL(path.join(copy, 'dist', file)).href
    )) as typeof import('spliceway');
    await expect(library.createProxy({ backends: [] })).rejects.toThrow(/the pool is empty/);
    const proxy = await library.createProxy({
      listen: '127.0.0.1:0',
      backends: ['127.0.0.1:9'],
      engine: 'stream',
    });
    await proxy.close();
  });

  it('has a source for what it takes of others, and takes nothing elsewhere', () => {
    const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.startsWith('vendor'))
      .map((file) => ({ file, text: read(path.join('src', file)) }));
    for (const { file, text } of sources) {
      // The type of what is found at run time is no import.
      for (const [, name = ''] of text.matchAll(/\bfrom '([^'.][^'\n]*)'/g)) {
        expect(isBuiltin(name), `src/${file} imports ${name}; name it in src/vendor`).toBe(true);
      }
    }
    const { dependencies } = JSON.parse(read('package.json')) as Manifest;
    expect(Object.keys(dependencies)).toEqual(['bindings']);
  });

  it('loads no part of the command where a program imports the library', () => {
    expect(read('dist/index.cjs').match(/^\/\/.*\bvendor\/.*$/gm)).toEqual([
      '// dist/vendor/hono.js',
      '// dist/vendor/zod.js',
      '// dist/vendor/prom-client.js',
    ]);
  });

  it('loads no HTTP library before a control socket is made', () => {
    const loaded = new Set<string>();
    const walk = (file: string): void => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const [, name = ''] of read(file).matchAll(/^(?:import|export) .*'(\.[^']+)';$/gm)) {
        walk(path.posix.join(path.posix.dirname(file), name));
      }
    };
    walk('dist/index.js');
    expect(loaded).toContain('dist/vendor/zod.js');
    expect(loaded).toContain('dist/control/create.js');
    expect(loaded).not.toContain('dist/vendor/hono.js');
    // In one file, it is a function that is called then.
    expect(read('dist/index.cjs')).toMatch(/init_hono = __esm/);
  });

  it('declares what types it has without a package', () => {
    const seen = new Set<string>();
    const walk = (file: string): void => {
      if (seen.has(file)) return;
      seen.add(file);
      for (const [, name = ''] of read(file).matchAll(/\b(?:from |import\()'([^'\n]+)'/g)) {
        if (name.startsWith('.')) {
          walk(path.posix.join(path.posix.dirname(file), name).replace(/\.(c?)js$/, '.d.$1ts'));
        } else expect(isBuiltin(name), `${file} imports ${name}`).toBe(true);
      }
    };
    walk('dist/index.d.cts');
    expect(seen).toContain('dist/config/options.d.ts');
  });
});

describe('the Node that it wants', () => {
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };

  // From these on, CommonJS may require() what is ESM.
  it.each([
    ['20.18.9', false],
    ['20.19.0', true],
    ['21.7.3', false],
    ['22.11.0', false],
    ['22.12.0', true],
    ['26.0.0', true],
  ])('%s: %s', (version, fits) => {
    expect(satisfies(version, engines.node)).toBe(fits);
  });
});

describe('npm run pack', () => {
  /** @returns what keeps the checkout from being packed */
  async function problemsOf(checkout: string): Promise<string[]> {
    const { problems } = (await import(
      path.join(checkout, 'scripts/pack/problems.js')
    )) as typeof import('../scripts/pack/problems.js');
    return problems(targets);
  }

  it('refuses a package without command and addons, and says how to make them', async () => {
    const found = await problemsOf(emptyCheckout());
    expect(found).toHaveLength(2);
    expect(found[0]).toMatch(/dist\/ has no command: npm run build:ts/);
    expect(found[1]).toMatch(
      /for linux-x64, linux-x64-musl, linux-arm64, linux-arm64-musl: npm run prebuilds/,
    );
  });

  it('refuses the output of sources that are gone', async () => {
    const checkout = emptyCheckout();
    put(checkout, 'dist/cli/gone.js');
    expect((await problemsOf(checkout)).join()).toContain('dist/cli/gone.js');
  });

  it('is content with a package that has both, until an addon does not pass or its sources change', async () => {
    const checkout = emptyCheckout();
    put(checkout, 'dist/cli/main.js');
    put(checkout, 'src/cli/main.ts');
    const made = await madeIn(checkout);
    const [first] = targets as [Target];
    const addon = path.join(checkout, 'package.json');
    await putAddons(checkout);
    expect(await problemsOf(checkout)).toEqual([]);
    // One that does not pass a gate is not there to be packed, nor is the one before it.
    const failed = { gate: 'any', found: '', passed: false };
    made.takeIn(addon, first, [{ ...failed, passed: true }, failed], made.inputs());
    expect((await problemsOf(checkout)).join()).toContain(`${first.name}: npm run prebuilds`);
    await putAddons(checkout);
    expect(await problemsOf(checkout)).toEqual([]);
    // Nor is one that was put there since, or that no gate has seen.
    writeFileSync(path.join(checkout, first.file), 'another');
    expect((await problemsOf(checkout)).join()).toContain(`${first.name}: npm run prebuilds`);
    await putAddons(checkout);
    put(checkout, 'prebuilds/linux-x64/stray.node');
    expect((await problemsOf(checkout)).join()).toContain('prebuilds/linux-x64/stray.node');
    rmSync(path.join(checkout, 'prebuilds/linux-x64/stray.node'));
    const before = made.inputs();
    put(checkout, 'native/core/new.cc');
    expect((await problemsOf(checkout)).join()).toContain('npm run prebuilds');
    // What was built before the sources changed is not of these.
    for (const target of targets) made.takeIn(addon, target, [{ ...failed, passed: true }], before);
    expect((await problemsOf(checkout)).join()).toContain('npm run prebuilds');
  });
});
