/** Which of the balancers of this machine is meant. */
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { type ControlClient, connectControl } from '../../control/client.js';
import { SplicewayError } from '../../errors/catalogue.js';
import { listed } from '../../model/listed.js';
import { clearTimeout, setTimeout } from '../../timers.js';
import { foldersOfSockets } from '../control-place.js';
import { choose } from './ask.js';

/** Flags that say which. */
export interface InstanceFlags {
  readonly name?: string;
  readonly control?: string;
}

/** One that runs, or whose file is there. */
interface Instance {
  readonly name: string;
  readonly path: string;
}

/** For a connection that nothing but the kernel has to answer. */
const PATIENCE_MS = 2000;
const ENDING = '.sock';

/** @throws SplicewayError `ERR_SPLICEWAY_CONTROL_FAILED` where none runs, or several and nobody can be asked which */
export async function clientOf({ name, control }: InstanceFlags): Promise<ControlClient> {
  if (control !== undefined) return connectControl(control);
  const { instances, closed } = socketsThere();
  const meant = instances.filter((instance) => name === undefined || instance.name === name);
  const living = await livingOf(meant);
  const [only, ...more] = living;
  if (only !== undefined) {
    return connectControl(more.length === 0 ? only.path : (await chosenOf(living)).path);
  }
  // Of one that is dead whoever asks it hears so.
  const [dead] = name === undefined ? [] : meant;
  if (dead !== undefined) return connectControl(dead.path);
  const others = (await livingOf(instances)).map((instance) => instance.name);
  if (name === undefined || others.length === 0) throw noneRuns(closed);
  throw failed(`no balancer is called ${name} here; there is ${listed(others)}`);
}

/** @param living two at least */
async function chosenOf(living: readonly Instance[]): Promise<Instance> {
  const isUnique = new Set(living.map(({ name }) => name)).size === living.length;
  const labels = living.map(({ name, path: file }) => (isUnique ? name : file));
  const chosen = await choose('Which balancer is meant?', labels);
  const found = living[labels.indexOf(chosen ?? '')];
  if (found !== undefined) return found;
  const flag = isUnique ? '--name' : '--control';
  throw failed(
    `several balancers run here: ${listed(labels)}; say which one, as in ${flag} ${labels[0]}`,
  );
}

/** All that run, and the folders that this user may not look into. */
export async function livingClients(): Promise<{
  readonly clients: ControlClient[];
  readonly closed: readonly string[];
}> {
  const { instances, closed } = socketsThere();
  const living = await livingOf(instances);
  return { clients: living.map((instance) => connectControl(instance.path)), closed };
}

/** Names of all that run, for completion. */
export async function namesOfLiving(): Promise<string[]> {
  return (await livingOf(socketsThere().instances)).map(({ name }) => name);
}

/** @returns the sockets, and the folders that this user may not look into */
function socketsThere(): { readonly instances: Instance[]; readonly closed: string[] } {
  const closed: string[] = [];
  const instances: Instance[] = [];
  for (const folder of foldersOfSockets()) {
    let files: string[];
    try {
      files = readdirSync(folder).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') closed.push(folder);
      continue;
    }
    for (const file of files.filter((name) => name.endsWith(ENDING))) {
      instances.push({ name: file.slice(0, -ENDING.length), path: path.join(folder, file) });
    }
  }
  return { instances, closed };
}

async function livingOf(instances: readonly Instance[]): Promise<Instance[]> {
  const lives = await Promise.all(instances.map((instance) => isListening(instance.path)));
  return instances.filter((_, index) => lives[index]);
}

/** Whether somebody listens; also where this user may not connect, who is told so then. */
function isListening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const end = (lives: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(lives);
    };
    const timer = setTimeout(() => end(true), PATIENCE_MS);
    socket.once('connect', () => end(true));
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      end(code === 'EACCES' || code === 'EAGAIN'),
    );
  });
}

function noneRuns(closed: readonly string[]): SplicewayError {
  const where = foldersOfSockets().join(', ');
  const hint =
    closed.length === 0 ? 'start one, or name its socket by --control PATH' : wordsOfClosed(closed);
  return failed(`no balancer was found in ${where}; ${hint}`);
}

/** Of folders that this user may not look into. */
export const wordsOfClosed = (folders: readonly string[]): string =>
  `${listed(folders)} is another user's: ask as that user, or as root`;

const failed = (message: string) => new SplicewayError('ERR_SPLICEWAY_CONTROL_FAILED', message);
