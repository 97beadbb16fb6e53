/** `spliceway top --once`: what it would show, for a script or a file. */
import type { ControlClient } from '../../control/client.js';
import type { ControlBackend } from '../../control/types.js';
import { now, setTimeout } from '../../timers.js';
import { sayJson, sayLines } from '../remote/say.js';
import { isPicked } from '../remote/state.js';
import { widthOf } from '../remote/terminal.js';
import { headOf } from './head.js';
import { listOf } from './lists.js';
import { type Figures, keyOf, Looks, type Trace } from './rates.js';
import { backendRows } from './rows.js';
import { byRate, SessionLooks } from './sessions.js';
import { connectTimesOf } from './state.js';

/** Sessions that JSON has. */
const BUSIEST = 20;

/** Looks twice: rates are what happened meanwhile. */
export async function once(
  client: ControlClient,
  intervalMs: number,
  { json }: { readonly json: boolean },
): Promise<void> {
  const looks = new Looks();
  const sessionLooks = new SessionLooks();
  const look = async () => {
    const figures = looks.next(await client.status(), now());
    const listed = json ? sessionLooks.next(await client.sessions(), now()) : undefined;
    return { figures, listed };
  };
  await look();
  await new Promise((resolve) => setTimeout(resolve, intervalMs));
  const { figures, listed } = await look();
  if (json) {
    const busiest = [...(listed?.sessions ?? [])].sort(byRate).slice(0, BUSIEST);
    sayJson({ ...asJson(figures), busiest });
  } else {
    sayLines(linesOf(figures, widthOf(process.stdout)));
  }
}

function linesOf(figures: Figures, width: number): string[] {
  const rows = backendRows(figures, 'pool', '');
  const list = { rows, shown: rows, isTree: true, spark: 0, width };
  return [...headOf(figures, { columns: width, spark: 0 }), '', ...listOf(figures, list)];
}

/** As the status names things, where it has them. */
function asJson({ status, seconds, total, pools, backends }: Figures) {
  const { name, version, pid, generation, isStopping, sessions } = status;
  return {
    ...{ name, version, pid, generation, isStopping },
    /** Milliseconds since 1970. */
    at: Date.now(),
    /** Over which rates are. */
    seconds,
    open: sessions.open,
    ...ratesIn(total),
    listeners: status.listeners.map(({ name: listener, address, isPaused, open }) => ({
      ...{ name: listener, address, isPaused, open },
    })),
    pools: status.pools.map((pool) => {
      const its = status.backends.filter((backend) => backend.pool === pool.name);
      return {
        name: pool.name,
        backends: its.length,
        picked: its.filter(isPicked).length,
        open: its.reduce((sum, { open }) => sum + open, 0),
        queued: pool.queue.length,
        ...ratesIn(pools.get(pool.name)),
        connect: connectTimesOf(pool),
      };
    }),
    backends: status.backends.map((backend) => ({
      ...backendIn(backend),
      ...ratesIn(backends.get(keyOf(backend))),
    })),
  };
}

const backendIn = (backend: ControlBackend) => {
  const { pool, name, address, state, health, weight, maxSessions, open, opened, failed } = backend;
  return { pool, name, address, state, health, weight, maxSessions, open, opened, failed };
};

const ratesIn = (trace: Trace | undefined) => {
  if (trace?.rates === undefined) return {};
  const { opened, failed, bytesUpstream, bytesDownstream } = trace.rates;
  return {
    openedPerSecond: opened,
    failedPerSecond: failed,
    bytesUpstreamPerSecond: bytesUpstream,
    bytesDownstreamPerSecond: bytesDownstream,
  };
};
