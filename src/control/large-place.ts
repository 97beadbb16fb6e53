/** The one place for a large body: whatever is sent, all bodies together take little more memory than the largest. */
import { SplicewayError } from '../errors/catalogue.js';

export class LargePlace {
  #holder: object | undefined;

  /**
   * Call it when a body has turned out to be large; again, for all that comes of it.
   *
   * @param holder the request whose body it is
   * @throws SplicewayError `ERR_SPLICEWAY_TOO_MANY_REQUESTS` where another one is here
   */
  enter(holder: object): void {
    if (this.#holder !== undefined && this.#holder !== holder) {
      throw new SplicewayError(
        'ERR_SPLICEWAY_TOO_MANY_REQUESTS',
        'another large configuration is being sent or applied, and there is one at a time; ask again when that is done',
      );
    }
    this.#holder = holder;
  }

  /** Call it when the request is done with; also where its body was not large. */
  leave(holder: object): void {
    if (this.#holder === holder) this.#holder = undefined;
  }
}
