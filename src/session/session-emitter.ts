import { EventEmitter } from 'node:events';
import type { ProxyEvents } from './events.js';

/** An emitter that knows whether anybody listens for sessions. */
export class SessionEmitter extends EventEmitter<ProxyEvents> {
  #onChange: ((isHeard: boolean) => void) | undefined;

  /** Calls back each time that listeners of `session` come or go. */
  protected watchListeners(onChange: (isHeard: boolean) => void): void {
    this.#onChange = onChange;
    this.#hook();
  }

  /** As every emitter's. Its own hooks, which go with all the others, come back. */
  override removeAllListeners(event?: keyof ProxyEvents): this {
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    if (this.#onChange !== undefined) this.#hook();
    return this;
  }

  #hook(): void {
    const emitter = this as EventEmitter;
    emitter.off('newListener', this.#onNewListener).on('newListener', this.#onNewListener);
    emitter.off('removeListener', this.#onRemoveListener);
    emitter.on('removeListener', this.#onRemoveListener);
  }

  /** Node calls it before the listener is added. */
  readonly #onNewListener = (event: string | symbol): void => {
    if (event === 'session') this.#onChange?.(true);
  };

  readonly #onRemoveListener = (event: string | symbol): void => {
    if (event === 'session') this.#onChange?.(this.listenerCount('session') > 0);
  };
}
