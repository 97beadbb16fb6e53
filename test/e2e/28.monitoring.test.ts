/** The alert rules and the dashboard of the example, with a real Prometheus and a balancer at work. */

import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfigFile } from '../../src/config/file.js';
import { RunningCommand } from '../helpers/cli.js';
import { oneService } from '../helpers/config.js';
import { stopAfterwards } from './helpers/cleanup.js';
import { runCommand, runOk } from './helpers/command.js';
import { describeWith, program } from './helpers/programs.js';
import { Prometheus, prometheusNeeds } from './helpers/prometheus.js';
import { redisNeeds, startRedis } from './helpers/redis.js';
import type { Server } from './helpers/server.js';
import { makeTempFolder, removeFolder } from './helpers/temp-folder.js';
import { waitUntil } from './helpers/wait.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const example = path.join(root, 'docs/examples/monitoring');
const rulesFile = path.join(example, 'prometheus/spliceway.rules.yml');
const rulesText = readFileSync(rulesFile, 'utf8');
const testsFile = path.join(root, 'test/e2e/helpers/alerts.yml');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly query: string }[] };
}

const dashboard = JSON.parse(
  readFileSync(path.join(example, 'grafana/dashboards/spliceway.json'), 'utf8'),
) as Dashboard;

/** As Grafana asks where one job is chosen, and all of it. */
const filledIn = (query: string) =>
  query
    .replaceAll('$__rate_interval', '15s')
    .replaceAll('$job', 'spliceway')
    .replaceAll(/\$(instance|pool|backend)/g, '.*');

describeWith(prometheusNeeds, 'the alert rules', () => {
  test('are what promtool accepts, and fire when they should', async () => {
    await runOk(program('promtool'), ['check', 'rules', rulesFile]);
    await runOk(program('promtool'), ['test', 'rules', testsFile]);
  });

  test('are told from rules that fire too early or too late', async () => {
    const folder = await makeTempFolder('rules');
    const [from, to] = [path.join(folder, 'from.yml'), path.join(folder, 'tests.yml')];
    const tests = readFileSync(testsFile, 'utf8').replace(
      /^rule_files: .*/m,
      `rule_files: [${from}]`,
    );
    await writeFile(to, tests);
    const changes = [
      ['> 0.8\n', '> 0.7\n'],
      ['for: 30s', 'for: 2m'],
      ['{state=~"down|ejected"}', '{state="down"}'],
      ['{job="spliceway"}[15m]', '[15m]'],
    ] as const;
    for (const [before, after] of changes) {
      const changed = rulesText.replace(before, after);
      expect(changed, before).not.toBe(rulesText);
      await writeFile(from, changed);
      const { status } = await runCommand(program('promtool'), ['test', 'rules', to]);
      expect(status, before).toBe(1);
    }
    await removeFolder(folder);
  });
});

