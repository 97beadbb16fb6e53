/** The share of each server over time. */
import { drawPicture } from '../lib/picture.js';

/**
 * @typedef {object} Sample
 * @property {number} second the end of the second that it is of
 * @property {string} backend
 * @property {number} percent of the sessions of that second
 */

/** Of Okabe and Ito's palette, whose colours the colour-blind tell apart. */
const colours = ['#0072B2', '#D55E00', '#009E73'];

/**
 * @param {readonly Sample[]} samples
 * @param {{ killed: number, startedAgain: number, slowStart: string }} run
 * @returns {Promise<string>} an SVG
 */
export function renderPlot(samples, { killed, startedAgain, slowStart }) {
  const backends = [...new Set(samples.map(({ backend }) => backend))];
  const x = { field: 'second', type: 'quantitative', axis: { title: 'seconds', grid: false } };
  return drawPicture(`Share of new sessions, slowStart: ${slowStart}`, {
    width: 560,
    height: 180,
    layer: [
      {
        data: {
          values: [
            { second: killed, what: ' web-2 killed' },
            { second: startedAgain, what: ' started again' },
          ],
        },
        encoding: { x },
        layer: [
          { mark: { type: 'rule', color: '#999999', strokeDash: [4, 3] } },
          {
            mark: { type: 'text', align: 'left', color: '#222222', y: 8 },
            encoding: { text: { field: 'what' } },
          },
        ],
      },
      {
        data: { values: samples },
        mark: { type: 'line', strokeWidth: 1.5 },
        encoding: {
          x,
          y: {
            field: 'percent',
            type: 'quantitative',
            scale: { domain: [0, 70] },
            axis: { title: '%' },
          },
          color: {
            field: 'backend',
            type: 'nominal',
            scale: { domain: backends, range: colours },
            legend: { title: null, orient: 'right' },
          },
        },
      },
    ],
  });
}
