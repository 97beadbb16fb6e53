/** Whether code may be loaded from a file that is not the package's own; what is looked at stands in docs/bundling.md. */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';

const WRITABLE_BY_OTHERS = 0o002;
const WRITABLE_BY_GROUP = 0o020;
/** In a folder with this bit, others can neither remove nor replace what is not theirs. */
const STICKY = 0o1000;
/** As many as Linux follows. */
const MAX_LINKS = 40;

/** The file without links, which is the one to load, or what is wrong with it. */
export type Judgement = { readonly file: string } | Doubt;

export interface Doubt {
  /** One clause: who else could put code there. */
  readonly doubt: string;
  /** One clause: what to do. */
  readonly remedy: string;
}

/**
 * Code is trusted from those who can change this process anyway: root, its user, and the owner of the code that runs
 * already. The path is walked from the root. Each step is judged before the next is taken, so nobody else can
 * change a step that was judged, nor what the answer names.
 *
 * @param file an absolute path
 * @param running the file of the code that runs, where it is known
 * @throws what Node's file system does, where something has gone meanwhile
 */
export function judge(file: string, running: string | undefined): Judgement {
  const trusted = [0, process.geteuid?.() ?? 0, ...(running ? ownerOf(running) : [])];
  const steps = stepsOf(file);
  let links = 0;
  for (let place: string = path.sep; ; ) {
    const found = lstatSync(place);
    const doubt = doubtOf(place, found, trusted, running);
    if (doubt !== undefined) return doubt;
    if (found.isSymbolicLink()) {
      links += 1;
      if (links > MAX_LINKS) throw new Error(`more than ${MAX_LINKS} links lead to it`);
      const target = readlinkSync(place);
      steps.unshift(...stepsOf(target));
      place = path.isAbsolute(target) ? path.sep : path.dirname(place);
    }
    const step = steps.shift();
    if (step === undefined) return { file: place };
    place = path.join(place, step);
  }
}

const stepsOf = (place: string) => place.split(path.sep).filter((step) => step !== '');

function doubtOf(
  place: string,
  found: Stats,
  trusted: readonly number[],
  running: string | undefined,
): Doubt | undefined {
  const { mode, uid, gid } = found;
  const isFixed = found.isSymbolicLink() || (found.isDirectory() && (mode & STICKY) !== 0);
  if (!isFixed && (mode & WRITABLE_BY_OTHERS) !== 0) {
    return {
      doubt: `any user may write to ${place}`,
      remedy: 'take that right away (chmod o-w)',
    };
  }
  // A group with the number of a user is, by custom, that user's own: with a umask of 002 it may write to everything.
  if (!isFixed && (mode & WRITABLE_BY_GROUP) !== 0 && !trusted.includes(gid)) {
    return {
      doubt: `group ${gid} may write to ${place}`,
      remedy: 'take that right away (chmod g-w)',
    };
  }
  if (!trusted.includes(uid)) {
    const owner = running === undefined ? '' : ` nor the owner of ${running}`;
    return {
      doubt: `${place} belongs to user ${uid}, who is neither root nor the user of this process${owner}`,
      remedy: 'give it to one of them (chown)',
    };
  }
  return undefined;
}

/** Of a single executable, say, the file may be gone. */
function ownerOf(file: string): number[] {
  const uid = statSync(file, { throwIfNoEntry: false })?.uid;
  return uid === undefined ? [] : [uid];
}
