import type { ClientAddress } from '../../model/client-address.js';
import { now } from '../../timers.js';
import type { LiveSession } from '../live-session.js';
import type { NativeSession } from './native-session.js';

/** A session that waits in the outbox, until Node has written what is queued on its sockets: the loops do not know it. */
export class WritingSession implements LiveSession {
  readonly id: string;
  readonly client: ClientAddress;
  readonly listener: number | undefined;
  readonly backend = undefined;
  readonly backendAddress = undefined;
  readonly phase = 'accept';
  readonly idleMs = undefined;
  readonly bytesUpstream = 0;
  readonly bytesDownstream = 0;
  readonly #session: NativeSession;
  readonly #startedAt = now();

  constructor(
    session: NativeSession,
    { id, client, listener }: Pick<LiveSession, 'id' | 'client' | 'listener'>,
  ) {
    this.#session = session;
    this.id = id;
    this.client = client;
    this.listener = listener;
  }

  get pool(): number | undefined {
    return this.#session.pool;
  }

  get ageMs(): number {
    return now() - this.#startedAt;
  }

  destroy(): void {
    this.#session.destroy();
  }
}
