/** `npm run package-test`; `npm run package-test -- --help` says more. */
import { setUpOrExit } from '../setup.js';

await setUpOrExit();
// Only now: it uses packages that the set-up may just have installed.
const { packageTest } = await import('./package-test.js');
process.exitCode = await packageTest();
