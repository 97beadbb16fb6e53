/**
 * The dashboard for Grafana, laid out as people know it from HAProxy: how it is now, then traffic, sessions, times, health, each backend,
 * and the process. Who is called at night reads it from the top.
 */
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { datasource } from './panels.js';
import { ofBalancers, ofPools, rows } from './rows.js';

export const dashboardFile = 'docs/examples/monitoring/grafana/dashboards/spliceway.json';

/**
 * @param {string} name
 * @param {string} label
 * @param {string} values
 */
const variable = (name, label, values) =>
  new QueryVariableBuilder(name)
    .label(label)
    .datasource(datasource)
    .query(values)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalAsc);

/** @param {ReturnType<typeof variable>} one */
const severalOf = (one) =>
  one.multi(true).includeAll(true).allValue('.*').current({ text: 'All', value: '$__all' });

/** The dashboard as Grafana reads it. */
export function dashboardText() {
  const builder = new DashboardBuilder('Spliceway')
    .uid('spliceway')
    .description('A layer-4 load balancer: its pools, its backends, and who is sick.')
    .tags(['spliceway', 'load-balancer'])
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(
      new DatasourceVariableBuilder('datasource').label('Prometheus').type('prometheus'),
    )
    .withVariable(variable('job', 'Job', 'label_values(spliceway_build_info, job)'))
    .withVariable(
      severalOf(
        variable(
          'instance',
          'Balancer',
          'label_values(spliceway_build_info{job="$job"}, instance)',
        ),
      ),
    )
    .withVariable(
      severalOf(variable('pool', 'Pool', `label_values(spliceway_pool_up{${ofBalancers}}, pool)`)),
    )
    .withVariable(
      severalOf(
        variable(
          'backend',
          'Backend',
          `label_values(spliceway_backend_state{${ofPools}}, backend)`,
        ),
      ),
    );
  for (const [title, panels] of Object.entries(rows)) {
    builder.withRow(new RowBuilder(title));
    for (const panel of panels) builder.withPanel(panel);
  }
  const { panels = [], ...dashboard } = builder.build();
  // Each has a number, by which links name it. Grafana 10.3 and later read this version, and bring it up to theirs.
  const numbered = panels.map((panel, index) => ({ ...panel, id: index + 1 }));
  return `${JSON.stringify({ ...dashboard, schemaVersion: 39, panels: numbered }, null, 2)}\n`;
}
