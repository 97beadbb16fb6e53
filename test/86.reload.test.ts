/** A running program follows its file: at a signal, whole or not at all. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { ConfigSource } from '../src/cli/config-source.js';
import type { Logger } from '../src/cli/log.js';
import { Reloader, type ReloadOutcome } from '../src/cli/reload.js';
import type { ProxyConfig } from '../src/config/types.js';
import { SplicewayError } from '../src/errors/catalogue.js';
import type { UpdateResult } from '../src/model/update-result.js';
import { RunningCommand } from './helpers/cli.js';
import { until } from './helpers/deadline.js';
import { type EngineName, engines } from './helpers/engines.js';
import { client, nextText, startGreeter } from './helpers/greeters.js';
import { startServer } from './helpers/servers.js';
import { startServiceManager } from './helpers/service-manager.js';
import { connect, readToEnding } from './helpers/sockets.js';
import { tempPath } from './helpers/temp.js';

/** A file of one listener and one pool, with other lines behind. */
const textOf = (backends: readonly string[], ...more: string[]) =>
  [
    'listeners: { sql: { address: "127.0.0.1:0", pool: db } }',
    `pools: { db: { backends: ${JSON.stringify(backends)} } }`,
    ...more,
    '',
  ].join('\n');

/** The program with a file that a test changes. */
class Following {
  readonly file: string;
  readonly command: RunningCommand;
  #seen = 0;

  constructor(text: string, engine: EngineName, flags: string[] = [], environment = {}) {
    this.file = tempPath('balance.yaml');
    writeFileSync(this.file, text);
    const args = ['--config', this.file, '--engine', engine, '--threads', '2', ...flags];
    this.command = new RunningCommand(args, environment);
  }

  /** Puts another text in the place of the present one, whole. */
  write(text: string): void {
    writeFileSync(`${this.file}.new`, text);
    renameSync(`${this.file}.new`, this.file);
  }

  /** Reloads, and gives the lines of the log up to the one that says what came of it. */
  async reload(text?: string): Promise<string[]> {
    if (text !== undefined) this.write(text);
    this.command.kill('SIGHUP');
    return await this.outcome();
  }

  async outcome(): Promise<string[]> {
    let said: string[] = [];
    await until('the outcome of a reload', () => {
      const lines = this.command.stderr.split('\n').slice(0, -1);
      const end = lines.findIndex(
        (line, index) => index >= this.#seen && /\(generation \d+\)|not applied/.test(line),
      );
      if (end < 0) return false;
      said = lines.slice(this.#seen, end + 1).map((line) => JSON.parse(line).msg as string);
      this.#seen = end + 1;
      return true;
    });
    // What came before it, such as the line about the engine, is not of the reload.
    return said.filter((line) => line.startsWith(this.file)).map((line) => this.#short(line));
  }

  #short(line: string): string {
    return line.replace(this.file, 'FILE');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.command[Symbol.asyncDispose]();
  }
}

/** Which backend greets the next client; the client stays. */
async function greeted(port: number): Promise<{ socket: Socket; name: string }> {
  const socket = await client(port);
  return { socket, name: (await nextText(socket)).trim() };
}

async function echoes(socket: Socket, text: string): Promise<void> {
  socket.write(text);
  expect(await nextText(socket)).toBe(text);
}

describe.each(engines)('SIGHUP, with the %s engine,', (engine) => {
  it('has backends come and go, and sessions go on', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    await using following = new Following(textOf([`${a},name=a`]), engine);
    const port = await following.command.port();
    const first = await greeted(port);
    expect(first.name).toBe('a');

    expect(await following.reload(textOf([`${a},name=a`, `${b},name=b`]))).toEqual([
      'FILE: added db/b (generation 2)',
    ]);
    const both = new Set([(await greeted(port)).name, (await greeted(port)).name]);
    expect([...both].sort()).toEqual(['a', 'b']);

    expect(await following.reload(textOf([`${b},name=b`]))).toEqual([
      'FILE: removed db/a (generation 3)',
    ]);
    expect((await greeted(port)).name).toBe('b');
    expect((await greeted(port)).name).toBe('b');
    await echoes(first.socket, 'still here');
    expect(await following.reload()).toEqual(['FILE: nothing has changed (generation 3)']);
  });

  it('opens and closes listeners, and says where the new ones are', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    await using following = new Following(textOf([a]), engine);
    const port = await following.command.port();
    const first = await greeted(port);
    const path = `${following.file}.sock`;
    const text = [
      `listeners: { web: { address: "unix:${path}", pool: site } }`,
      `pools: { site: { backends: [${b}] } }`,
      '',
    ].join('\n');
    expect(await following.reload(text)).toEqual([
      expect.stringMatching(
        /^FILE: added listener web, pool site.*; removed listener sql, pool db.* \(generation 2\)$/,
      ),
    ]);
    await following.command.waitFor('stdout', new RegExp(`^listening on unix:${path}$`, 'm'));
    const other = await client(path);
    expect(await nextText(other)).toBe('b\n');
    const late = await connect(port).catch((error: NodeJS.ErrnoException) => error);
    expect(late).toMatchObject({ code: 'ECONNREFUSED' });
    await echoes(first.socket, 'still here');
  });

