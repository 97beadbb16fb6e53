/** Where the control socket of a command is: its folder, and its name there. */
import { createHash } from 'node:crypto';
import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { NAME_PATTERN } from '../config/pattern.js';
import { asAddress } from '../entrance/listener.js';
import { SplicewayError } from '../errors/catalogue.js';
import { formatAddress } from '../model/address.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { ServeFlags } from './flags.js';

/** Leaves room for the folder: a socket's path has 107 bytes. */
const LONGEST_NAME = 64;

/** What the flags ask for. */
export interface ControlPlace {
  /** `undefined` where it follows from the first listener. */
  readonly name: string | undefined;
  /** `undefined` for the folder of this user; `off` for none. */
  readonly path: string | 'off' | undefined;
}

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
export function controlPlace({ control, name }: ServeFlags): ControlPlace {
  if (name !== undefined && (!new RegExp(NAME_PATTERN).test(name) || name.length > LONGEST_NAME)) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      `--name: ${JSON.stringify(name)} is not a name; write up to ${LONGEST_NAME} of a-z, 0-9, ".", "_" and "-", beginning with a letter or a digit, as in edge-1`,
    );
  }
  if (control === '') {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      '--control: the path is empty; write one, as in --control /run/spliceway/edge.sock, or --control off',
    );
  }
  return { name, path: control };
}

/** `127.0.0.1-5555`, or `5555` where all interfaces are meant. */
export function nameFrom(proxy: RunningProxy): string {
  const [first] = proxy.addresses();
  const text = first === undefined ? '' : formatAddress(asAddress(first));
  const name = text
    .toLowerCase()
    .replace(/^unix:|^0\.0\.0\.0:|^\[::\]:/, '')
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '');
  if (name.length > 0 && name.length <= LONGEST_NAME) return name;
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
  return `${name.slice(0, LONGEST_NAME - digest.length - 1)}-${digest}`.replace(/^-/, '');
}

/** Made for root, and by the unit of systemd. */
const OF_SYSTEM = '/run/spliceway';

const ofService = ({ RUNTIME_DIRECTORY = '' }: NodeJS.ProcessEnv) =>
  // A service of systemd may have several.
  RUNTIME_DIRECTORY.split(':')[0];

const ofUser = ({ XDG_RUNTIME_DIR }: NodeJS.ProcessEnv) =>
  XDG_RUNTIME_DIR && isOwn(XDG_RUNTIME_DIR) ? path.join(XDG_RUNTIME_DIR, 'spliceway') : undefined;

/**
 * Where sockets of balancers may be that this user talks to. Whoever was started for a service means the balancer of that
 * service, whatever else runs here.
 */
export function foldersOfSockets(env: NodeJS.ProcessEnv = process.env): string[] {
  const given = ofService(env);
  if (given) return [given];
  const own = ofUser(env);
  return own === undefined ? [OF_SYSTEM] : [own, OF_SYSTEM];
}

/**
 * The folder that is for what runs: made, where it is this user's to make.
 *
 * @returns nothing where there is none; then the second says why
 */
export function controlFolder(
  env: NodeJS.ProcessEnv = process.env,
): { readonly folder: string } | { readonly reason: string } {
  const given = ofService(env);
  if (given) return { folder: given };
  const own = ofUser(env);
  if (own !== undefined) return made(own);
  if (process.getuid?.() === 0) return made(OF_SYSTEM);
  return {
    reason: 'neither RUNTIME_DIRECTORY nor XDG_RUNTIME_DIR names a folder of this user',
  };
}

function made(folder: string): { readonly folder: string } | { readonly reason: string } {
  try {
    mkdirSync(folder, { mode: 0o700, recursive: true });
  } catch (error) {
    return { reason: `${folder} cannot be made: ${(error as Error).message}` };
  }
  return isOwn(folder) ? { folder } : { reason: `${folder} is another user's` };
}

/** Who owns a folder can put another file in the place of a socket; and sudo may leave the variables of another user. */
function isOwn(folder: string): boolean {
  try {
    return statSync(folder).uid === process.getuid?.();
  } catch {
    // One that cannot be looked at is of no use.
    return false;
  }
}
