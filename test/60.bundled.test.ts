/** The package inside a file that a bundler made, and its CommonJS entry. */
import { execFile } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunningCommand } from './helpers/cli.js';
import { environmentOf, runtimeFolder } from './helpers/remote.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const addon = path.join(root, 'build', 'Release', 'spliceway.node');

/** Uses what was built, for what is bundled is that. */
const program = `
  import { createProxy } from ${JSON.stringify(path.join(root, 'dist', 'index.js'))};
  const options = { listen: '127.0.0.1:0', backends: ['127.0.0.1:9'], engine: process.argv[2] };
  createProxy(options).then(
    (proxy) => proxy.close().then(() => console.log(proxy.engine.name, proxy.engine.reason)),
    (error) => console.log(error.code, error.message),
  );
`;

const formats = [
  ['esm', 'app.mjs'],
  ['cjs', 'app.cjs'],
] as const;

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'spliceway-bundled-'));
  const input = path.join(folder, 'program.mjs');
  writeFileSync(input, program);
  const bundle = await rolldown({ input, platform: 'node' });
  for (const [format, file] of formats) {
    await bundle.write({ file: path.join(folder, format, file), format });
  }
  await bundle.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Balancers of other tests are not asked. */
const doctorWith = (prebuild: string) =>
  new RunningCommand(['doctor'], {
    ...environmentOf(runtimeFolder()),
    SPLICEWAY_PREBUILD: prebuild,
  });

/** @returns what the bundle printed, run from elsewhere */
async function output(file: string, engine = 'auto', env: NodeJS.ProcessEnv = {}): Promise<string> {
  const { SPLICEWAY_PREBUILD: _, ...inherited } = process.env;
  const run = promisify(execFile);
  const args = [path.join(folder, file), engine];
  const { stdout, stderr } = await run(process.execPath, args, {
    cwd: '/',
    env: { ...inherited, ...env },
  });
  return stdout + stderr;
}

describe.each(formats)('a bundle, %s', (format, name) => {
  const file = path.join(format, name);
  const wayOut =
    /spliceway is in a bundle, and no addon for linux \w+ with \w+ is beside it.*copy the package's folder prebuilds beside the bundle, name the addon's file in SPLICEWAY_PREBUILD, or have the bundler leave spliceway out \(external\)/;

  it('without an addon says so in one sentence, with the way out', async () => {
    const printed = await output(file);
    expect(printed).toMatch(/^stream spliceway is in a bundle/m);
    expect(printed).toMatch(wayOut);
  });

  it('and with the engine native refuses with the same', async () => {
    const printed = await output(file, 'native');
    expect(printed).toMatch(/^ERR_SPLICEWAY_ENGINE_UNAVAILABLE/m);
    expect(printed).toMatch(wayOut);
  });

  it('loads the addon that SPLICEWAY_PREBUILD names', async () => {
    expect(await output(file, 'auto', { SPLICEWAY_PREBUILD: addon })).toBe(
      `native splice through ${addon}\n`,
    );
  });

  it.each([
    ['in a folder prebuilds', path.join('prebuilds', `linux-${process.arch}`)],
    ['alone', ''],
  ])('loads the addon beside it, %s', async (_, place) => {
    const beside = path.join(folder, `${format}-${path.basename(place)}`);
    mkdirSync(path.join(beside, place), { recursive: true });
    cpSync(path.join(folder, file), path.join(beside, name));
    const copy = path.join(beside, place, 'spliceway.node');
    cpSync(addon, copy);
    const printed = await output(path.join(path.basename(beside), name), 'native');
    expect(printed).toBe(`native splice through ${copy}\n`);
  });
});

