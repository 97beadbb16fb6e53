/** Users and groups by the names that the system has for them. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { SplicewayError } from '../errors/catalogue.js';
import { show } from './values.js';

export type AccountKind = 'user' | 'group';

/** The highest is none: it stands for "leave as it is" in chown(2). */
export const ACCOUNT_MAX = 2 ** 32 - 2;
/** Names of accounts come from the network on some machines, where the server may be away. */
const LOOKUP_LIMIT_MS = 5000;

/** With spaces inside, as a directory server has them: "domain users". */
const NAME = /^[^\s:,-](?: *[^\s:,])*$/;

const databases = {
  user: { file: '/etc/passwd', name: 'passwd' },
  group: { file: '/etc/group', name: 'group' },
} as const;

/**
 * The number of a user or a group.
 *
 * @param account a name, or a number, also as text
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` when the machine has none of that name
 */
export function accountNumber(kind: AccountKind, account: unknown): number {
  const isNumber = typeof account === 'number' || /^\d+$/.test(String(account));
  if (isNumber) {
    const number = Number(account);
    if (Number.isInteger(number) && number >= 0 && number <= ACCOUNT_MAX) return number;
  } else if (typeof account === 'string' && NAME.test(account)) {
    const number = numberIn(fileOf(kind), account) ?? numberIn(askSystem(kind, account), account);
    if (number !== undefined) return number;
    throw refused(
      `this machine has no ${kind} ${show(account)}; create it first, or give another name or its number`,
    );
  }
  throw refused(
    `${show(account)} is not a ${kind}; give a name, or a number from 0 to ${ACCOUNT_MAX}`,
  );
}

/** Lines of `name:password:number:…`, in which a user and a group are alike. */
function numberIn(lines: string, name: string): number | undefined {
  const line = lines.split('\n').find((text) => text.startsWith(`${name}:`));
  const number = line?.split(':')[2];
  return number !== undefined && /^\d+$/.test(number) ? Number(number) : undefined;
}

function fileOf(kind: AccountKind): string {
  try {
    return readFileSync(databases[kind].file, 'utf8');
  } catch {
    return '';
  }
}

/** Names that come from elsewhere than the file. Node has no call that asks for them. */
function askSystem(kind: AccountKind, name: string): string {
  try {
    return execFileSync('getent', [databases[kind].name, name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: LOOKUP_LIMIT_MS,
    });
  } catch {
    // It found none, or is not there.
    return '';
  }
}

function refused(message: string): SplicewayError {
  return new SplicewayError('ERR_SPLICEWAY_INVALID_OPTION', message);
}
