/** What the page of a proxy is made of: figures of each second, the last hour, and what has happened. There while the status address is. */
import type { ServerResponse } from 'node:http';
import type { Proxy as RunningProxy } from '../../proxy/proxy.js';
import { clearInterval, now, setInterval } from '../../timers.js';
import { version } from '../../version.js';
import { Happened } from './happened.js';
import { History, STEP_MS } from './history.js';
import { Live } from './live.js';
import { TopSessions } from './top-sessions.js';
import type { LastReload } from './types.js';
import { type Message, Watchers } from './watchers.js';
import { Windows } from './windows.js';

/** Of what it tells. */
interface Watched {
  readonly proxy: RunningProxy;
  readonly name: string;
  readonly since: number;
  readonly lastReload: (() => LastReload) | undefined;
}

export class Watch {
  readonly history = new History();
  readonly sessions: TopSessions;
  readonly #watched: Watched;
  readonly #windows = new Windows();
  readonly #live: Live;
  readonly #happened: Happened;
  readonly #watchers: Watchers;
  readonly #sampling: ReturnType<typeof setInterval>;
  readonly #streams = new WeakSet<ServerResponse>();
  /** How much of what has happened was told. */
  #told = 0;
  /** Whether the history has a point that was not told. */
  #hasNewPoint = false;

  constructor(watched: Watched) {
    const { proxy } = watched;
    this.#watched = watched;
    this.sessions = new TopSessions(proxy);
    this.#live = new Live(proxy, this.#windows);
    this.#happened = new Happened(proxy);
    this.#watchers = new Watchers({
      begin: () => this.#begin(),
      welcome: () => this.#welcome(),
      tick: () => this.#tick(),
    });
    this.#sample();
    this.#sampling = setInterval(() => this.#sample(), STEP_MS);
    this.#sampling.unref();
  }

  /** @throws SplicewayError `ERR_SPLICEWAY_TOO_MANY_REQUESTS` */
  watch(response: ServerResponse): ReadableStream<Uint8Array> {
    const stream = this.#watchers.watch(response);
    this.#streams.add(response);
    return stream;
  }

  isWatched(response: ServerResponse): boolean {
    return this.#streams.has(response);
  }

  close(): void {
    clearInterval(this.#sampling);
    this.#watchers.close();
    this.#happened.close();
  }

  #sample(): void {
    const stats = this.#watched.proxy.stats();
    const at = now();
    this.history.sample(stats, at);
    this.#windows.sample(stats, at);
    this.#hasNewPoint = true;
  }

  /** The first rates are since then. */
  #begin(): void {
    this.#live.figures(now());
    this.#told = this.#happened.count;
    this.#hasNewPoint = false;
  }

  #welcome(): readonly Message[] {
    const { proxy, name, since, lastReload } = this.#watched;
    const begin = {
      name,
      version,
      pid: process.pid,
      since,
      at: Date.now(),
      engine: proxy.engine.name,
      accept: proxy.accept,
      ...(lastReload === undefined ? {} : { lastReload: lastReload() }),
      // What the others hear with the next tick comes to this one as well, which knows it by its number.
      happened: this.#happened.after(0),
    };
    return [{ event: 'begin', data: begin }];
  }

  #tick(): readonly Message[] {
    const messages: Message[] = [];
    const { count } = this.#happened;
    if (count > this.#told) {
      messages.push({ event: 'happened', data: { happened: this.#happened.after(this.#told) } });
      this.#told = count;
    }
    if (this.#hasNewPoint) {
      messages.push({ event: 'point', data: this.history.newest() });
      this.#hasNewPoint = false;
    }
    messages.push({ event: 'figures', data: this.#live.figures(now()) });
    return messages;
  }
}