describe('an addon is code, so one', () => {
  /** A copy of the addon in a folder of its own, with a bundle beside it. */
  function copied(): { folder: string; addon: string; bundle: string } {
    const copy = mkdtempSync(path.join(folder, 'copied-'));
    const beside = path.join(copy, 'spliceway.node');
    cpSync(addon, beside);
    cpSync(path.join(folder, 'cjs', 'app.cjs'), path.join(copy, 'app.cjs'));
    return { folder: copy, addon: beside, bundle: path.join(path.basename(copy), 'app.cjs') };
  }

  const places = ['addon', 'folder'] as const;

  it.each(places)(
    'to which any user may write is refused, with the reason: the %s',
    async (place) => {
      const { [place]: writable, bundle } = copied();
      chmodSync(writable, 0o777);
      const printed = await output(bundle, 'native');
      expect(printed).toMatch(/^ERR_SPLICEWAY_ENGINE_UNAVAILABLE/m);
      expect(printed).toContain(`because any user may write to ${writable} (looked for`);
      const warned = await output(bundle);
      expect(warned).toContain(
        `any user may write to ${writable}; take that right away (chmod o-w)\n`,
      );
      // One fault has one remedy.
      expect(printed + warned).not.toContain('external');
    },
  );

  it('in a folder far below one to which any user may write is refused, unless none can replace there what is not theirs', async () => {
    const { folder: above } = copied();
    const deep = path.join(above, 'one', 'two');
    mkdirSync(deep, { recursive: true });
    for (const file of ['app.cjs', 'spliceway.node']) {
      cpSync(path.join(above, file), path.join(deep, file));
    }
    const bundle = path.join(path.basename(above), 'one', 'two', 'app.cjs');
    chmodSync(above, 0o777);
    expect(await output(bundle)).toContain(`any user may write to ${above};`);
    chmodSync(above, 0o1777);
    expect(await output(bundle)).toMatch(/^native /);
  });

  it.runIf(process.geteuid?.() === 0).each(places)(
    'to which a group may write is refused, but for the own group of a trusted user: the %s',
    async (place) => {
      const { [place]: writable, bundle } = copied();
      chmodSync(writable, 0o775);
      chownSync(writable, 0, 1234);
      expect(await output(bundle)).toContain(
        `group 1234 may write to ${writable}; take that right away (chmod g-w)`,
      );
      chownSync(path.join(folder, bundle), 1234, 1234);
      expect(await output(bundle)).toMatch(/^native /);
    },
  );

  it('that is behind links is judged and loaded by its real path', async () => {
    const { folder: real, addon: behind } = copied();
    const { folder: apart } = copied();
    symlinkSync(real, path.join(apart, 'to-folder'));
    const link = path.join(apart, 'link.node');
    symlinkSync(`to-folder/../${path.basename(real)}/spliceway.node`, link);
    const env = { SPLICEWAY_PREBUILD: link };
    const bundle = path.join('cjs', 'app.cjs');
    expect(await output(bundle, 'auto', env)).toBe(`native splice through ${behind}\n`);
    chmodSync(real, 0o777);
    expect(await output(bundle, 'auto', env)).toContain(
      `${link} is not loaded, because any user may write to ${real};`,
    );
    chmodSync(real, 0o755);
    chmodSync(apart, 0o777);
    expect(await output(bundle, 'auto', env)).toContain(`any user may write to ${apart};`);
  });

  it.runIf(process.geteuid?.() === 0)(
    'that another user links to is refused, however safe it is itself',
    async () => {
      const { folder: apart } = copied();
      const link = path.join(apart, 'link.node');
      symlinkSync(addon, link);
      lchownSync(link, 65534, 65534);
      const bundle = path.join('cjs', 'app.cjs');
      expect(await output(bundle, 'auto', { SPLICEWAY_PREBUILD: link })).toContain(
        `${link} belongs to user 65534, who is neither root nor the user of this process ` +
          `nor the owner of ${path.join(folder, bundle)}; give it to one of them (chown)`,
      );
    },
  );

  it('whose real name ends otherwise is loaded through a link, inside the package as well', async () => {
    const { folder: real, addon: behind } = copied();
    renameSync(behind, path.join(real, 'addon.so'));
    symlinkSync('addon.so', behind);
    await using doctor = doctorWith(behind);
    const { stdout, status } = await doctor.ended();
    expect(stdout).toContain(path.join(real, 'addon.so'));
    expect(status).toBe(0);
  });

  it.runIf(process.geteuid?.() === 0).each(places)(
    'of another user is refused, but for the owner of the bundle: the %s',
    async (place) => {
      const { [place]: foreign, bundle } = copied();
      chownSync(foreign, 65534, 65534);
      expect(await output(bundle)).toContain(`${foreign} belongs to user 65534,`);
      chownSync(path.join(folder, bundle), 65534, 65534);
      expect(await output(bundle)).toMatch(/^native /);
    },
  );

  it('that SPLICEWAY_PREBUILD names is refused like that, and doctor says why', async () => {
    const { addon: writable } = copied();
    chmodSync(writable, 0o777);
    await using doctor = doctorWith(writable);
    const { stdout, status } = await doctor.ended();
    expect(status).toBe(1);
    expect(stdout).toMatch(/^engine .*is not loaded, because any user may write to/m);
    expect(stdout).toContain('chmod o-w');
  });

  it('is not looked for beside the program that loads the bundle', async () => {
    const { folder: ofProgram, bundle } = copied();
    const apart = path.join(folder, 'esm', 'app.mjs');
    writeFileSync(path.join(ofProgram, 'app.cjs'), `import(${JSON.stringify(apart)});`);
    expect(await output(bundle)).toMatch(/^stream spliceway is in a bundle/m);
  });

  it('is not looked for where the package was on the machine of the build', async () => {
    const foreign = path.join(folder, 'built', 'node_modules', 'spliceway');
    mkdirSync(path.join(foreign, 'build', 'Release'), { recursive: true });
    writeFileSync(path.join(foreign, 'package.json'), '{ "name": "spliceway" }');
    cpSync(addon, path.join(foreign, 'build', 'Release', 'spliceway.node'));
    const url = pathToFileURL(path.join(foreign, 'dist', 'engine', 'native', 'place.js')).href;
    const bundle = await rolldown({
      input: path.join(folder, 'program.mjs'),
      platform: 'node',
      transform: { define: { 'import.meta.url': JSON.stringify(url) } },
    });
    await bundle.write({ file: path.join(folder, 'baked', 'app.cjs'), format: 'cjs' });
    await bundle.close();
    expect(readFileSync(path.join(folder, 'baked', 'app.cjs'), 'utf8')).toContain(url);
    expect(await output(path.join('baked', 'app.cjs'))).toMatch(
      /^stream spliceway is in a bundle/m,
    );
  });
});

