/** Who follows what happens, each at a pace of its own: nobody is waited for, and memory is bounded. */
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { ProxyEvents } from '../session/events.js';
import type { ControlChange, ControlEvent } from './types.js';

/** Bytes that wait for one reader, beside those in the kernel; what comes then is lost, and counted. */
const MOST_WAITING = 65_536;

type Told = ControlEvent extends infer Event
  ? Event extends ControlEvent
    ? Omit<Event, 'at'>
    : never
  : never;

export class Followers {
  readonly #proxy: RunningProxy;
  readonly #followers = new Set<Follower>();
  readonly #listeners: {
    readonly [Name in keyof ProxyEvents]?: (...args: ProxyEvents[Name]) => void;
  };

  constructor(proxy: RunningProxy) {
    this.#proxy = proxy;
    // Nobody asks for sessions: the engine would report each.
    this.#listeners = {
      update: ({ generation, added, removed, changed }) =>
        this.#tell({
          event: 'update',
          generation,
          added: added.length,
          removed: removed.length,
          changed: changed.length,
        }),
      override: (event) => this.#tell({ event: 'override', ...event }),
      backend: (event) => this.#tell({ event: 'backend', ...event }),
      backendError: ({ pool, backend, count, error: { code, message } }) =>
        this.#tell({ event: 'backendError', pool, backend, count, code, message }),
      noBackend: ({ error: { code, message } }) =>
        this.#tell({ event: 'noBackend', code, message }),
      rebalance: (event) => this.#tell({ event: 'rebalance', ...event }),
      listenerPaused: (event) => this.#tell({ event: 'listenerPaused', ...event }),
      listenerResumed: (event) => this.#tell({ event: 'listenerResumed', ...event }),
      warning: (message) => {
        this.#tell({ event: 'warning', message });
        // Where nobody else listens it goes there, whether somebody follows or not.
        if (proxy.listenerCount('warning') === 1) process.emitWarning(message, 'SplicewayWarning');
      },
    };
  }

  /** Lines of JSON, until whoever reads them cancels, or `close()`. */
  follow(onGone: () => void): ReadableStream<Uint8Array> {
    const follower = new Follower(() => {
      if (this.#followers.delete(follower) && this.#followers.size === 0) this.#listen('off');
      onGone();
    });
    if (this.#followers.size === 0) this.#listen('on');
    this.#followers.add(follower);
    follower.tell({ at: Date.now(), event: 'begin', generation: this.#proxy.generation });
    return follower.lines;
  }

  changed({ method, path, peer, result: { generation } }: ControlChange): void {
    this.#tell({ event: 'change', generation, method, path, peer });
  }

  close(): void {
    for (const follower of [...this.#followers]) follower.end();
  }

  #listen(method: 'on' | 'off'): void {
    for (const [name, listener] of Object.entries(this.#listeners)) {
      this.#proxy[method](name as keyof ProxyEvents, listener as () => void);
    }
  }

  #tell(told: Told): void {
    const event = { at: Date.now(), ...told } as ControlEvent;
    for (const follower of this.#followers) follower.tell(event);
  }
}

class Follower {
  readonly lines: ReadableStream<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #onGone: () => void;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #lost = 0;

  constructor(onGone: () => void) {
    this.#onGone = onGone;
    this.lines = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#tellLost(),
        cancel: () => this.#gone(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: MOST_WAITING }),
    );
  }

  tell(event: ControlEvent): void {
    this.#tellLost();
    if (this.#hasRoom()) this.#write(event);
    else this.#lost += 1;
  }

  end(): void {
    this.#controller?.close();
    this.#gone();
  }

  #tellLost(): void {
    if (this.#lost === 0 || !this.#hasRoom()) return;
    const count = this.#lost;
    this.#lost = 0;
    this.#write({ at: Date.now(), event: 'lost', count });
  }

  #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  #write(event: ControlEvent): void {
    this.#controller?.enqueue(this.#encoder.encode(`${JSON.stringify(event)}\n`));
  }

  #gone(): void {
    this.#controller = undefined;
    this.#onGone();
  }
}
