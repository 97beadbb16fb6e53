/**
 * Addresses and durations as regular expressions, for the JSON Schema of the configuration file. They accept all
 * that the parsers do and as little else as is reasonable, and keep to what validators in every language know: no
 * flags, no look-ahead.
 */
import { type AddressUse, DESCRIPTOR_MAX, PORT_MAX, UNIX_PATH_MAX_BYTES } from './address.js';
import { MICROSECONDS_IN_MS, MILLISECONDS } from './duration.js';

const oneOf = (...alternatives: readonly string[]) => `(?:${alternatives.join('|')})`;
/** A whole text that is one of these. */
const exactly = (...alternatives: readonly string[]) => `^${oneOf(...alternatives)}$`;

/** Digits of a whole number from `lowest` to `highest`, which may have zeros before them. */
function wholeNumberPattern(lowest: 0 | 1, highest: number): string {
  const zero = lowest === 0 ? ['0+'] : [];
  return oneOf(...zero, ...(highest > 0 ? [`0*${positivePattern(highest)}`] : []));
}

/** From 1, without zeros before it. */
function positivePattern(highest: number): string {
  const digits = String(highest);
  const lower = [...digits].flatMap((digit, index) => {
    // As many digits, and this one is the first that is lower than in the highest.
    const least = index === 0 ? 1 : 0;
    const most = Number(digit) - 1;
    if (most < least) return [];
    return `${digits.slice(0, index)}[${least}-${most}]${anyDigits(digits.length - index - 1)}`;
  });
  const shorter = digits.length > 1 ? [`[1-9][0-9]{0,${digits.length - 2}}`] : [];
  return oneOf(...shorter, ...lower, digits);
}

const anyDigits = (count: number) => (count === 0 ? '' : `[0-9]{${count}}`);

const OCTET = oneOf('0', positivePattern(255));
/** Labels of letters, digits, `-` and `_`. One has more than digits: 127.0.0.300 is no name. */
const NAME = '(?:[0-9]+\\.)*[0-9]*[A-Za-z_-][A-Za-z0-9_-]*(?:\\.[A-Za-z0-9_-]+)*\\.?';
const HOST = oneOf(`${OCTET}(?:\\.${OCTET}){3}`, NAME);
const IPV6 = '\\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%[^\\]\\s]+)?\\]';

/** @param pathLetter what the path of a unix socket may consist of */
function addressForms(use: AddressUse, pathLetter: string, unixOptions = ''): string[] {
  const port = wholeNumberPattern(use === 'listener' ? 0 : 1, PORT_MAX);
  const host = use === 'listener' ? `${HOST}?` : HOST;
  const inherited = use === 'listener' ? [`fd:${wholeNumberPattern(1, DESCRIPTOR_MAX)}`] : [];
  return [
    `${oneOf(host, IPV6)}:${port}`,
    `unix:/${pathLetter}{0,${UNIX_PATH_MAX_BYTES - 1}}${unixOptions}`,
    ...inherited,
  ];
}

/**
 * As `parseAddress`, but for how long a name and its parts are, how many groups an IPv6 address has, and that fd:1 and
 * fd:2 are standard streams.
 */
export function addressPattern(use: AddressUse): string {
  return exactly(...addressForms(use, '[^\\u0000]'));
}

/**
 * What the path of a Unix socket may not have where options stand behind it, inside brackets of an expression. So a
 * mistyped option is not taken for a part of the path; the object form may have any path.
 */
export const NO_PATH_LETTERS = ',?\\s';
const PATH_LETTER = `[^\\u0000${NO_PATH_LETTERS}]`;

/** The permissions of a socket file, in octal digits. */
export const SOCKET_MODE = '^0?[0-7]{3}$';

/** A listener as text: an address and, of a Unix socket, `mode=`, `user=` and `group=` behind commas. */
export function listenerPattern(): string {
  const options = `(?:,${oneOf('mode=0?[0-7]{3}', '(?:user|group)=[^,\\s]+')})*`;
  return exactly(...addressForms('listener', PATH_LETTER, options));
}

/** Names of listeners, pools and backends. */
export const NAME_PATTERN = '^[a-z0-9][a-z0-9._-]*$';

/** `ADDRESS[,name=NAME][,weight=N][,max-sessions=N][,addresses=all][,backup][,priority=N]`, in any order. */
export function backendPattern(
  weightMax: number,
  sessionsMax: number,
  priorityMax: number,
): string {
  const address = oneOf(...addressForms('backend', PATH_LETTER));
  const options = oneOf(
    'name=[a-z0-9][a-z0-9._-]*',
    `weight=${wholeNumberPattern(1, weightMax)}`,
    `max(?:-s|S)essions=${wholeNumberPattern(1, sessionsMax)}`,
    'addresses=(?:first|all)',
    'backup',
    `priority=${wholeNumberPattern(0, priorityMax)}`,
  );
  return exactly(`${address}(?:,${options})*`);
}

/** As `parseDuration`. */
export function durationPattern(longestMs: number): string {
  return exactly('0', ...durationForms(longestMs));
}

/** As `parseDuration`, but for what is no duration at all: 0. */
export function someDurationPattern(longestMs: number): string {
  return exactly(...durationForms(longestMs, 1));
}

/** As `parseMicroseconds`. */
export function microsecondsPattern(longestMs: number): string {
  const fine = `${wholeNumberPattern(0, longestMs * MICROSECONDS_IN_MS)}us`;
  return exactly('0', fine, ...durationForms(longestMs));
}

function durationForms(longestMs: number, lowest: 0 | 1 = 0): string[] {
  return Object.entries(MILLISECONDS).map(
    ([unit, size]) => `${wholeNumberPattern(lowest, Math.floor(longestMs / size))}${unit}`,
  );
}