describe('CommonJS', () => {
  const require = createRequire(import.meta.url);
  const read = (file: string) => readFileSync(path.join(root, 'dist', file), 'utf8');

  it('gets the very objects that an ES module gets, where Node leads it', () => {
    const printed = `
      const required = require('spliceway');
      import('spliceway').then((imported) => console.log(required.SplicewayError === imported.SplicewayError));
    `;
    const run = promisify(execFile);
    return expect(run(process.execPath, ['--eval', printed], { cwd: root })).resolves.toMatchObject(
      { stdout: 'true\n' },
    );
  });

  it('has the same exports for what cannot require() an ES module, and finds the addon', async () => {
    const names = Object.keys(await import('../src/index.js'));
    const library = require('../dist/index.cjs') as typeof import('spliceway');
    expect(Object.keys(library).sort()).toEqual(names.sort());
    for (const name of names) expect(read('index.d.cts')).toContain(`const ${name}: `);
    const proxy = await library.createProxy({
      listen: '127.0.0.1:0',
      backends: ['127.0.0.1:9'],
      engine: 'native',
    });
    await proxy.close();
  });
});

it('the version and the place for reports in dist/ are written into dist/', async () => {
  const { version, bugs } = JSON.parse(
    readFileSync(path.join(root, 'package.json'), 'utf8'),
  ) as typeof import('../package.json');
  const { href } = pathToFileURL(path.join(root, 'dist', 'version.js'));
  expect({ ...(await import(href)) }).toEqual({ version, placeForReports: bugs.url });
});
