/** Which rows are looked at, in which order, and which of them is chosen. */
import type { Figures } from './rates.js';
import { backendRows, orders, type Page, type Row, sessionRows } from './rows.js';
import type { ListedSessions } from './sessions.js';

export class Selection {
  page: Page = 'backends';
  /** Index of the first row that is shown, and how many there is room for: as the last frame had it. */
  first = 0;
  room = 1;
  rows: readonly Row[] = [];
  /** How many there are without a filter. */
  count = 0;
  readonly #orders: Record<Page, number> = { backends: 0, sessions: 0 };
  readonly #filters: Record<Page, string> = { backends: '', sessions: '' };
  #chosen = 0;
  /** Once somebody has moved, what was chosen is followed where it goes. */
  #followed: string | undefined;

  get order(): string {
    return orders[this.page][this.#orders[this.page]] ?? '';
  }

  get filter(): string {
    return this.#filters[this.page];
  }

  set filter(text: string) {
    this.#filters[this.page] = text;
  }

  /** Index of the row that is chosen. */
  get chosen(): number {
    return this.#chosen;
  }

  get row(): Row | undefined {
    return this.rows[this.#chosen];
  }

  /** Takes what was seen last; also after another page, order or filter. */
  update(figures: Figures, listed: ListedSessions): void {
    const { backends } = figures.status;
    if (this.page === 'backends') {
      const order = orders.backends[this.#orders.backends] ?? 'pool';
      this.rows = backendRows(figures, order, this.filter);
      this.count = backends.length;
    } else {
      const order = orders.sessions[this.#orders.sessions] ?? 'rate';
      this.rows = sessionRows(listed, order, this.filter, figures.status);
      this.count = listed.count;
    }
    const place = this.rows.findIndex(({ key }) => key === this.#followed);
    // Of one that has left, what stands in its place is not taken for it.
    if (place < 0) this.#followed = undefined;
    this.#choose(place < 0 ? this.#chosen : place);
  }

  turnPage(): void {
    this.page = this.page === 'backends' ? 'sessions' : 'backends';
    this.#begin();
  }

  nextOrder(): void {
    this.#orders[this.page] = (this.#orders[this.page] + 1) % orders[this.page].length;
    this.#begin();
  }

  /** @param by rows; any number of them */
  move(by: number): void {
    this.#choose(this.#chosen + by);
    this.#followed = this.row?.key;
  }

  #begin(): void {
    this.#chosen = 0;
    this.#followed = undefined;
    this.first = 0;
  }

  #choose(index: number): void {
    this.#chosen = Math.max(0, Math.min(index, this.rows.length - 1));
  }
}