  it('changes nothing when the file is wrong, and says where', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    await using following = new Following(textOf([a]), engine);
    const port = await following.command.port();
    const first = await greeted(port);
    const bad = textOf([`${b},weight=0`], 'thread: 2', 'idleTimeout: 5s');
    expect(await following.reload(bad)).toEqual([
      expect.stringMatching(
        /^FILE:2:\d+: pools\.db\.backends\[0\]\.weight: 0 is not a whole number/,
      ),
      expect.stringMatching(/^FILE:3:1: thread: unknown option \(did you mean "threads"\?\)/),
      expect.stringMatching(/^FILE:4:1: idleTimeout: this is a setting of a listener/),
      'FILE: not applied; the last good configuration runs on',
    ]);
    expect(await following.reload('listeners: {\n')).toEqual([
      expect.stringMatching(/^FILE:2:1: /),
      'FILE: not applied; the last good configuration runs on',
    ]);
    rmSync(following.file);
    expect(await following.reload()).toEqual([
      'FILE: cannot be read: there is no such file',
      'FILE: not applied; the last good configuration runs on',
    ]);
    expect((await greeted(port)).name).toBe('a');
    await echoes(first.socket, 'still here');
    expect(await following.reload(textOf([`${b},name=b`]))).toEqual([
      expect.stringMatching(/^FILE: added db\/b; removed db\/.* \(generation 2\)$/),
    ]);
    expect((await greeted(port)).name).toBe('b');
  });

  it('leaves everything as it is when an address is taken', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const taken = await startServer();
    await using following = new Following(textOf([a]), engine);
    const port = await following.command.port();
    const more = textOf([b]).replace(
      'sql:',
      `web: { address: "${taken.address}", pool: db }, sql:`,
    );
    following.write(more);
    following.command.kill('SIGHUP');
    await following.command.waitFor('stderr', /cannot listen on .*: the address is in use/);
    expect((await following.outcome()).at(-1)).toContain('not applied');
    expect((await greeted(port)).name).toBe('a');
  });

  it('ends sessions of a backend that is gone where its pool says so', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    const text = (backend: string) =>
      textOf([]).replace('{ backends: [] }', `{ backends: [${backend}], onRemove: close }`);
    await using following = new Following(text(a), engine);
    const { socket } = await greeted(await following.command.port());
    const ending = readToEnding(socket);
    await following.reload(text(b));
    await ending;
  });
});

const [engine = 'stream'] = engines;

