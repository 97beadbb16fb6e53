/** What a running proxy tells, as log lines; what may come in crowds is limited to a line a second. */
import { formatAddress } from '../model/address.js';
import { formatOverride, isOverridden } from '../model/overlay.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { Session } from '../session/session.js';
import { HealthLog, labelOf } from './health-log.js';
import type { Logger } from './log.js';
import { RateLimit } from './rate-limit.js';

/** Logs the events of a proxy from now on. The result writes what is held back; call it at the end. */
export function logProxy(proxy: RunningProxy, log: Logger): () => void {
  const limit = new RateLimit();
  // A listener makes the engine report every session, and nobody asked for them above debug.
  const onSession = (session: Session) => logSession(session, log);
  const followLevel = () => {
    proxy.off('session', onSession);
    if (log.isLevelEnabled('debug')) proxy.on('session', onSession);
  };
  followLevel();
  log.on('level-change', followLevel);
  proxy.on('backendError', ({ backend, error: { code, message }, count: events }) => {
    const write = (count: number) =>
      log.warn({ backend, code, count }, `${message}${times(count)}`);
    // Each of its addresses may fail in a way of its own.
    limit.report(`backend ${backend} ${message}`, write, events);
  });
  const health = new HealthLog(log, limit);
  proxy.on('backend', (event) => health.write(event));
  proxy.on('override', ({ pool, backend, to, isGone }) => {
    const label = labelOf(pool, backend);
    const what = isGone
      ? 'is removed, and what was set of it by hand with it'
      : isOverridden(to)
        ? `is set by hand: ${formatOverride(to)}`
        : 'is as the options say again';
    const write = () => log.info({ pool, backend, override: to }, `backend ${label} ${what}`);
    limit.report(`override ${label}`, write);
  });
  proxy.on('rebalance', ({ pool, state, ended, reason }) => {
    const what =
      state === 'begun'
        ? 'sessions are being levelled'
        : `${ended} sessions were ended to level the load`;
    log.info({ pool, state, ended }, `pool ${pool}: ${what}: ${reason}`);
  });
  proxy.on('noBackend', ({ session, error: { code, message } }) => {
    const client = showClient(session.client);
    limit.report(`no backend ${code}`, (count) => {
      log.warn({ client, code, count }, `client disconnected: ${message}${times(count)}`);
    });
  });
  proxy.on('warning', (message) => log.warn(message));
  proxy.on('listenerPaused', ({ reason, ...where }) => {
    limit.report(`paused ${reason}`, (count) => {
      log.warn({ ...where, count }, `accepting is paused: ${reason}${times(count)}`);
    });
  });
  proxy.on('listenerResumed', (where) => {
    limit.report(`resumed ${where.listenerName}`, (count) => {
      log.info({ ...where, count }, `accepting goes on${times(count)}`);
    });
  });
  return () => limit.flush();
}

function logSession(session: Session, log: Logger): void {
  const { id } = session;
  const client = showClient(session.client);
  session.on('open', (backend) => log.debug({ session: id, client, backend }, 'session open'));
  session.on('error', ({ code, message }) => log.debug({ session: id, client, code }, message));
  session.on('close', ({ reason, backend, bytesUpstream, bytesDownstream, durationMs }) => {
    const figures = { bytesUpstream, bytesDownstream, durationMs: Math.round(durationMs) };
    log.debug({ session: id, client, backend, reason, ...figures }, 'session closed');
  });
}

function showClient({ address, port }: Session['client']): string {
  return address === '' ? 'unix' : formatAddress({ kind: 'tcp', host: address, port });
}

function times(count: number): string {
  return count === 1 ? '' : ` (${count} times in the last second)`;
}
