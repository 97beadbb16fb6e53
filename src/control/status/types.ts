/** What a status address is told, and what it is. */
import type { ListenerAddress } from '../../entrance/listener.js';

/** Options of `createStatus()`. Unknown keys are errors. */
export interface StatusOptions {
  /**
   * Where it listens: `host:port`, `[v6]:port`, or `:port` for all interfaces. Port 0 is any free one. Whoever reaches it reads
   * it, so `127.0.0.1` is the one to choose where nothing else keeps strangers away.
   */
  address: string;
  /**
   * Names that requests may have in `Host` beside those of loopback, without a port, such as `balancer.example`. An IP address needs
   * none. Any other name is refused: a page of somebody else's could have the browser of an operator ask by it.
   */
  hosts?: readonly string[] | undefined;
  /** What the status calls this balancer. Default: the address. */
  name?: string | undefined;
  /** What came of reading the configuration again, for metrics. Default: there is nothing to read, and no metric of it. */
  lastReload?: (() => LastReload) | undefined;
}

/** What came of the last attempt to read the configuration again; of the first one at the start, where there was no other. */
export interface LastReload {
  /** Whether it is in effect. */
  readonly succeeded: boolean;
  /** When one was that is: milliseconds since 1970, as `Date.now()`. */
  readonly succeededAt: number;
}

/** A status address that is open, made by `createStatus()`. */
export interface StatusAddress {
  /** Where it listens, with the real port. */
  readonly address: ListenerAddress;
  /** The same as people open it, such as `http://127.0.0.1:9400/`. */
  readonly url: string;
  /** Closes it; resolves when nothing is held any more. Answers that are under way have half a second. Every call returns the same promise. */
  close(): Promise<void>;
}
