/**
 * `npm start`: sets the checkout up, then runs the command in this very process, so that signals, the
 * terminal and the exit status are the command's own.
 */
import { pathToFileURL } from 'node:url';
import { inRoot } from './lib/root.js';
import { setUpOrExit } from './setup.js';

await setUpOrExit();
const command = inRoot('dist', 'cli', 'main.js');
process.argv[1] = command;
await import(pathToFileURL(command).href);
