/**
 * `npm start`: sets the checkout up, then runs the command in this very process, so that signals, the
 * terminal and the exit status are the command's own. package.json says `exec` for the same reason: a
 * shell in between (dash, on Debian) would die of the Ctrl+C that this process takes as a request to
 * stop, and npm would report that in place of a clean end; and a SIGTERM to npm would end the shell alone.
 */
import { pathToFileURL } from 'node:url';
import { inRoot } from './lib/root.js';
import { setUpOrExit } from './setup.js';

await setUpOrExit();
const command = inRoot('dist', 'cli', 'main.js');
process.argv[1] = command;
await import(pathToFileURL(command).href);
