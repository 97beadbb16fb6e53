/** `spliceway reload`, `diff` and `config`: the file, and what runs. */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfigFile } from '../src/config/file.js';
import { optionsOf } from '../src/config/options-of.js';
import { runCommand } from './helpers/cli.js';
import { type Balancer, startBalancer } from './helpers/remote.js';
import { ANY_PORT } from './helpers/services.js';
import { tempFiles, tempPath } from './helpers/temp.js';

const files = tempFiles();

const TEXT = `threads: 1
listeners:
  sql: { address: 127.0.0.1:0, pool: db }
pools:
  db:
    backends:
      - { name: db-1, address: 127.0.0.1:9, weight: 2 }
      - { name: db-2, address: 127.0.0.1:10 }
`;
const CHANGED = TEXT.replace('weight: 2', 'weight: 5')
  .replace('name: db-2, address: 127.0.0.1:10', 'name: db-3, address: 127.0.0.1:11')
  .replace('pool: db }', 'pool: db, idleTimeout: 5m }')
  .replace('  db:\n', '  db:\n    policy: least-connections\n');

/** What each change is, in the order in which `diff` has them. */
const DIFFERENCES = [
  '- db/db-2',
  '~ pool db: policy round-robin → least-connections',
  '~ db/db-1: weight 2 → 5',
  '~ listener sql: idleTimeout 1h → 5m',
  '+ db/db-3',
];

const linesOf = (text: string) => text.trimEnd().split('\n').sort();

describe('reload', () => {
  it('answers with what has changed, or that nothing has', async () => {
    const balancer = await startBalancer({ config: TEXT });
    expect(await balancer.run('reload')).toMatchObject({
      ...{ status: 0, stderr: '', stdout: 'nothing has changed (generation 1)\n' },
    });
    balancer.write(CHANGED);
    const { status, stdout, stderr } = await balancer.run('reload');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^added db\/db-3; removed db\/db-2; changed .* \(generation 2\)\n$/);
    for (const label of ['pool db', 'db/db-1', 'listener sql']) expect(stdout).toContain(label);
    balancer.write(`${CHANGED}logLevel: debug\n`);
    expect(JSON.parse((await balancer.run('reload', '--json')).stdout)).toEqual({
      ...{ generation: 3, added: [], removed: [], changed: ['logLevel'] },
    });
  });

  it('answers with each error of the file at its place, and what runs goes on', async () => {
    const balancer = await startBalancer({ config: TEXT });
    balancer.write(`${CHANGED}idleTimeout: soon\nnothing: 1\n`);
    const { status, stdout, stderr } = await balancer.run('reload');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    const places = stderr.match(/^spliceway: \S+:\d+:\d+: /gm);
    expect(places?.length).toBeGreaterThanOrEqual(2);
    expect(stderr).toContain(`${balancer.file}:11:1: `);
    expect(await balancer.client.status()).toMatchObject({ generation: 1 });
    rmSync(balancer.file);
    const gone = await balancer.run('reload');
    expect(gone).toMatchObject({ status: 2, stdout: '' });
    expect(gone.stderr).toMatch(/no such file/);
  });

  it('is refused where there is no file', async () => {
    const flags = ['--listen', ANY_PORT, '--backend', '127.0.0.1:9', '--threads', '1'];
    const balancer = await startBalancer({ flags });
    for (const command of ['reload', 'diff']) {
      const refused = await balancer.run(command);
      expect(refused).toMatchObject({ status: 2, stdout: '' });
      expect(refused.stderr).toContain('there is no file to read again');
    }
  });

  it('keeps what was set by hand', async () => {
    const balancer = await startBalancer({ config: TEXT });
    await balancer.run('set', 'db/db-1', 'state=drain', 'weight=8');
    balancer.write(CHANGED);
    expect((await balancer.run('reload')).status).toBe(0);
    const { backends } = await balancer.client.status();
    expect(backends.find(({ name }) => name === 'db-1')).toMatchObject({
      ...{ weight: 8, state: 'drain', configured: { weight: 5 } },
    });
  });
});

