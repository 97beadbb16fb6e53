/** What package.json says. In dist/, which bundlers take apart, scripts/finish-dist.js writes the values themselves here. */
import { createRequire } from 'node:module';

const manifest = createRequire(import.meta.url)('../package.json') as {
  version: string;
  bugs: { url: string };
};

/** The package's version. */
export const version: string = manifest.version;
/** Where to report what nobody foresaw, which a release fills in. */
export const placeForReports: string = manifest.bugs.url;