interface Service {
  readonly command?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

const readExample = (file: string) => readFileSync(path.join(example, file), 'utf8');

// No container engine is needed: what fits together is compared, and programs say what they accept.
describeWith({ 'docker-compose': 'docker-compose', ...prometheusNeeds }, 'the compose file', () => {
  const { services, volumes } = parse(readExample('compose.yaml'), { merge: true }) as {
    services: Readonly<Record<string, Service>>;
    volumes: Readonly<Record<string, unknown>>;
  };
  const serviceOf = (name: string): Service => services[name] ?? {};
  /** Ports that a service opens, which are the same outside. */
  const portsOf = (name: string) =>
    (serviceOf(name).ports ?? []).map((port) => {
      const [host, outside, inside] = port.split(':');
      expect([host, outside], port).toEqual(['127.0.0.1', inside]);
      return inside;
    });

  test('is what Compose accepts, and asks for the passwords that it needs', async () => {
    const config = ['docker-compose', '--file', path.join(example, 'compose.yaml'), 'config'];
    const [one, other] = ['MARIADB_ROOT_PASSWORD=secret', 'GRAFANA_PASSWORD=secret'];
    await runOk('env', [one, other, ...config, '--quiet']);
    for (const said of [one, other]) {
      await expect(
        runOk('env', ['-i', `PATH=${process.env.PATH}`, said, ...config]),
      ).rejects.toThrow('set it');
    }
  });

  test('has every file and volume that it mounts', () => {
    const mounted = Object.values(services).flatMap((service) => service.volumes ?? []);
    for (const mount of mounted) {
      const [from = '', to = ''] = mount.split(':');
      expect(to, mount).toMatch(/^\//);
      if (from.startsWith('./')) expect(existsSync(path.join(example, from)), mount).toBe(true);
      else expect(Object.keys(volumes), mount).toContain(from);
    }
    expect(existsSync(path.join(example, '../docker/Dockerfile'))).toBe(true);
  });

  test('has a balancer whose ports and backends are those of its configuration', () => {
    const { command = [] } = serviceOf('spliceway');
    const { listen, backends } = oneService(loadConfigFile(path.join(example, 'spliceway.yaml')));
    const listening = listen.map((address) => (address.kind === 'tcp' ? `${address.port}` : ''));
    const status = command[command.indexOf('--status') + 1] ?? '';
    expect(portsOf('spliceway')).toEqual([...listening, status.replace(/^:/, '')]);
    expect(serviceOf('spliceway').volumes).toEqual([
      `./spliceway.yaml:${command[command.indexOf('--config') + 1]}:ro`,
    ]);
    for (const { address } of backends) {
      const { environment = {} } = serviceOf(address.kind === 'tcp' ? address.host : '');
      const { health } = parse(readExample('spliceway.yaml'));
      expect([environment.MARIADB_USER, environment.MARIADB_PASSWORD]).toEqual([
        health.user,
        health.password,
      ]);
    }
    // Who asks by its name has to be allowed to.
    const { scrape_configs: jobs } = parse(readExample('prometheus/prometheus.yml'));
    const host = command[command.indexOf('--status-host') + 1];
    expect(jobs).toEqual([
      { job_name: 'spliceway', static_configs: [{ targets: [`${host}${status}`] }] },
    ]);
  });

  test('has a Prometheus with the rules, and a Grafana with the dashboard', async () => {
    await runOk(program('promtool'), [
      'check',
      'config',
      path.join(example, 'prometheus/prometheus.yml'),
    ]);
    expect(serviceOf('prometheus').volumes).toContain('./prometheus:/etc/prometheus:ro');
    const { datasources } = parse(readExample('grafana/provisioning/datasources/prometheus.yaml'));
    expect(datasources).toMatchObject([
      { type: 'prometheus', url: `http://prometheus:${portsOf('prometheus')}` },
    ]);
    const { providers } = parse(readExample('grafana/provisioning/dashboards/spliceway.yaml'));
    const folder = providers[0].options.path;
    const { volumes: mounts, environment = {} } = serviceOf('grafana');
    expect(mounts).toContain(`./grafana/dashboards:${folder}:ro`);
    expect(mounts).toContain('./grafana/provisioning:/etc/grafana/provisioning:ro');
    const home = environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH ?? '';
    expect(existsSync(path.join(example, 'grafana/dashboards', path.relative(folder, home)))).toBe(
      true,
    );
  });

  test('is as docs/monitoring.md says', () => {
    const page = readFileSync(path.join(root, 'docs/monitoring.md'), 'utf8');
    const [, port] = portsOf('spliceway');
    const ports = [...page.matchAll(/`(?:http:\/\/)?127\.0\.0\.1:(\d+)/g)].map(
      ([, found]) => found,
    );
    const opened = ['spliceway', 'grafana', 'prometheus'].flatMap(portsOf);
    expect(ports.sort()).toEqual(opened.sort());
    expect(page).toContain(`targets: ['127.0.0.1:${port}']`);
    // Each alert at its severity.
    const { groups } = parse(rulesText) as Rules;
    for (const { alert, labels } of groups.flatMap((group) => group.rules)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${labels.severity}\``));
      expect(row, alert).toContain(`\`${alert}\``);
    }
  });
});

describeWith({ ...prometheusNeeds, ...redisNeeds }, 'a balancer at work', () => {
  const keep = stopAfterwards();
  const servers: Server[] = [];
  let prometheus: Prometheus;
  let clients: Clients;
  const hasData = (query: string, what: string) =>
    waitUntil(async () => (await prometheus.query(query)).some(Number.isFinite), {
      what: `data for ${what}: ${query}`,
    });
  beforeAll(async () => {
    servers.push(keep(await startRedis()), keep(await startRedis()));
    const folder = await makeTempFolder('monitoring');
    keep({ stop: () => removeFolder(folder) });
    const file = path.join(folder, 'balance.yaml');
    const backends = servers.map(
      ({ address }, index) => `${address},name=db-${index + 1},max-sessions=1`,
    );
    await writeFile(
      file,
      JSON.stringify({
        listeners: { sql: { address: '127.0.0.1:0', pool: 'db' } },
        pools: {
          db: {
            backends,
            maxPoolSessions: 2,
            queue: 100,
            health: { type: 'redis', interval: '300ms', fastInterval: '100ms', timeout: '30s' },
          },
        },
      }),
    );
    const flags = ['--control', 'off', '--max-sessions', '1000', '--status', '127.0.0.1:0'];
    const balancer = new RunningCommand(['--config', file, ...flags]);
    keep({ stop: () => balancer[Symbol.asyncDispose]() });
    const port = await balancer.port();
    const [, place = ''] = await balancer.waitFor('stderr', /status address: http:\/\/([\d.:]+)\//);
    // Without the time for which it has to be so.
    const rules = rulesText.replaceAll(/^ +for: .*\n/gm, '');
    prometheus = keep(await Prometheus.start(place, rules));
    clients = keep(new Clients(port));
  });

  test('has data for every panel of the dashboard', async () => {
    for (const { title, targets = [] } of dashboard.panels) {
      for (const { expr } of targets) {
        await hasData(filledIn(expr), title);
      }
    }
  });

  test('has values for every variable of the dashboard', async () => {
    const queries = dashboard.templating.list.map(({ query }) => query);
    const asked = queries.flatMap((query) => {
      const [, metric, label] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
      return metric === undefined ? [] : [`group by (${label}) (${filledIn(metric)})`];
    });
    expect(asked).toHaveLength(queries.length - 1);
    for (const query of asked) await hasData(query, 'a variable');
  });

  test('has every series that an alert rule looks at', async () => {
    const { groups } = parse(rulesText) as Rules;
    const expressions = groups.flatMap((group) => group.rules.map(({ expr }) => expr));
    const selectors = expressions.flatMap((expression) => {
      const found = expression.match(/\b(?:spliceway_|process_)\w+(?:\{[^}]*\})?|\bup\{[^}]*\}/g);
      return found ?? [];
    });
    expect(selectors.length).toBeGreaterThan(expressions.length);
    for (const selector of new Set(selectors)) await hasData(`count(${selector})`, 'a rule');
  });

  test('has an alert that fires when no backend is left', async () => {
    const firing = async (name: string) =>
      (await prometheus.alerts()).filter(
        ({ labels, state }) => labels.alertname === name && state === 'firing',
      );
    for (const name of ['SplicewayAbsent', 'SplicewayPoolDown', 'SplicewayReloadFailed']) {
      expect(await firing(name), name).toEqual([]);
    }
    await clients.stop();
    for (const server of servers) await server.kill();
    await waitUntil(async () => (await firing('SplicewayPoolDown')).length > 0, {
      what: 'SplicewayPoolDown to fire',
    });
    const [alert] = await firing('SplicewayPoolDown');
    expect(alert?.labels).toMatchObject({ severity: 'critical', job: 'spliceway', pool: 'db' });
    expect(alert?.annotations.summary).toMatch(
      /^Pool db has no backend to pick, at 127\.0\.0\.1:\d+\.$/,
    );
    await waitUntil(async () => (await firing('SplicewayBackendDown')).length === servers.length, {
      what: 'SplicewayBackendDown to fire for both',
    });
  });
});

/** Four who ask again and again, for two places. */
class Clients {
  readonly #working: Promise<unknown>;
  #isOver = false;

  constructor(port: number) {
    this.#working = Promise.all(Array.from({ length: 4 }, () => this.#work(port)));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#working;
  }

  async #work(port: number): Promise<void> {
    while (!this.#isOver) {
      const socket = connect(port, '127.0.0.1');
      const closed = once(socket, 'close');
      socket.on('error', () => {});
      socket.once('data', () => socket.end());
      socket.write('PING\r\n');
      await closed.catch(() => {});
    }
  }
}
