/** What npm itself may make of a checkout: a package that is whole, or none. */
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../scripts/lib/run.js';
import { within } from './helpers/deadline.js';
import { emptyCheckout, put, putAddons } from './helpers/empty-checkout.js';
import { tempPath } from './helpers/temp.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Whatever the settings of this user are, scripts are run. */
const npm = (checkout: string, ...args: string[]) =>
  within(
    `npm ${args.join(' ')}`,
    run('npm', [...args, '--ignore-scripts=false', '--no-update-notifier'], { cwd: checkout }),
  );

/** A registry that has no package. */
async function emptyRegistry(): Promise<string> {
  const server = createServer((_, answer) => {
    answer.writeHead(404, { 'Content-Type': 'application/json' }).end('{}');
  });
  await within('a registry', once(server.listen(0, '127.0.0.1'), 'listening'));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `--registry=http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Stands for npm, of which the set-up asks to compile. */
function idleNpm(): string {
  const folder = tempPath('bin');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'npm'), '#!/bin/sh\n');
  chmodSync(path.join(folder, 'npm'), 0o755);
  return folder;
}

/** As `setup.js` leaves it: what is in dist/ is of these sources. */
async function compile(checkout: string): Promise<void> {
  const program = `
    import { typescript } from ${JSON.stringify(path.join(checkout, 'scripts/setup/typescript.js'))};
    await typescript.make();`;
  const args = ['--input-type=module', '--eval', program];
  const env = { PATH: `${idleNpm()}:${process.env.PATH}` };
  const { status, output } = await run(process.execPath, args, { cwd: checkout, env });
  expect(status, output).toBe(0);
}

/** With all that a package has, and the packages that its bill of materials is made of. */
async function wholeCheckout(): Promise<string> {
  const checkout = emptyCheckout();
  put(checkout, 'src/cli/main.ts');
  cpSync(path.join(root, 'src', 'vendor'), path.join(checkout, 'src', 'vendor'), {
    recursive: true,
  });
  for (const file of ['cli/main.js', 'config.schema.json', 'index.cjs', 'index.d.cts']) {
    put(checkout, `dist/${file}`);
  }
  const { devDependencies } = JSON.parse(
    readFileSync(path.join(checkout, 'package.json'), 'utf8'),
  ) as { devDependencies: object };
  for (const name of Object.keys(devDependencies)) {
    const link = path.join(checkout, 'node_modules', name);
    mkdirSync(path.dirname(link), { recursive: true });
    symlinkSync(path.join(root, 'node_modules', name), link);
  }
  await compile(checkout);
  await putAddons(checkout);
  return checkout;
}

const addonsMissing =
  /not to be packed: prebuilds\/ has no addon .*linux-arm64-musl: npm run prebuilds/;

describe('npm pack', () => {
  it('refuses a checkout with nothing in it, and says how to make it', async () => {
    const checkout = emptyCheckout();
    const { status, output } = await npm(checkout, 'pack');
    expect(status).not.toBe(0);
    expect(output).toMatch(addonsMissing);
    expect(output).toMatch(/not to be packed: dist\/ has no command: npm run build:ts/);
    expect(readdirSync(checkout).filter((name) => name.endsWith('.tgz'))).toEqual([]);
  });

  it('refuses it from another folder, too', async () => {
    const checkout = emptyCheckout();
    const { status, output } = await npm(path.dirname(checkout), 'pack', checkout);
    expect(status).not.toBe(0);
    expect(output).toMatch(addonsMissing);
  });

  it('takes one that is whole, until its sources change', async () => {
    const checkout = await wholeCheckout();
    const packed = await npm(checkout, 'pack');
    expect(packed.status, packed.output).toBe(0);
    const [tarball = ''] = readdirSync(checkout).filter((name) => name.endsWith('.tgz'));
    const { output: list } = await run('tar', ['-tzf', path.join(checkout, tarball)]);
    expect(list.match(/^package\/prebuilds\/.*\.node$/gm)).toHaveLength(4);
    expect(list).toContain('package/dist/sbom.cdx.json');
    put(checkout, 'src/cli/new.ts');
    expect((await npm(checkout, 'pack')).output).toContain('dist/ may be older than src/');
    rmSync(path.join(checkout, 'src/cli/new.ts'));
    put(checkout, 'native/core/new.cc');
    const { status, output } = await npm(checkout, 'pack');
    expect(status).not.toBe(0);
    expect(output).toMatch(addonsMissing);
  });
});

describe('npm publish', () => {
  it('refuses a checkout whose addons are missing', async () => {
    const registry = await emptyRegistry();
    const { status, output } = await npm(emptyCheckout(), 'publish', '--dry-run', registry);
    expect(status).not.toBe(0);
    expect(output).toMatch(addonsMissing);
  });

  it('takes one that is whole, until an addon is another one', async () => {
    const registry = await emptyRegistry();
    const checkout = await wholeCheckout();
    const taken = await npm(checkout, 'publish', '--dry-run', registry);
    expect(taken.status, taken.output).toBe(0);
    expect(taken.output).toContain('+ spliceway@');
    writeFileSync(path.join(checkout, 'prebuilds/linux-arm64/spliceway.musl.node'), 'another');
    const { status, output } = await npm(checkout, 'publish', '--dry-run', registry);
    expect(status).not.toBe(0);
    expect(output).toMatch(addonsMissing);
  });
});

describe('the scripts of npm in a checkout', () => {
  it('leave it to npm run pack to look for itself', async () => {
    const { status, output } = await npm(emptyCheckout(), 'run', 'prepack');
    expect(status, output).toBe(0);
  });

  it('make nothing where its packages are installed', async () => {
    const checkout = emptyCheckout();
    const script = path.join(checkout, 'scripts', 'prepare.js');
    const link = tempPath('link');
    symlinkSync(checkout, link);
    for (const project of [checkout, link]) {
      const env = { npm_config_local_prefix: project };
      expect(await run(process.execPath, [script], { env })).toEqual({ status: 0, output: '' });
    }
    for (const made of ['dist', 'build', 'prebuilds', 'node_modules']) {
      expect(existsSync(path.join(checkout, made)), made).toBe(false);
    }
  });
});
