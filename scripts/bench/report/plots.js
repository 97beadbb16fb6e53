/** One picture a workload: a panel of bars for each of its figures. */
import { drawPicture } from '../../lib/picture.js';
import { units } from '../workloads/units.js';
import { formatNumber } from './numbers.js';
import { summarise } from './summary.js';

/** @import { Figure } from '../workloads/units.js' */
/** @import { Result, WorkloadResult } from './result.js' */
/** @import { PeerSummary } from './summary.js' */

/** Of Okabe and Ito's palette, whose colours the colour-blind tell apart; the kind is in the name too. */
const colours = { own: '#0072B2', rival: '#999999', none: '#CCCCCC' };

const panelWidth = 210;
const rowHeight = 26;

/**
 * @param {readonly PeerSummary[]} summaries
 * @param {Figure} figure
 * @param {boolean} first only the first panel names the peers
 */
function panel(summaries, { key, title, digits, better }, first) {
  const values = summaries.flatMap(({ peer, figures }) => {
    const value = figures[key];
    if (value === undefined) return [];
    return [
      { ...value, peer: peer.title, kind: peer.kind, text: formatNumber(value.median, digits) },
    ];
  });
  const y = {
    field: 'peer',
    type: 'nominal',
    sort: null,
    // Those without this figure keep their row, so that rows line up between panels.
    scale: { domain: summaries.map(({ peer }) => peer.title) },
    axis: first ? { title: null, ticks: false, domain: false, labelLimit: 400 } : null,
  };
  const highest = Math.max(...values.map((value) => value.highest), 0);
  const x = {
    type: 'quantitative',
    // Room for the number beside the longest bar.
    scale: { domain: [0, highest > 0 ? highest * 1.35 : 1], nice: false },
    axis: { title: null, tickCount: 4, grid: true },
  };
  return {
    title: { text: `${title} (${better} is better)`, fontSize: 12, anchor: 'start' },
    width: panelWidth,
    height: { step: rowHeight },
    data: { values },
    encoding: { y },
    layer: [
      {
        mark: { type: 'bar', height: { band: 0.7 } },
        encoding: {
          x: { ...x, field: 'median' },
          color: {
            field: 'kind',
            type: 'nominal',
            scale: { domain: Object.keys(colours), range: Object.values(colours) },
            legend: null,
          },
        },
      },
      {
        mark: { type: 'rule', strokeWidth: 1.5, color: '#222222' },
        encoding: { x: { ...x, field: 'lowest' }, x2: { field: 'highest' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 5, fontSize: 11, color: '#222222' },
        encoding: { x: { ...x, field: 'highest' }, text: { field: 'text', type: 'nominal' } },
      },
    ],
  };
}

/**
 * @param {Result} result
 * @param {WorkloadResult} of
 * @returns {Promise<string>} an SVG
 */
export function renderPlot({ peers }, of) {
  const summaries = summarise(of, peers);
  const figures = units[of.unit].filter(({ key }) =>
    summaries.some((summary) => summary.figures[key] !== undefined),
  );
  return drawPicture(of.title, {
    hconcat: figures.map((figure, index) => panel(summaries, figure, index === 0)),
    spacing: 24,
  });
}
