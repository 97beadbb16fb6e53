/** The examples for containers, as far as no container engine is needed: read, validated, and run as their user. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfigFile } from '../../src/config/file.js';
import { RunningCommand } from '../helpers/cli.js';
import { oneService } from '../helpers/config.js';
import { client, nextText, startGreeter } from '../helpers/greeters.js';
import { otherUsers } from '../helpers/machine.js';
import { describeWhere } from '../helpers/where.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runOk } from './helpers/command.js';
import { describeWith } from './helpers/programs.js';
import { makeTempFolder, removeFolder } from './helpers/temp-folder.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const examples = path.join(root, 'docs/examples/docker');
const read = (name: string) => readFileSync(path.join(examples, name), 'utf8');

/** Instructions in their order; those of the example are on one line each. */
const dockerfile = read('Dockerfile')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => /^([A-Z]+) (.*)$/.exec(line)?.slice(1) ?? [line]);

function instruction(name: string): string {
  const found = dockerfile.filter(([keyword]) => keyword === name);
  expect(found, name).toHaveLength(1);
  return found[0]?.[1] ?? '';
}

interface Compose {
  readonly services: Readonly<
    Record<string, { readonly ports?: readonly string[]; readonly volumes?: readonly string[] }>
  >;
  readonly volumes: Readonly<Record<string, unknown>>;
}

describe('the Dockerfile', () => {
  test('has what an unprivileged container needs, in an order that works', () => {
    expect(dockerfile.map(([keyword]) => keyword)).toEqual(
      ['FROM', 'ARG', 'RUN', 'USER', 'STOPSIGNAL', 'ENTRYPOINT', 'CMD'], // USER after RUN, which writes.
    );
    expect(instruction('USER')).toBe('node');
    // The exec form: a shell in between would keep the signals to itself.
    expect(JSON.parse(instruction('ENTRYPOINT'))).toEqual(['spliceway']);
  });
});

describeWith({ 'docker-compose': 'docker-compose' }, 'compose.yaml', () => {
  test('is what Compose accepts, and asks for the password that it needs', async () => {
    const config = ['docker-compose', '--file', path.join(examples, 'compose.yaml'), 'config'];
    await runOk('env', ['MARIADB_ROOT_PASSWORD=secret', ...config, '--quiet']);
    await expect(runOk('env', ['-u', 'MARIADB_ROOT_PASSWORD', ...config])).rejects.toThrow(
      'set it',
    );
  });

  test('puts the port, the backends and the file of the configuration together', () => {
    const { services, volumes } = parse(read('compose.yaml'), { merge: true }) as Compose;
    const { listen, backends } = oneService(loadConfigFile(path.join(examples, 'spliceway.yaml')));
    const ports = services.spliceway?.ports?.map((port) => Number(port.split(':').at(-1)));
    expect(listen.map((address) => address.kind === 'tcp' && address.port)).toEqual(ports);
    expect(backends.map(({ address }) => address.kind === 'tcp' && address.host)).toEqual(
      Object.keys(services).filter((name) => name !== 'spliceway'),
    );
    const [, file] = JSON.parse(instruction('CMD')) as string[];
    expect(services.spliceway?.volumes).toEqual([`./spliceway.yaml:${file}:ro`]);
    const used = backends.flatMap(({ name }) => services[name.split(':')[0] ?? '']?.volumes ?? []);
    expect(used.map((volume) => volume.split(':')[0])).toEqual(Object.keys(volumes));
  });
});

describeWhere(otherUsers(), 'what the image does', () => {
  const keep = stopAfterwards();
  let folder = '';
  beforeAll(async () => {
    folder = await makeTempFolder('image');
    keep({ stop: () => removeFolder(folder) });
  });

  test('its RUN installs a command that balances as its user, without capabilities', async () => {
    // In place of what the registry has, this checkout, with its own addon in the place of the prebuilt one.
    await runOk('npm', ['pack', '--ignore-scripts', '--pack-destination', folder, root]);
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
    const tarball = path.join(folder, `spliceway-${version}.tgz`);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the variable of the Dockerfile
    const run = instruction('RUN').replace('spliceway@${VERSION}', tarball);
    expect(run).toContain(tarball);
    const image = [
      `HOME=${folder}`,
      `npm_config_prefix=${folder}`,
      `npm_config_cache=${folder}/cache`,
    ];
    await runOk('env', [...image, '/bin/sh', '-c', run]);
    const addon = path.join(folder, 'lib/node_modules/spliceway/build/Release');
    mkdirSync(addon, { recursive: true });
    writeFileSync(
      path.join(addon, 'spliceway.node'),
      readFileSync(path.join(root, 'build/Release/spliceway.node')),
    );

    const backends = [await startGreeter('one'), await startGreeter('two')];
    const config = path.join(folder, 'spliceway.yaml');
    const names = ['mariadb-1:3306', 'mariadb-2:3306'];
    const text = names.reduce(
      (made, name, index) => made.replace(name, backends[index] ?? ''),
      read('spliceway.yaml').replace(':3306\n', '127.0.0.1:0\n'),
    );
    writeFileSync(config, text);
    const [program = ''] = JSON.parse(instruction('ENTRYPOINT')) as string[];
    const [flag = ''] = JSON.parse(instruction('CMD')) as string[];
    const asItsUser = `exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"`;
    await using running = new RunningCommand(
      [flag, config],
      {},
      path.join(folder, 'bin', program),
      asItsUser,
    );
    const port = await running.port();
    expect(await nextText(await client(port))).toBe('one\n');
    expect(await nextText(await client(port))).toBe('two\n');
    expect(running.stderr).toContain('"engine":"native"');
  });
});

describe('the page', () => {
  test('has a Pod that stops as the container does, and runs as its user', () => {
    const page = readFileSync(path.join(root, 'docs/containers.md'), 'utf8');
    const [, text = ''] = /```yaml\n(.*?)```/s.exec(page) ?? [];
    const { spec } = parse(text);
    expect(spec.terminationGracePeriodSeconds).toBe(40);
    const [container] = spec.containers;
    expect(container.volumeMounts[0].mountPath).toBe(JSON.parse(instruction('CMD'))[1]);
    expect(container.volumeMounts[0].name).toBe(spec.volumes[0].name);
    expect(container.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
  });
});
