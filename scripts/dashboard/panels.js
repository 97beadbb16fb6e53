/** Panels of the dashboard, in the few forms that it has. */
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as Stat } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimeline } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TimeSeries } from '@grafana/grafana-foundation-sdk/timeseries';

/** The one that is chosen at the top. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana
export const datasource = { type: 'prometheus', uid: '${datasource}' };

/**
 * @typedef {object} Described
 * @property {string} title
 * @property {string} description what it says, and what it means where it is high
 * @property {string} [unit] as Grafana calls it
 * @property {readonly [number, string][]} [steps] from which value on it has which colour
 * @property {number} [width] of 24
 */

/** @typedef {Record<string, string>} Queries what is asked, by what the answer is called in the legend */

/** @param {Queries} queries */
const targets = (queries) =>
  Object.entries(queries).map(([legend, expr], index) =>
    new DataqueryBuilder()
      .refId(String.fromCharCode('A'.charCodeAt(0) + index))
      .expr(expr)
      .legendFormat(legend)
      .range(),
  );

/** @param {readonly [number, string][]} steps */
const thresholds = (steps) =>
  new ThresholdsConfigBuilder()
    .mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: 'green' }, ...steps.map(([value, color]) => ({ value, color }))]);

/**
 * One number, as it is now.
 *
 * @param {Described & { name?: boolean, sparkline?: boolean }} described
 * @param {Queries} queries
 */
export function stat({ title, description, unit = 'short', steps = [], ...more }, queries) {
  const { width = 3, name: asName = false, sparkline = false } = more;
  const asked = targets(queries);
  // Of the present alone: in the past there may have been others.
  if (asName) for (const target of asked) target.instant();
  return new Stat()
    .title(title)
    .description(description)
    .datasource(datasource)
    .targets(asked)
    .unit(unit)
    .thresholds(thresholds(steps))
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).values(false))
    .colorMode(steps.length === 0 ? BigValueColorMode.None : BigValueColorMode.Background)
    .graphMode(sparkline ? BigValueGraphMode.Area : BigValueGraphMode.None)
    .textMode(asName ? BigValueTextMode.Name : BigValueTextMode.Value)
    .span(width)
    .height(4);
}

/**
 * Lines over time, the largest first in the legend.
 *
 * @param {Described & { stacked?: boolean, max?: number }} described
 * @param {Queries} queries
 */
export function lines({ title, description, unit = 'short', steps, ...more }, queries) {
  const { width = 8, stacked = false, max } = more;
  const panel = new TimeSeries()
    .title(title)
    .description(description)
    .datasource(datasource)
    .targets(targets(queries))
    .unit(unit)
    .min(0)
    .drawStyle(GraphDrawStyle.Line)
    .lineWidth(1)
    .fillOpacity(stacked ? 40 : 8)
    .showPoints(VisibilityMode.Never)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    )
    .span(width)
    .height(9);
  if (stacked) panel.stacking(new StackingConfigBuilder().mode(StackingMode.Normal));
  if (max !== undefined) panel.max(max);
  if (steps !== undefined) {
    const dashed = new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed);
    panel.thresholds(thresholds(steps)).thresholdsStyle(dashed);
  }
  return panel;
}

/**
 * A bar a series, in the colour of its state.
 *
 * @param {Described} described
 * @param {readonly { value: number, text: string, color: string }[]} states what a value stands for
 * @param {Queries} queries
 */
export function states({ title, description, width = 24 }, states, queries) {
  const options = states.map(({ value, text, color }, index) => [value, { text, color, index }]);
  return new StateTimeline()
    .title(title)
    .description(description)
    .datasource(datasource)
    .targets(targets(queries))
    .mappings([{ type: MappingType.ValueToText, options: Object.fromEntries(options) }])
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .rowHeight(0.8)
    .fillOpacity(80)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs([]),
    )
    .span(width)
    .height(9);
}
