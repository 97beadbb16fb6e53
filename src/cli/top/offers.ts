/** What keys change: a question first, then the change, and what came of it. */
import type { ControlClient } from '../../control/client.js';
import type { ControlStatus } from '../../control/types.js';
import type { AdminState } from '../../model/admin-state.js';
import { parseWeight } from '../remote/change.js';
import { summaryOf } from '../remote/say.js';
import { labelOf } from '../remote/target.js';
import { counted } from '../remote/words.js';
import type { Row } from './rows.js';

/** A change that somebody has still to agree to. */
export interface Offer {
  /** Answered by y or n. */
  readonly question: string;
  /** @returns what came of it, for people */
  readonly make: () => Promise<string>;
}

/** What a key cannot do, for people. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

type BackendRow = Extract<Row, { readonly kind: 'backend' }>;

/** The backend that a row is about, where it can be changed. */
export function changeable(row: Row | undefined): BackendRow['backend'] | Refusal {
  if (row?.kind !== 'backend') return new Refusal('choose a backend first');
  const { backend } = row;
  return backend.state === 'removed' ? new Refusal('it is removed already') : backend;
}

export function stateOffer(
  client: ControlClient,
  row: Row | undefined,
  state: AdminState,
): Offer | Refusal {
  const backend = changeable(row);
  if (backend instanceof Refusal) return backend;
  const { pool, name, open } = backend;
  const label = labelOf({ pool, backend: name });
  if (backend.state === state) return new Refusal(`${label} is in state ${state} already`);
  const questions: Readonly<Record<AdminState, string>> = {
    ready: `Send new sessions to ${label} again?`,
    drain: `Send no new sessions to ${label}? The ${counted(open, 'session')} it has may go on.`,
    maintenance: `Send no new sessions to ${label}, and check it no more? It has ${counted(open, 'session')}.`,
  };
  const make = async () =>
    answerOf(
      state === 'drain'
        ? await client.drain(pool, name)
        : await client.setBackend(pool, name, { state }),
    );
  return { question: questions[state], make };
}

/** @param text a number, or `auto`; @throws SplicewayError as `spliceway set` */
export async function setWeight(
  client: ControlClient,
  { pool, name }: BackendRow['backend'],
  text: string,
): Promise<string> {
  return answerOf(await client.setBackend(pool, name, { weight: parseWeight(text) }));
}

/** Those that are there when it is asked, and no others. */
export async function endOffer(
  client: ControlClient,
  { backends }: ControlStatus,
  row: Row | undefined,
): Promise<Offer | Refusal> {
  if (row === undefined || row.kind === 'pool') {
    return new Refusal('choose a session or a backend first');
  }
  if (row.kind === 'session') {
    const { id, client: from, pool = '-', backend = '-' } = row.session;
    const who = from.address === '' ? '' : ` of ${from.address}`;
    return end(client, [id], `session ${id}${who} at ${labelOf({ pool, backend })}`);
  }
  const { pool, name } = row.backend;
  const label = labelOf({ pool, backend: name });
  // Sessions have the name alone: those of a removed one cannot be told from those of the one that has its name now.
  if (backends.filter((one) => one.pool === pool && one.name === name).length > 1) {
    return new Refusal(`${label}: two have this name; end them on the sessions page`);
  }
  const { sessions } = await client.sessions({ pool, backend: name });
  if (sessions.length === 0) return new Refusal(`${label} has no sessions`);
  const ids = sessions.map(({ id }) => id);
  return end(client, ids, `${counted(ids.length, 'session')} of ${label}`);
}

const end = (client: ControlClient, ids: readonly string[], which: string): Offer => ({
  question: `End ${which}, with a reset of both sides?`,
  make: async () => {
    const { ended = 0 } = await client.endSessions(ids);
    return `${counted(ended, 'session')} ended`;
  },
});

const answerOf = (result: Awaited<ReturnType<ControlClient['setBackend']>>) =>
  `${summaryOf(result)} (generation ${result.generation})`;
