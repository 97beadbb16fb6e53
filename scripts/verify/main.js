/** `npm run verify`; `npm run verify -- --help` says more. */
import { setUpOrExit } from '../setup.js';

await setUpOrExit();
// Only now: it uses packages that the set-up may just have installed.
const { verify } = await import('./verify.js');
process.exitCode = await verify();