describe('diff', () => {
  it('takes the flags into account that stand over the file', async () => {
    const flags = ['--idle-timeout', '5s', '--policy', 'random'];
    const balancer = await startBalancer({ config: TEXT, flags });
    expect(await balancer.run('diff')).toMatchObject({ status: 0, stdout: '' });
    balancer.write(
      TEXT.replace('pool: db }', 'pool: db, halfCloseTimeout: 1m }').replace(
        '  db:\n',
        '  db:\n    connectTimeout: 1s\n',
      ),
    );
    const { stdout } = await balancer.run('diff');
    expect(linesOf(stdout)).toEqual([
      '~ listener sql: halfCloseTimeout 5m → 1m',
      '~ pool db: connectTimeout 5s → 1s',
    ]);
  });

  it('says what a reload would change, and ends as diff(1) does', async () => {
    const balancer = await startBalancer({ config: TEXT });
    expect(await balancer.run('diff')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    balancer.write(CHANGED);
    const { status, stdout, stderr } = await balancer.run('diff');
    expect({ status, stderr, lines: linesOf(stdout) }).toEqual({
      ...{ status: 1, stderr: '', lines: DIFFERENCES.toSorted() },
    });
    expect(await balancer.client.status()).toMatchObject({ generation: 1 });
    const json = await balancer.run('diff', '--json');
    expect(json.status).toBe(1);
    const result = JSON.parse(json.stdout);
    expect(result).toMatchObject({ generation: 1, added: ['db/db-3'], removed: ['db/db-2'] });
    expect(result.changed.sort()).toEqual(['db/db-1', 'listener sql', 'pool db']);
    balancer.write('nonsense: 1\n');
    const wrong = await balancer.run('diff');
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toContain(`${balancer.file}:1:1: `);
  });

  it('of a file asks for no change of what only commands have, as the file of a state', async () => {
    const text = `${TEXT}\nstate: ${files.path('state.json')}\n`;
    const balancer = await startBalancer({ config: text });
    const same = await balancer.run('diff', '--config', files.write('same.yaml', text));
    expect(same).toMatchObject({ status: 0, stdout: '' });
  });

  it('says what another file would change', async () => {
    const balancer = await startBalancer({ config: TEXT });
    const other = files.write('other.yaml', CHANGED);
    const { status, stdout, stderr } = await balancer.run('diff', '--config', other);
    expect({ status, stderr, lines: linesOf(stdout) }).toEqual({
      ...{ status: 1, stderr: '', lines: DIFFERENCES.toSorted() },
    });
    const same = await balancer.run('diff', '--config', files.write('same.yaml', TEXT));
    expect(same).toMatchObject({ status: 0, stdout: '' });
    const wrong = files.write('wrong.yaml', 'listen: [\n');
    expect((await balancer.run('diff', '--config', wrong)).status).toBe(2);
    expect((await balancer.run('diff', '--config', '/nowhere.yaml')).status).toBe(2);
  });
});

const everyKind = (folder: string) => `
threads: 1
listeners:
  sql:
    address: ["127.0.0.1:0", {address: "unix:${folder}/a.sock", mode: "0660"}]
    pool: db
    idleTimeout: 8h
    halfCloseTimeout: 1500ms
  web: {address: {address: "unix:${folder}/b c.sock"}, pool: site}
pools:
  db:
    policy: source-hash
    hashKey: /24,/56
    backends:
      - {name: db-1, address: 127.0.0.1:9, weight: 2, maxSessions: 7, tags: {zone: eu-1, interval: "5"}}
      - "[::1]:3306,priority=3"
      - "unix:/run/db.sock,backup"
    onRemove: {after: 30s}
    onDown: close
    queue: {length: 400, timeout: 5s}
    ejectFor: 0
    health: {type: mysql, user: check, password: 'p"#: w', role: primary, interval: 1500ms, fastInterval: 250ms}
  site:
    backends: 127.0.0.1:80
    health: {type: http, path: /healthz, statuses: [200, 300-399], body: 'ok: yes', startDown: true}
  cache: {backends: "127.0.0.1:6379", health: {type: redis, role: replica}}
  plain: {backends: "127.0.0.1:1", health: {type: tcp, send: "PING\\r\\n", expect: "hex:2b", jitter: 20%}}
  pg: {backends: "127.0.0.1:5432", health: {type: postgres, user: u, database: d}}
  tls: {backends: "127.0.0.1:443", health: {type: https, verify: false, serverName: a.example}}
  timeout: {backends: "127.0.0.1:2", from: [127.0.0.1, "::1"], slowStart: 1m}
busyPoll: 50us
keepAlive: 30s
maxSessions: 1000
`;

/** What `config` prints, in a file. */
async function printed(balancer: Balancer) {
  const { status, stdout, stderr } = await balancer.run('config');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return { text: stdout, file: files.write(`${Math.random()}.yaml`, stdout) };
}

describe('config', () => {
  it.each([
    ['every kind of value in the long form', (folder: string) => everyKind(folder)],
    [
      'the short form',
      (folder: string) =>
        `listen: [127.0.0.1:0, "unix:${folder}/a.sock"]\nbackends: [127.0.0.1:9, "b.example:1,weight=3"]\nthreads: 1\nidleTimeout: 90s\nkeepAlive: 0\n`,
    ],
  ])('is a file that says the same: %s', async (_, textIn) => {
    const text = textIn(path.dirname(tempPath('any')));
    const balancer = await startBalancer({ config: text });
    const { file } = await printed(balancer);
    expect(optionsOf(loadConfigFile(file))).toEqual(optionsOf(loadConfigFile(balancer.file)));
    expect(await runCommand('check', '--config', file)).toMatchObject({ status: 0, stderr: '' });
    expect(await balancer.run('diff', '--config', file)).toMatchObject({ status: 0, stdout: '' });
    // Loaded again, it prints itself.
    balancer.command.kill('SIGTERM');
    await balancer.command.ended();
    const again = await startBalancer({ config: readFileSync(file, 'utf8') });
    expect((await printed(again)).text).toBe(readFileSync(file, 'utf8'));
  });

  it('has what was changed since the start, and names what was set by hand', async () => {
    const balancer = await startBalancer({ config: TEXT });
    await balancer.client.add('db', '127.0.0.1:12,name=db-4');
    await balancer.client.setBackend('db', 'db-1', { weight: 9, state: 'drain' });
    const { text, file } = await printed(balancer);
    expect(text).toMatch(/^# set by hand: db\/db-1: state drain, weight 9\n/);
    const [db] = loadConfigFile(file).pools;
    expect(db?.backends.map(({ name, weight }) => [name, weight])).toEqual([
      ...[
        ['db-1', 2],
        ['db-2', 1],
        ['db-4', 1],
      ],
    ]);
    const json = JSON.parse((await balancer.run('config', '--json')).stdout);
    expect(json).toMatchObject({ functions: [], options: { pools: { db: expect.anything() } } });
  });
});
