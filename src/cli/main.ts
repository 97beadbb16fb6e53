#!/usr/bin/env node
/** The program. It imports nothing of its own, so that it can say what is the matter where the rest cannot be loaded. */
import { readFileSync } from 'node:fs';

/** Node opens many files at once to load the rest; docs and README say this figure. */
const FILES_TO_START = 128;

// Whoever read the output may go away (`spliceway | head`), a disk may fill up; a load balancer stays.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

async function load() {
  try {
    const [{ run }, { exit }] = await Promise.all([import('./command.js'), import('./exit.js')]);
    return { run, exit };
  } catch (error) {
    const remedy = remedyOf(error);
    if (remedy === undefined) throw error;
    process.stderr.write(
      `spliceway: no file descriptor is left to load the program with; ${remedy} (ERR_SPLICEWAY_RESOURCE_LIMIT)\n`,
    );
    process.exit(1);
  }
}

/** What to do about a lack of descriptors; nothing where that is not what went wrong. */
function remedyOf(error: unknown): string | undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENFILE') return 'raise fs.file-max of the system, or find out who opens so many';
  // Where it cannot be opened, Node may take a file for absent.
  if (code !== 'EMFILE' && openFilesAllowed() >= FILES_TO_START) return undefined;
  return `it takes ${FILES_TO_START} to start: raise the limit, as in ulimit -n 1024`;
}

function openFilesAllowed(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8');
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch (error) {
    // Also this takes a descriptor.
    return (error as NodeJS.ErrnoException).code === 'EMFILE' ? 0 : Number.POSITIVE_INFINITY;
  }
}

const { run, exit } = await load();
exit(await run(process.argv));
