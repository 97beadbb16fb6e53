/** `npm run simulate`; `npm run simulate -- --help` says more. */
import { setUpOrExit } from '../setup.js';

await setUpOrExit();
// Only now: it uses packages that the set-up may just have installed.
const { simulate } = await import('./simulate.js');
process.exitCode = await simulate();
