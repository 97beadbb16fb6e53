/** Tables whose rows stay the same elements while their figures change. */
import { arrange, element, setClass, setText } from './elements.js';

let tables = 0;

/**
 * @template Item
 * @typedef {object} Column
 * @property {string} title
 * @property {string} [class] of all its cells
 * @property {(item: Item, cell: HTMLElement) => string | undefined} show gives the text, or fills the cell by itself
 * @property {boolean} [isHeader] what the row is called
 */

/** @template Item */
export class Table {
  /** @readonly */
  element;
  #body = element('tbody');
  #caption;
  #columns;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();

  /** @param {string} caption @param {readonly Column<Item>[]} columns @param {string} [captionClass] */
  constructor(caption, columns, captionClass = '') {
    this.#columns = columns;
    tables += 1;
    const id = `caption-${tables}`;
    this.#caption = element('caption', { id, class: captionClass }, caption);
    const titles = columns.map(({ title, class: name = '' }) =>
      element('th', { scope: 'col', class: name }, title),
    );
    const head = element('thead', {}, element('tr', {}, ...titles));
    this.element = element(
      'div',
      // It may be wider than a telephone, and is moved by the keyboard then.
      { class: 'scroll', tabindex: '0', role: 'region', 'aria-labelledby': id },
      element('table', {}, this.#caption, head, this.#body),
    );
  }

  /** @param {string} text */
  set caption(text) {
    setText(this.#caption, text);
  }

  /**
   * @param {readonly Item[]} items in their order
   * @param {(item: Item) => string} keyOf another one for each
   * @param {(item: Item) => string} [classOf]
   */
  show(items, keyOf, classOf = () => '') {
    const before = this.#rows;
    this.#rows = new Map();
    for (const item of items) {
      const key = keyOf(item);
      const row = before.get(key) ?? this.#make();
      setClass(row, classOf(item));
      this.#columns.forEach(({ show }, index) => {
        const cell = /** @type {HTMLElement} */ (row.children[index]);
        const text = show(item, cell);
        if (text !== undefined) setText(cell, text);
      });
      this.#rows.set(key, row);
    }
    arrange(this.#body, [...this.#rows.values()]);
  }

  #make() {
    const cells = this.#columns.map(({ class: name = '', isHeader }) =>
      isHeader ? element('th', { scope: 'row', class: name }) : element('td', { class: name }),
    );
    return element('tr', {}, ...cells);
  }
}
