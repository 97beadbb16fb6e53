/** `npm run prebuilds`; `npm run prebuilds -- --help` says more. */
import { setUpOrExit } from '../setup.js';

await setUpOrExit();
// Only now: it uses packages that the set-up may just have installed.
const { prebuild } = await import('./prebuild.js');
process.exitCode = await prebuild();
