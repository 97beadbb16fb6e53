import { createRequire } from 'node:module';

/** The package's version. In dist/, which bundlers take apart, scripts/finish-dist.js writes the number itself here. */
export const version: string = createRequire(import.meta.url)('../package.json').version;
