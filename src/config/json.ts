/**
 * Where a text stops being JSON. `JSON.parse` is the judge of what is JSON, but the position in its
 * message differs between Node versions and is often absent.
 */

const SPACE = /[ \t\n\r]*/y;
const SCALAR =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them inside strings.
  /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or ]' | ', or }' | 'end';

/** The offset of the first character that JSON does not allow, or `undefined` when the text is JSON. */
export function findJsonError(text: string): number | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const afterValue = (): Expected => {
    const container = open.at(-1);
    if (container === undefined) return 'end';
    return container === '[' ? ', or ]' : ', or }';
  };
  for (;;) {
    at = skip(SPACE, text, at);
    const token = text[at] ?? '';
    if (expected === 'end') return token === '' ? undefined : at;
    if (token === (expected.endsWith(']') ? ']' : '}') && expected.includes('or')) {
      open.pop();
      expected = afterValue();
      at += 1;
    } else if (expected === ':' || expected.startsWith(',')) {
      if (token !== expected[0]) return at;
      expected = expected === ', or }' ? 'key' : 'value';
      at += 1;
    } else if (expected.startsWith('value') && (token === '{' || token === '[')) {
      open.push(token);
      expected = token === '{' ? 'key or }' : 'value or ]';
      at += 1;
    } else {
      const end = skip(SCALAR, text, at);
      const isKey = expected.startsWith('key');
      if (end === at || (isKey && token !== '"')) return at;
      expected = isKey ? ':' : afterValue();
      at = end;
    }
  }
}

/** The offset after what the sticky pattern matches at `at`, or `at` itself. */
function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
