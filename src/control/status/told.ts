/**
 * What strangers are told of the health of a backend: our own words. What a server says of itself may name accounts, versions and
 * other machines.
 */
import type { ControlBackend, ControlStatus } from '../types.js';

/** Of a backend that nobody has found yet; as its checks say it. */
export const NO_ADDRESS = 'its name has no address';

/** Whole reasons that hold no word of anybody else's. */
const OWN = [
  'set by hand',
  'no longer set by hand',
  'it is not checked any more',
  'its checks changed',
  'its ejection is over',
  'none is ejected any more',
  'no other backend is left',
  'the check passed',
  'the check failed',
  'connect refused',
  'connect timed out',
  'connection reset',
  'no route to the server',
  'no room in the queue of its socket',
  'no socket at its path',
  NO_ADDRESS,
  'not permitted to connect to its socket',
  'not asked: no local address or port is left on this machine',
  'not asked: no file descriptor is left on this machine',
  'timed out before it began',
  'timed out while connecting',
  'timed out saying goodbye',
  'expected HTTP, got something else',
  'expected an answer, got the end of the connection',
];

const FAILED = String.raw`(?:connect failed ×\d+(?: \([A-Z0-9]+\))?|reset ×\d+ within [\d.]+ s)`;

const PATTERNS = [
  // A time-out may name what was waited for, which may be what a configuration expects.
  /^timed out waiting for (?:its greeting|the (?:TLS handshake|answer|body of the answer|answer to the login|function of the program))$/,
  /^the name that its checks ask has no address \([A-Z_]+\)$/,
  /^no answer within \d+ ms$/,
  // The status of HTTP.
  /^(?:expected [\d, -]+, got )?\d{3}$/,
  new RegExp(`^${FAILED}(?:, ${FAILED})*; for [\\d.]+ s$`),
];

/** @param passed whether all was well */
export function inOwnWords(reason: string, passed: boolean): string {
  const [, what = '', often = ''] = /^(.*?)( ×\d+)?$/s.exec(reason) ?? [];
  const isOwn = [what, reason].some(
    (text) => text === '' || OWN.includes(text) || PATTERNS.some((pattern) => pattern.test(text)),
  );
  if (isOwn) return reason;
  return `${passed ? 'the check passed' : 'the check failed'}${often}`;
}

function toldOf({ health, ...backend }: ControlBackend): ControlBackend {
  const { lastCheck } = health;
  const reason = inOwnWords(health.reason, health.status === 'up');
  if (lastCheck === undefined) return { ...backend, health: { ...health, reason } };
  const detail = inOwnWords(lastCheck.detail, lastCheck.passed);
  return { ...backend, health: { ...health, reason, lastCheck: { ...lastCheck, detail } } };
}

/** A status as strangers may read it. */
export function toldTo({ backends, ...status }: ControlStatus): ControlStatus {
  return { ...status, backends: backends.map(toldOf) };
}
