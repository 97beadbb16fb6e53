/** docs/api.md, the reference of the library, as the comments of the sources have it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';

/** Where it is in the checkout. */
export const apiFile = inRoot('docs', 'api.md');

const heading = `# API

Written by \`npm run docs:api\` from the comments of the sources; do not edit. [The library](library.md) explains how to use it.
Each property of \`ProxyEvents\` and \`SessionEvents\` is an event, and its type lists what a listener is called with.
`;

/**
 * @typedef {object} ApiPage
 * @property {string} [text] the page; nothing where something public has no comment, or a link in one leads nowhere
 * @property {string} output of TypeDoc, for the reader of a failure
 */

/** @returns {Promise<ApiPage>} */
export async function apiPage() {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-api-'));
  try {
    const typedoc = inRoot('node_modules', '.bin', 'typedoc');
    const { status, output } = await run(typedoc, ['--out', folder]);
    if (status !== 0) return { output };
    return { text: tidied(readFileSync(path.join(folder, 'api.md'), 'utf8')), output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string} page as the plugin writes it */
function tidied(page) {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, words = '']) =>
    words
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  return (
    page
      .replace(/^# .*\n/, heading)
      // Of each row of a table; nothing leads there.
      .replaceAll(/<a id="[\w-]+"><\/a> /g, '')
      // The plugin numbers anchors by a count of its own; readers of Markdown, only those that are there before.
      .replaceAll(/\(#([\w-]+)-\d+\)/g, (link, anchor) =>
        anchors.filter((one) => one === anchor).length === 1 ? `(#${anchor})` : link,
      )
  );
}
