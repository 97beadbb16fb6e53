/** Pictures in documents, all of one look. */
import { parse, View } from 'vega';
import { compile } from 'vega-lite';

/** @import { TopLevelSpec } from 'vega-lite' */

const font = 'Helvetica, Arial, sans-serif';

/**
 * @param {string} title
 * @param {object} parts what is in it, in the words of Vega-Lite
 * @returns {Promise<string>} an SVG
 */
export function drawPicture(title, parts) {
  const spec = /** @type {TopLevelSpec} */ ({
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    // The page is read on light and on dark ground.
    background: 'white',
    padding: 12,
    title: { text: title, fontSize: 14, anchor: 'start', offset: 12 },
    ...parts,
    config: {
      font,
      axis: { labelFontSize: 12, labelColor: '#222222', gridColor: '#E5E5E5' },
      title: { color: '#222222' },
      view: { stroke: null },
    },
  });
  return new View(parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
