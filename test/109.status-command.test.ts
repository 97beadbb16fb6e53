/** The status address of the command: where it is, what is said of it, and what the pages about it say. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { describeWith } from './e2e/helpers/programs.js';
import { RunningCommand } from './helpers/cli.js';
import { engines } from './helpers/engines.js';
import { refusedAddress, startEcho } from './helpers/servers.js';
import { openClient } from './helpers/services.js';
import { get, placeOf, seriesIn } from './helpers/status.js';
import { tempPath } from './helpers/temp.js';

const SERVING = ['--listen', '127.0.0.1:0', '--backend', '127.0.0.1:9', '--threads', '1'];

const started = (...flags: string[]) =>
  new RunningCommand([...SERVING, '--control', 'off', ...flags]);

describe.each(engines)('the status address of the command with %s', (engine) => {
  it('is where --status says, until the last session has left', async () => {
    const echo = await startEcho();
    const flags = ['--engine', engine, '--name', 'edge', '--status', '127.0.0.1:0'];
    await using command = new RunningCommand([
      ...['--listen', '127.0.0.1:0', '--backend', echo.address, '--threads', '1'],
      ...['--control', 'off', ...flags],
    ]);
    const client = await openClient(await command.port());
    const place = await placeOf(command);
    expect((await get(place, '/readyz')).status).toBe(200);
    const { body } = await get(place, '/api/v1/status');
    expect(body).toMatchObject({ name: 'edge', pid: command.pid, engine: { name: engine } });
    command.kill('SIGTERM');
    await command.waitFor('stderr', /accepting no more/);
    const stopping = await get(place, '/readyz');
    expect(stopping).toMatchObject({ status: 503, body: { reason: 'it is stopping' } });
    expect((await get(place, '/healthz')).status).toBe(200);
    client.end();
    expect(await command.ended()).toMatchObject({ status: 0 });
    expect(command.stderr).not.toContain('keep strangers from it');
  });
});

it('the metrics of a command say whether the file that was read last is in effect', async () => {
  const file = tempPath('balance.yaml');
  const text = 'listen: 127.0.0.1:0\nthreads: 1\nbackends: [127.0.0.1:9]\n';
  writeFileSync(file, text);
  const flags = ['--config', file, '--control', 'off', '--status', '127.0.0.1:0'];
  await using command = new RunningCommand(flags);
  await command.port();
  const place = await placeOf(command);
  const figures = async () => {
    const series = seriesIn((await get(place, '/metrics?collect[]=process')).text);
    const name = 'spliceway_config_last_reload_success';
    return [series.get(`${name}ful`), series.get(`${name}_timestamp_seconds`) ?? 0] as const;
  };
  const [first, at] = await figures();
  expect(first).toBe(1);
  writeFileSync(file, `${text}nothing: 1\n`);
  command.kill('SIGHUP');
  await command.waitFor('stderr', /the last good configuration runs on/);
  expect(await figures()).toEqual([0, at]);
  writeFileSync(file, text);
  command.kill('SIGHUP');
  await command.waitFor('stderr', /nothing has changed/);
  const [second, later] = await figures();
  expect(second).toBe(1);
  expect(later).toBeGreaterThan(at);
});

it('a reload that listens where the status address is says so', async () => {
  const file = tempPath('balance.yaml');
  const text = 'threads: 1\nbackends: [127.0.0.1:9]\n';
  writeFileSync(file, `${text}listen: 127.0.0.1:0\n`);
  const flags = ['--config', file, '--control', 'off', '--status', '127.0.0.1:0'];
  await using command = new RunningCommand(flags);
  await command.port();
  const { address } = await placeOf(command);
  const taken = `127.0.0.1:${address.port}`;
  writeFileSync(file, `${text}listen: [127.0.0.1:0, '${taken}']\n`);
  command.kill('SIGHUP');
  await command.waitFor('stderr', /the last good configuration runs on/);
  expect(command.stderr).toContain(`${taken} and ${taken} may overlap`);
});

describe('the flags', () => {
  it('are none: there is no status address', async () => {
    await using command = started();
    await command.port();
    command.kill('SIGTERM');
    await command.ended();
    expect(command.stderr).not.toContain('status address');
  });

  it('for all interfaces are warned of, and names may be added', async () => {
    await using command = started('--status', ':0', '--status-host', 'balancer.example');
    await command.waitFor('stderr', /"level":40.*keep strangers from it/);
    const { address } = await placeOf(command);
    const local = { address: { ...address, address: '127.0.0.1' } };
    const codeFor = async (Host: string) =>
      (await get(local, '/healthz', { headers: { Host } })).status;
    expect(await codeFor('balancer.example')).toBe(200);
    expect(await codeFor('other.example')).toBe(421);
  });

  it.each([
    [['--status', 'nowhere'], '--status: "nowhere" is not an address'],
    [['--status', 'unix:/run/x'], '--status: unix:/run/x is no place for a status address'],
    [['--status', ''], '--status: "" is not an address'],
    [['--status', ':0', '--status-host', 'a b'], '--status: "a b" is not the name of a host'],
    [['--status-host', 'a'], '--status-host is for a status address'],
  ])('are refused as %j', async (flags, message) => {
    await using command = started(...flags);
    expect(await command.ended()).toMatchObject({ status: 2, stdout: '' });
    expect(command.stderr).toContain(message);
  });

  it('that name a backend, or what is in use, end the start', async () => {
    const place = await refusedAddress();
    await using same = started('--status', place, '--backend', place);
    expect(await same.ended()).toMatchObject({ status: 2 });
    expect(same.stderr).toContain('is the status address of the proxy itself');
    const echo = await startEcho();
    await using taken = started('--status', echo.address);
    expect(await taken.ended()).toMatchObject({ status: 1, stdout: '' });
    expect(taken.stderr).toContain(`cannot listen on ${echo.address}`);
    const free = await refusedAddress();
    await using overlapping = started('--status', free, '--listen', free);
    expect(await overlapping.ended()).toMatchObject({ status: 1 });
    expect(overlapping.stderr).toContain(`${free} and ${free} may overlap`);
  });
});

/** Commands of a page in their order, each with the answer below it. */
function stepsOf(page: string) {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(/```sh\n(.*?)\n```(?:\n\n```json\n(.*?)\n```)?/gs)].map(
    ([, command = '', answer]) => ({ command, answer }),
  );
}

describeWith({ curl: 'curl' }, 'the pages of the status address', () => {
  it.each(['docs/status.md', 'docs/metrics.md'])(
    'have commands that answer as %s says',
    async (page) => {
      const starts = stepsOf('docs/status.md').filter(({ command }) =>
        command.startsWith('spliceway '),
      );
      const asks = stepsOf(page).filter(({ command }) => command.startsWith('curl '));
      expect(starts).toHaveLength(2);
      expect(asks.length).toBeGreaterThan(0);
      for (const { command: start } of starts) {
        const [, ...words] = start.replace(/:(5555|9400)/g, ':0').split(' ');
        await using command = new RunningCommand([...words, '--control', 'off', '--threads', '1']);
        const { address } = await placeOf(command);
        for (const { command: line, answer } of asks) {
          const here = line.replace(':9400', `:${address.port}`);
          expect(here).not.toBe(line);
          const { stdout } = await promisify(execFile)('/bin/sh', ['-c', here]);
          if (answer === undefined) expect(stdout).toContain('spliceway_sessions_opened_total 0');
          else expect(JSON.parse(stdout), line).toMatchObject(JSON.parse(answer));
        }
      }
    },
  );
});
