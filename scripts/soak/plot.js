/** Memory, descriptors and sessions over the time of a soak, in one picture. */
import { drawPicture } from '../lib/picture.js';

/** @import { Result, Sample } from './soak.js' */

/** Of Okabe and Ito's palette, whose colours the colour-blind tell apart. */
const colours = ['#0072B2', '#E69F00', '#009E73'];

/** @type {readonly { title: string, lines: Readonly<Record<string, (sample: Sample) => number>> }[]} */
const panels = [
  {
    title: 'memory, MiB',
    lines: {
      resident: ({ resident }) => resident / 2 ** 20,
      "without JavaScript's heap": ({ outside }) => outside / 2 ** 20,
    },
  },
  {
    title: 'descriptors',
    lines: {
      all: ({ descriptors }) => descriptors,
      'ends of pipes': ({ pipes }) => pipes,
    },
  },
  { title: 'sessions open', lines: { sessions: ({ open }) => open } },
];

/**
 * @param {Result} result
 * @returns {Promise<string>} an SVG
 */
export function renderPlot({ samples, events, run }) {
  const x = {
    field: 'at',
    type: 'quantitative',
    scale: { domain: [0, Math.max(run.seconds, ...samples.map(({ at }) => at))], nice: false },
  };
  const marks = events.map(({ at, what }) => ({
    at,
    kind: what === 'rest' ? 'rest' : 'disturbance',
  }));
  return drawPicture(`A soak of ${run.seconds} s: ticks are disturbances, lines are rests`, {
    vconcat: panels.map(({ title, lines }, index) => ({
      width: 760,
      height: 150,
      layer: [
        {
          data: { values: marks.filter(({ kind }) => kind === 'rest') },
          mark: { type: 'rule', color: '#999999' },
          encoding: { x },
        },
        {
          data: { values: marks.filter(({ kind }) => kind !== 'rest') },
          mark: { type: 'tick', color: '#D55E00', opacity: 0.7, height: 8, y: 'height' },
          encoding: { x },
        },
        {
          data: {
            values: Object.entries(lines).flatMap(([line, of]) =>
              samples.map((sample) => ({ at: sample.at, line, value: of(sample) })),
            ),
          },
          mark: { type: 'line', strokeWidth: 1.5 },
          encoding: {
            x: { ...x, axis: { title: index === panels.length - 1 ? 'seconds' : null } },
            y: { field: 'value', type: 'quantitative', axis: { title } },
            color: {
              field: 'line',
              type: 'nominal',
              scale: { domain: Object.keys(lines), range: colours },
              legend:
                Object.keys(lines).length > 1
                  ? { title: null, orient: 'right', labelLimit: 0 }
                  : null,
            },
          },
        },
      ],
    })),
    resolve: { scale: { color: 'independent' } },
  });
}
