/**
 * The last step of `npm run build:ts`: the JSON Schema of the configuration file, for editors, from the
 * schema that was just compiled.
 */
import { writeFileSync } from 'node:fs';
import { inRoot } from './lib/root.js';

const { configFileSchema } = await import(inRoot('dist', 'config', 'json-schema.js'));
writeFileSync(
  inRoot('dist', 'config.schema.json'),
  `${JSON.stringify(configFileSchema(), null, 2)}\n`,
);
