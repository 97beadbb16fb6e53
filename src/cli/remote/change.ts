/** `spliceway set`, `add`, `remove` and `reset`: changes of backends while a balancer runs. */
import { closest } from '../../config/suggest.js';
import type { ControlClient } from '../../control/client.js';
import type { BackendChange, ControlResult } from '../../control/types.js';
import { ExitStatus } from '../status.js';
import { confirm, isAnswered } from './ask.js';
import { durationText, invalid, wholeNumber } from './numbers.js';
import { sayJson, sayLines, sayResult } from './say.js';
import { labelOf, targetOf } from './target.js';
import { plain } from './terminal.js';
import { counted } from './words.js';

export interface ChangeFlags {
  readonly json?: boolean;
}

const states = ['ready', 'drain', 'maintenance'] as const;
const healths = ['up', 'down', 'auto'] as const;

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
export const parseWeight = (value: string): number | null =>
  value === 'auto' ? null : wholeNumber('weight', value, 1);

/** Each as `key=value` has it; `auto` takes back what was set by hand. */
const parsers: Readonly<Record<string, (value: string) => BackendChange>> = {
  weight: (value) => ({ weight: parseWeight(value) }),
  state: (value) => ({ state: oneOf('state', value, states) }),
  maxSessions: (value) => ({
    maxSessions: value === 'auto' ? null : wholeNumber('maxSessions', value, 0),
  }),
  health: (value) => ({ health: oneOf('health', value, healths) }),
};

/** What `set` knows, for completion. */
export const settable: readonly string[] = [
  'weight=',
  'maxSessions=',
  ...states.map((state) => `state=${state}`),
  ...healths.map((health) => `health=${health}`),
];

/** @param changes such as `weight=3` */
export async function set(
  client: ControlClient,
  target: string,
  changes: readonly string[],
  flags: ChangeFlags,
): Promise<void> {
  const change = Object.assign({}, ...changes.map(parseChange)) as BackendChange;
  const { pool, backend } = await targetOf(client, target);
  sayResult(await client.setBackend(pool, backend, change), flags);
}

function parseChange(text: string): BackendChange {
  const [, key = text, value = ''] = /^([^=]*)=(.*)$/.exec(text) ?? [];
  const name = key === 'max-sessions' ? 'maxSessions' : key;
  const parse = Object.hasOwn(parsers, name) ? parsers[name] : undefined;
  if (parse !== undefined && value !== '') return parse(value);
  const names = Object.keys(parsers);
  if (parse !== undefined) throw invalid(`${key} has no value; write one, as in ${key}=auto`);
  const meant = closest(key, names);
  const advice =
    meant === undefined
      ? `write one of ${names.join(', ')}, as in weight=3`
      : `did you mean "${meant}"?`;
  throw invalid(`"${text}" is nothing that can be set; ${advice}`);
}

function oneOf<Name extends string>(key: string, value: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw invalid(`${key}=${value}: write ${names.join(', ')}`);
}

/** @param backend as `--backend` has it: `127.0.0.1:3308,name=db-3,weight=2` */
export async function add(
  client: ControlClient,
  pool: string,
  backend: string,
  flags: ChangeFlags,
): Promise<void> {
  const result = await client.add(pool, backend);
  sayResult(result, flags);
  const isLost = ({ removed }: ControlResult) => removed.some((it) => result.added.includes(it));
  await noteFile(client, isLost, 'takes it out again', flags);
}

export async function remove(
  client: ControlClient,
  target: string,
  { after, ...flags }: ChangeFlags & { readonly after?: string },
): Promise<void> {
  const within = after === undefined ? undefined : durationText('--after', after);
  const { pool, backend } = await targetOf(client, target);
  const result = await client.remove(pool, backend, within);
  sayResult(result, flags);
  const isLost = ({ added }: ControlResult) => added.some((it) => result.removed.includes(it));
  await noteFile(client, isLost, 'brings it back', flags);
}

/** Says where a reload of the file would undo the change. */
async function noteFile(
  client: ControlClient,
  isLost: (reload: ControlResult) => boolean,
  what: string,
  { json = false }: ChangeFlags,
): Promise<void> {
  const { file } = await client.status();
  if (file === undefined || json) return;
  // What is wrong with the file is no matter of this change.
  const reload = await client.compareFile().catch(() => undefined);
  if (reload === undefined || !isLost(reload)) return;
  process.stderr.write(
    `spliceway: the next reload of ${plain(file)} ${what}, unless the file is changed\n`,
  );
}

/** @param target a backend, or a pool; nothing: all that was set by hand */
export async function reset(
  client: ControlClient,
  target: string | undefined,
  { yes = false, ...flags }: ChangeFlags & { readonly yes?: boolean },
): Promise<ExitStatus> {
  if (target === undefined) {
    if (!yes && !(await isAllMeant(client))) {
      if (flags.json) sayJson({ changed: [] });
      else sayLines(['nothing has changed']);
      return ExitStatus.failure;
    }
    sayResult(await client.reset(), flags);
    return ExitStatus.clean;
  }
  const { pools, backends } = await client.status();
  const isPool = pools.some(({ name }) => name === target);
  const isBackend = backends.some((found) => labelOf({ ...found, backend: found.name }) === target);
  if (isPool && !isBackend) {
    sayResult(await client.reset(target), flags);
    return ExitStatus.clean;
  }
  const { pool, backend } = await targetOf(client, target);
  sayResult(await client.reset(pool, backend), flags);
  return ExitStatus.clean;
}

async function isAllMeant(client: ControlClient): Promise<boolean> {
  const { backends } = await client.status();
  const count = backends.filter(({ override }) => override !== undefined).length;
  if (count === 0) return true;
  if (!isAnswered()) {
    throw invalid(
      `what was set of ${counted(count, 'backend')} would be taken back, and nobody is there to be asked; name a pool or a backend, or say --yes`,
    );
  }
  return await confirm(`Take back what was set of ${counted(count, 'backend')}?`);
}
