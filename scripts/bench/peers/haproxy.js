import { openFileLimit } from '../../lib/limits.js';
import { startConfigured } from './configured.js';
import { formatAddress } from './peer.js';

/** @import { Peer } from './peer.js' */

/** Listeners, epoll and the like. */
const otherDescriptors = 60;

/** @returns {number} two descriptors a session, and all that the limit allows */
function maxSessions() {
  const limit = Math.min(openFileLimit()?.hard ?? 1024, 1_000_000);
  return Math.floor((limit - otherDescriptors) / 2);
}

/**
 * @param {string} name
 * @param {string} title
 * @param {{ tuning?: string, splicing: readonly string[] }} settings
 * @returns {Peer}
 */
const haproxy = (name, title, { tuning = '', splicing }) => ({
  name,
  title,
  kind: 'rival',
  needs: { haproxy: 'haproxy' },
  start: ({ server, listenHost, namespace }) =>
    startConfigured({
      role: 'proxy',
      program: 'haproxy',
      host: listenHost,
      namespace,
      args: (_, file) => ['-db', '-f', file],
      // It wants descriptors for pipes beside those of the sessions, and would not start without them.
      configuration: (_, port) => `
global
  nbthread 1
  maxconn ${maxSessions()}
  no strict-limits
  ${tuning}
defaults
  mode tcp
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  ${splicing.map((option) => `option ${option}`).join('\n  ')}
listen bench
  bind ${formatAddress({ host: listenHost, port })}
  server one ${formatAddress(server)}
`,
    }),
});

/** As it comes: it splices where it thinks that this helps. */
export const haproxyDefault = haproxy('haproxy', 'HAProxy', { splicing: ['splice-auto'] });
/** What the best of its settings for bulk give. */
export const haproxyBest = haproxy('haproxy-best', 'HAProxy, tuned', {
  tuning: 'tune.pipesize 1048576',
  splicing: ['splice-request', 'splice-response'],
});
