/** Whether code may be loaded from a file that is not the package's own. */
import { realpathSync, statSync } from 'node:fs';
import path from 'node:path';

const WRITABLE_BY_OTHERS = 0o002;
/** In a folder with this bit, others can neither remove nor replace what is not theirs. */
const STICKY = 0o1000;

/**
 * Code is trusted from those who can change this process anyway: root, its user, and the owner of the code that runs
 * already. A group is not looked at, for with a umask of 002 every user's own may write.
 *
 * @param file one that is there
 * @param running the file of the code that runs, where it is known
 * @returns one clause: who else could put code there, and what to do; nothing where nobody could
 * @throws what Node's file system does, where the file has gone meanwhile
 */
export function distrust(file: string, running: string | undefined): string | undefined {
  const trusted = [0, process.geteuid?.() ?? 0, ...(running ? ownerOf(running) : [])];
  const real = realpathSync(file);
  // Who can write to the folder can put another file there between this look and the loading.
  for (const place of [real, path.dirname(real)]) {
    const { mode, uid } = statSync(place);
    const isSafeFolder = place !== real && (mode & STICKY) !== 0;
    if ((mode & WRITABLE_BY_OTHERS) !== 0 && !isSafeFolder) {
      return `any user may write to ${place}: take that right away (chmod o-w)`;
    }
    if (!trusted.includes(uid)) {
      return `${place} belongs to user ${uid}, who is neither root nor the user of this process: give it to one of them (chown)`;
    }
  }
  return undefined;
}

/** Of a single executable, say, the file may be gone. */
function ownerOf(file: string): number[] {
  const uid = statSync(file, { throwIfNoEntry: false })?.uid;
  return uid === undefined ? [] : [uid];
}
