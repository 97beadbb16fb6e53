/** The rows of docs/configuration.md that are made from the table of settings. */

/** @import { Setting } from '../../src/config/setting.js' */

/**
 * @typedef {object} SettingRow
 * @property {string} key
 * @property {string | undefined} flag
 * @property {Setting} setting
 * @property {string | undefined} defaultText as users write it
 */

/**
 * @param {string} page docs/configuration.md; its rows of `listen` and `backends` stay as they are written
 * @param {readonly SettingRow[]} rows every setting, in the order of the table
 */
export function withSettings(page, rows) {
  const text = rows.map((row) => `${rowOf(row)}\n`).join('');
  return page.replace(/(^\| `backends` \|.*\n)(?:\|.*\n)*/m, (_, before) => before + text);
}

/** @param {SettingRow} row */
function rowOf({ key, flag, setting, defaultText }) {
  const { place, kind, description, see, unset = '' } = setting;
  const says = marked(description, kind.names ?? []) + (see === undefined ? '' : linkTo(see));
  const byDefault = defaultText === undefined ? unset : `\`${defaultText}\``;
  const cells = [`\`${key}\``, flag && `\`${flag}\``, place, says, kind.accepts, byDefault];
  return `| ${cells.map((cell) => cell ?? '').join(' | ')} |`.replaceAll('|  |', '| |');
}

/**
 * The names that are explained look like names.
 *
 * @param {string} description
 * @param {readonly string[]} names
 */
function marked(description, names) {
  return description.replace(/\b([\w-]+):/g, (text, name) =>
    names.includes(name) ? `\`${name}\`:` : text,
  );
}

/** @param {string} see a page and an anchor, or an anchor alone, which is a heading in other letters */
function linkTo(see) {
  const words = see.replace(/^.*#/, '').replaceAll('-', ' ');
  return ` See [${words}](${see}).`;
}
