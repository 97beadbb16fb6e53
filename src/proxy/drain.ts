/** A backend that is to be left by its sessions, and all who wait until the last one has gone. */
import type { OnRemove } from '../config/on-remove.js';
import type { Departure, Departures } from './departures.js';
import type { DrainResult } from './handles.js';

export class Drain {
  /** When the last session has left, or the drain was called off. */
  readonly ended: Promise<DrainResult>;
  readonly #departures: Departures;
  readonly #departure: Omit<Departure, 'onVacant'>;
  #end!: (result: DrainResult) => void;
  #stop = () => 0;
  #cut = 0;

  /** @param onEnd called before whoever waits hears of it */
  constructor(
    departures: Departures,
    departure: Omit<Departure, 'onVacant'>,
    onRemove: OnRemove,
    onEnd: () => void,
  ) {
    this.#departures = departures;
    this.#departure = departure;
    this.ended = new Promise((resolve) => {
      this.#end = (result) => {
        onEnd();
        resolve(result);
      };
    });
    this.allow(onRemove);
  }

  /** How long the sessions may go on from now on, whatever was said before. */
  allow(onRemove: OnRemove): void {
    this.#cut += this.#stop();
    const onVacant = (cut: number) => this.#end({ cut: this.#cut + cut, isEmpty: true });
    this.#stop = this.#departures.add({ ...this.#departure, onVacant }, onRemove);
  }

  /** No session is ended for it any more. */
  callOff(): void {
    this.#end({ cut: this.#cut + this.#stop(), isEmpty: false });
  }
}
