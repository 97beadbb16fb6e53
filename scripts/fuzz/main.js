/** `npm run fuzz`; `npm run fuzz -- --help` says more. */
import { setUpOrExit } from '../setup.js';

await setUpOrExit();
// Only now: it uses what the set-up may just have made.
const { fuzz } = await import('./fuzz.js');
process.exitCode = await fuzz();
