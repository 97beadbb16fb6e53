/** The alert rules and the dashboard of the example, beside the table of metrics. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboardFile, dashboardText } from '../scripts/dashboard/dashboard.js';
import { metricTable } from '../src/control/status/metrics/table.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const example = 'docs/examples/monitoring';

/** Labels by the name of the series that have them: a histogram is three. */
const labelsOf = new Map(
  metricTable.flatMap((collector) =>
    collector.metrics.flatMap(({ name, type, labels = [] }) => {
      const own = [...collector.labels, ...labels];
      const without = own.filter((label) => label !== 'le');
      return type === 'histogram'
        ? [
            [`${name}_bucket`, own] as const,
            [`${name}_sum`, without] as const,
            [`${name}_count`, without] as const,
          ]
        : [[name, own] as const];
    }),
  ),
);
/** Prometheus' own. */
const OF_TARGETS = ['job', 'instance'];
labelsOf.set('up', []);

interface Named {
  readonly metrics: readonly string[];
  /** Of all its metrics together. */
  readonly labels: readonly string[];
}

/**
 * What an expression of PromQL names.
 *
 * @throws where there is no such metric, or where it has no such label
 */
function namedIn(expression: string): Named {
  const bare = expression.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
  const metrics: string[] = [];
  for (const [, name = '', selector = ''] of bare.matchAll(
    /\b(spliceway_\w+|process_\w+|up)\b(?:\s*\{([^}]*)\})?/g,
  )) {
    const labels = labelsOf.get(name);
    if (labels === undefined) throw new Error(`there is no metric ${name}`);
    for (const [, label = ''] of selector.matchAll(/(\w+)\s*(?:=|!=|=~|!~)/g)) {
      if (![...labels, ...OF_TARGETS].includes(label)) throw new Error(`${name} has no ${label}`);
    }
    metrics.push(name);
  }
  if (metrics.length === 0) throw new Error(`no metric is named in ${expression}`);
  const labels = [...OF_TARGETS, ...metrics.flatMap((name) => labelsOf.get(name) ?? [])];
  for (const [, list = ''] of bare.matchAll(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g)) {
    for (const label of list.split(',').map((word) => word.trim())) {
      if (!labels.includes(label)) throw new Error(`nothing has a label ${label} in ${expression}`);
    }
  }
  return { metrics, labels };
}

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const rules = (
  parse(read(`${example}/prometheus/spliceway.rules.yml`)) as { groups: { rules: Rule[] }[] }
).groups.flatMap((group) => group.rules);

describe('what an expression names', () => {
  it.each([
    ['spliceway_backend_gone', 'there is no metric spliceway_backend_gone'],
    ['rate(spliceway_pool_up{backend="a"}[5m])', 'spliceway_pool_up has no backend'],
    ['sum by (loop) (spliceway_pool_up)', 'nothing has a label loop'],
    ['spliceway_pool_connect_duration_seconds', 'there is no metric'],
    ['vector(1)', 'no metric is named'],
  ])('has to exist: %s', (expression, message) => {
    expect(() => namedIn(expression)).toThrow(message);
  });

  it('is found in strings as little as in words that begin alike', () => {
    expect(namedIn('sum(spliceway_pool_up{pool="spliceway_x{"}) by (pool)').metrics).toEqual([
      'spliceway_pool_up',
    ]);
  });
});

describe('the alert rules', () => {
  it('name metrics and labels that exist', () => {
    for (const { expr, annotations } of rules) {
      const { labels } = namedIn(expr);
      const words = Object.values(annotations).join(' ');
      for (const [, label] of words.matchAll(/\$labels\.(\w+)/g))
        expect(labels, expr).toContain(label);
    }
  });

  it('say each what it is and what to do, and how bad it is', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Spliceway([A-Z][a-z]+)+$/);
      expect(['critical', 'warning', 'info'], alert).toContain(labels.severity);
      expect(Object.keys(annotations), alert).toEqual(['summary', 'description']);
      for (const text of Object.values(annotations)) expect(text, alert).toMatch(/\.$/);
    }
  });

  it('have each a test in which it fires', () => {
    const tests = read('test/e2e/helpers/alerts.yml');
    const fired = new Set([...tests.matchAll(/alertname="(\w+)"/g)].map(([, name]) => name));
    expect([...fired].sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });
});

describe('the dashboard', () => {
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly description?: string;
    readonly targets?: readonly { expr: string; legendFormat: string; refId: string }[];
    readonly gridPos: {
      readonly x: number;
      readonly y: number;
      readonly w: number;
      readonly h: number;
    };
  }
  const dashboard = JSON.parse(read(dashboardFile)) as {
    panels: readonly Panel[];
    templating: { list: readonly { name: string; query: string }[] };
  };
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const variables = dashboard.templating.list;

  it('is what npm run docs:dashboard writes', () => {
    expect(read(dashboardFile)).toBe(dashboardText());
  });

  it('names metrics and labels that exist', () => {
    expect(panels.length).toBeGreaterThan(20);
    for (const { title, targets = [] } of panels) {
      expect(targets, title).not.toHaveLength(0);
      for (const { expr, legendFormat } of targets) {
        const { labels } = namedIn(expr);
        for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g)) {
          expect(labels, expr).toContain(label);
        }
      }
    }
    for (const { name, query } of variables.filter((variable) => variable.name !== 'datasource')) {
      const [, expression = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
      expect(namedIn(expression).labels, name).toContain(label);
    }
  });

  it('uses variables that it has, each for the data source too', () => {
    const names = variables.map(({ name }) => name);
    const used = [...read(dashboardFile).matchAll(/\$\{?([a-z]\w*)/g)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual([...names].sort());
    const uids = [...read(dashboardFile).matchAll(/"uid": "(.*)"/g)].map(([, uid]) => uid);
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana
    expect(new Set(uids)).toEqual(new Set(['spliceway', '${datasource}']));
  });

  it('says of each panel what it shows, and has room for all', () => {
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    for (const { title, description, targets = [] } of panels) {
      expect(description, title).toMatch(/^[A-Z].*\.$/);
      expect(new Set(targets.map(({ refId }) => refId)).size, title).toBe(targets.length);
    }
    const cells = dashboard.panels.flatMap(({ title, gridPos: { x, y, w, h } }) => {
      expect(x + w, title).toBeLessThanOrEqual(24);
      return Array.from(
        { length: w * h },
        (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`,
      );
    });
    expect(new Set(cells).size).toBe(cells.length);
  });
});
