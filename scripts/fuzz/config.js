/**
 * Configuration files, addresses and durations: texts that are nearly right. What is refused must be
 * refused in our own words, whatever it is.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';

/** @import { Finding } from './fuzz.js' */

/** What means something to one of the parsers. */
const words = [
  ...['listeners', 'pools', 'pool', 'name', 'onRemove', 'after', 'queue', 'length', 'timeout'],
  ...[
    'listen',
    'backends',
    'address',
    'weight',
    'policy',
    'round-robin',
    'tags',
    'idleTimeout',
    'threads',
  ],
  ...[
    ':',
    ',',
    '-',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '#',
    '&a',
    '*a',
    '<<',
    '!!',
    '|',
    '>',
    '---',
    '\n',
    '\t',
    '  ',
  ],
  ...[
    'unix:',
    '[::1]:1',
    '127.0.0.1:',
    '0',
    '65536',
    '-1',
    '1e999',
    '0x10',
    '5s',
    '1h',
    'ms',
    'null',
    'true',
    'NaN',
  ],
  ...['__proto__', 'constructor', '\u0000', '\uFEFF', '\uD800', '🚀'],
];

/** Milliseconds within which any text must be judged. */
const longestMs = 2000;

/** @typedef {(below: number) => number} Any a whole number from 0 on */

/**
 * The same numbers for the same seed: mulberry32
 *
 * @param {number} seed
 * @returns {Any}
 */
export function numbersFrom(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/**
 * @param {string} text
 * @param {readonly string[]} corpus
 * @param {Any} any
 * @returns {string}
 */
function mutate(text, corpus, any) {
  let result = text;
  for (let change = any(6); change >= 0; change -= 1) {
    const from = any(result.length + 1);
    const to = Math.min(result.length, from + any(12));
    const other = corpus[any(corpus.length)] ?? '';
    const start = any(other.length + 1);
    const piece = [
      '',
      words[any(words.length)] ?? '',
      result.slice(from, to).repeat(any(4)),
      other.slice(start, start + any(60)),
      String.fromCharCode(any(256)),
    ][any(5)];
    result = `${result.slice(0, from)}${piece}${result.slice(any(2) === 0 ? from : to)}`;
  }
  return result.slice(0, 4096);
}

/**
 * @param {Any} any draws what to change
 * @param {(executions: number) => boolean} goesOn asked before each text
 * @returns {Promise<Finding>}
 */
export async function fuzzConfig(any, goesOn) {
  const { loadConfigFile } = await import(inRoot('dist', 'config', 'file.js'));
  const { parseAddress } = await import(inRoot('dist', 'config', 'address.js'));
  const { parseDuration } = await import(inRoot('dist', 'config', 'duration.js'));
  const { SplicewayError } = await import(inRoot('dist', 'index.js'));

  const kept = inRoot('test', 'fuzz', 'config');
  const corpus = readdirSync(kept).map((file) => readFileSync(path.join(kept, file), 'utf8'));
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-fuzz-'));
  const targets = [
    ...['yaml', 'json'].map((extension) => (/** @type {string} */ text) => {
      const file = path.join(folder, `config.${extension}`);
      writeFileSync(file, text);
      loadConfigFile(file);
    }),
    (/** @type {string} */ text) => parseAddress(text.slice(0, 200)),
    (/** @type {string} */ text) => parseDuration(text.slice(0, 50)),
  ];
  let executions = 0;
  try {
    while (goesOn(executions)) {
      const text = mutate(corpus[any(corpus.length)] ?? '', corpus, any);
      const start = performance.now();
      const index = any(targets.length);
      try {
        targets[index]?.(text);
      } catch (thrown) {
        const error = /** @type {Error & { code?: string }} */ (thrown);
        const isOurs =
          error instanceof SplicewayError && /^ERR_SPLICEWAY_/.test(String(error.code));
        if (!isOurs) {
          const input = `target ${index}, ${JSON.stringify(text)}`;
          return { executions, failure: `${input}:\n${error.stack}` };
        }
      }
      executions += 1;
      if (performance.now() - start > longestMs) {
        return {
          executions,
          failure: `target ${index} took too long over ${JSON.stringify(text)}`,
        };
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return { executions };
}