describe('SIGHUP', () => {
  it('cannot change what the process stands on, and says that it takes a restart', async () => {
    const backend = await startGreeter('a');
    const file = textOf([backend], 'maxSessions: 100', 'logFormat: json');
    await using following = new Following(file, engine);
    await following.command.port();
    const other = textOf([backend], 'maxSessions: 50', 'logFormat: pretty', 'transfer: copy');
    expect(await following.reload(other)).toEqual([
      'FILE:5:11: transfer: needs a restart; it is auto in the running process, and copy here',
      'FILE:3:14: maxSessions: needs a restart; it is 100 in the running process, and 50 here',
      'FILE:4:12: logFormat: needs a restart; it is json in the running process, and pretty here',
      'FILE: not applied; the last good configuration runs on',
    ]);
    expect(await following.reload(textOf([backend], 'logFormat: json'))).toEqual([
      'FILE:1:1: maxSessions: needs a restart; it is 100 in the running process, and not set here',
      'FILE: not applied; the last good configuration runs on',
    ]);
  });

  it('changes the time to drain and the level of the log', async () => {
    const backend = await startGreeter('a');
    await using following = new Following(textOf([backend], 'drainTimeout: 9s'), engine);
    const port = await following.command.port();
    await greeted(port);
    const text = textOf([backend], 'drainTimeout: 1h', 'logLevel: debug');
    expect(await following.reload(text)).toEqual([
      expect.stringMatching(/^FILE: changed drainTimeout, logLevel \(generation \d\)$/),
    ]);
    const { socket } = await greeted(port);
    await following.command.waitFor('stderr', /"msg":"session open"/);
    following.command.kill('SIGTERM');
    await following.command.waitFor('stderr', /waiting up to 1h for 2 sessions to finish/);
    following.command.kill('SIGHUP');
    await following.command.waitFor(
      'stderr',
      /nothing is reloaded any more: spliceway is stopping/,
    );
    await echoes(socket, 'still here');
  });

  it('has flags win over the file, as at the start', async () => {
    const backend = await startGreeter('a');
    const flags = ['--drain-timeout', '7s', '--max-sessions', '5'];
    await using following = new Following(textOf([backend]), engine, flags);
    const { socket } = await greeted(await following.command.port());
    const text = textOf([backend], 'drainTimeout: 1h', 'maxSessions: 6');
    expect(await following.reload(text)).toEqual(['FILE: nothing has changed (generation 1)']);
    following.command.kill('SIGTERM');
    await following.command.waitFor('stderr', /waiting up to 7s for 1 session to finish/);
    await echoes(socket, 'still here');
  });

  it('of which two come at once has the text that the file has in the end', async () => {
    const [a, b] = [await startGreeter('a'), await startGreeter('b')];
    await using following = new Following(textOf([`${a},name=a`]), engine);
    const port = await following.command.port();
    following.write(textOf([`${b},name=b`]));
    following.command.kill('SIGHUP');
    following.write(textOf([`${a},name=a`, `${b},name=b`]));
    following.command.kill('SIGHUP');
    // The kernel may make one signal of both.
    let said = '';
    while (!said.includes('generation 3') && !/added db\/b \(generation 2\)/.test(said)) {
      said += (await following.outcome()).join('\n');
    }
    const names = new Set([(await greeted(port)).name, (await greeted(port)).name]);
    expect([...names].sort()).toEqual(['a', 'b']);
  });

  it('tells a service manager when it begins and when it has ended, well or not', async () => {
    const NOTIFY_SOCKET = tempPath('notify');
    const manager = await startServiceManager(NOTIFY_SOCKET);
    const backend = await startGreeter('a');
    await using following = new Following(textOf([backend]), engine, [], { NOTIFY_SOCKET });
    const status = (await manager.next())[1];
    const before = process.hrtime.bigint() / 1000n;
    await following.reload(textOf([backend], 'logLevel: debug'));
    const [reloading, time = '', word] = await manager.next();
    expect([reloading, word]).toEqual(['RELOADING=1', 'STATUS=reloading']);
    const asked = BigInt(time.replace('MONOTONIC_USEC=', ''));
    expect(asked).toBeGreaterThanOrEqual(before);
    expect(asked).toBeLessThanOrEqual(process.hrtime.bigint() / 1000n);
    expect(await manager.next()).toEqual(['READY=1', status]);

    await following.reload('listeners: 1\n');
    expect((await manager.next())[0]).toBe('RELOADING=1');
    const why = `${following.file}:1:12: listeners: 1 is not an object of listeners`;
    const [ready, failed] = await manager.next();
    expect(ready).toBe('READY=1');
    expect(failed).toContain(`${status}; the last reload failed: ${why}`);
    await following.reload(textOf([backend]));
    await manager.next();
    expect(await manager.next()).toEqual(['READY=1', status]);
  });

  it.each([
    ['flags', ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9'], ''],
    ['standard input', ['--config', '-'], textOf(['127.0.0.1:9'])],
  ])('says that there is no file, where the configuration came from %s', async (_, args, text) => {
    await using command = new RunningCommand([...args, '--engine', engine]);
    command.type(text);
    await command.port();
    command.kill('SIGHUP');
    await command.waitFor('stderr', /SIGHUP: there is no file to read again; that takes --config/);
    command.kill('SIGTERM');
    expect(await command.ended()).toMatchObject({ status: 0 });
  });
});

/** Whatever has been asked for has begun then, and what follows an answer has happened. */
const turn = () => new Promise(setImmediate);

/** What the proxy was asked for, and how a test answers. */
interface Update {
  readonly config: ProxyConfig;
  resolve(result: UpdateResult): void;
  reject(error: Error): void;
}

describe('Reloader', () => {
  const serving = (backend: string) => `listen: 127.0.0.1:0\nbackends: [${backend}]\n`;

  /** A reloader with a proxy that answers when a test says so. */
  function makeReloader() {
    const file = tempPath('balance.yaml');
    writeFileSync(file, serving('a:1'));
    const source = new ConfigSource(file, {});
    const { config } = source.read();
    const lines: string[] = [];
    const write = (_: unknown, text?: string) => void lines.push(text ?? String(_));
    const log = { info: write, warn: write, error: write } as unknown as Logger;
    const updates: Update[] = [];
    const outcomes: ReloadOutcome[] = [];
    let begun = 0;
    const proxy = {
      updateConfig: (to: ProxyConfig) =>
        new Promise<UpdateResult>((resolve, reject) => {
          updates.push({ config: to, resolve, reject });
        }),
      generation: 1,
      options: { backends: [] },
      changesTo: () => ({ added: [], removed: [], changed: [] }),
    };
    const events = {
      onBegin: () => {
        begun += 1;
      },
      onDone: () => {},
      onEnd: (outcome: ReloadOutcome) => void outcomes.push(outcome),
    };
    const reloader = new Reloader(source, config, log);
    const result = { generation: 1, added: [], removed: [], changed: [] };
    return {
      ...{ file, reloader, updates, outcomes, lines, result, config },
      begin: () => reloader.begin(proxy, events, []),
      begun: () => begun,
    };
  }

  it('keeps what is asked for before the proxy runs', async () => {
    const { reloader, updates, begin } = makeReloader();
    reloader.request();
    reloader.request();
    expect(updates).toHaveLength(0);
    begin();
    expect(updates).toHaveLength(1);
  });

  it('does one at a time, and one more for all who ask meanwhile', async () => {
    const { file, reloader, updates, outcomes, begin, result } = makeReloader();
    begin();
    reloader.request();
    expect(updates).toHaveLength(1);
    reloader.request();
    writeFileSync(file, serving('b:1'));
    reloader.fileChanged();
    reloader.request();
    expect(updates).toHaveLength(1);
    updates[0]?.resolve(result);
    await until('the second', () => updates.length === 2);
    updates[1]?.resolve(result);
    await until('its end', () => outcomes.length === 2);
    expect(updates.map(({ config }) => config.pools[0]?.backends[0]?.name)).toEqual(['a:1', 'b:1']);
    expect(reloader.config.pools[0]?.backends[0]?.name).toBe('b:1');
    expect(updates).toHaveLength(2);
  });

  it('does nothing about a file that has the same text, or is not there for a moment', async () => {
    const { file, reloader, updates, begin, begun, lines } = makeReloader();
    begin();
    writeFileSync(file, readFileSync(file));
    reloader.fileChanged();
    await turn();
    rmSync(file);
    reloader.fileChanged();
    await turn();
    expect(begun()).toBe(0);
    expect(lines).toEqual([]);
    writeFileSync(file, serving('b:1'));
    reloader.fileChanged();
    expect(updates).toHaveLength(1);
  });

  it('reads a wrong file once, and the right one again', async () => {
    const { file, reloader, updates, outcomes, lines, begin, result } = makeReloader();
    begin();
    writeFileSync(file, 'listen: x\n');
    reloader.fileChanged();
    await until('the refusal', () => outcomes.length === 1);
    const count = lines.length;
    reloader.fileChanged();
    await turn();
    writeFileSync(file, serving('a:1'));
    reloader.fileChanged();
    expect(updates).toHaveLength(1);
    expect(lines).toHaveLength(count);
    updates[0]?.resolve(result);
    await until('the end', () => outcomes.length === 2);
    expect(lines.at(-1)).toBe(`${file}: nothing has changed (generation 1)`);
  });

  it('keeps the configuration of before when the proxy refuses the new one', async () => {
    const { file, reloader, updates, outcomes, lines, begin, config } = makeReloader();
    begin();
    writeFileSync(file, serving('b:1'));
    reloader.request();
    updates[0]?.reject(new SplicewayError('ERR_SPLICEWAY_LISTEN', 'one line\nanother'));
    await until('the end', () => outcomes.length === 1);
    expect(outcomes).toEqual([{ failed: 'one line', error: expect.any(SplicewayError) }]);
    expect(lines).toEqual([
      ...['one line', 'another'],
      `${file}: not applied; the last good configuration runs on`,
    ]);
    expect(reloader.config).toBe(config);
  });

  it('lives on after an error that nobody foresaw', async () => {
    const { reloader, updates, outcomes, lines, begin } = makeReloader();
    begin();
    reloader.request();
    updates[0]?.reject(new TypeError('x is undefined'));
    await until('the end', () => outcomes.length === 1);
    expect(lines[0]).toBe('this should not have happened');
    reloader.request();
    expect(updates).toHaveLength(2);
  });

  it('says nothing of what a stop has cut short', async () => {
    const { reloader, updates, outcomes, lines, begin } = makeReloader();
    begin();
    reloader.request();
    reloader.end();
    updates[0]?.reject(new SplicewayError('ERR_SPLICEWAY_CLOSED', 'closed'));
    await turn();
    expect({ outcomes, lines }).toEqual({ outcomes: [], lines: [] });
  });

  it('names some of many changes in words, and all in the fields', async () => {
    const { reloader, updates, outcomes, lines, begin, result } = makeReloader();
    begin();
    reloader.request();
    const added = Array.from({ length: 10 }, (_, index) => `db/${index}`);
    updates[0]?.resolve({ ...result, generation: 7, added });
    await until('the end', () => outcomes.length === 1);
    expect(lines[0]).toMatch(/: added db\/0, .*, db\/7 and 2 more \(generation 7\)$/);
  });
});
