/** The configuration file as a JSON Schema, for editors: made from the schema that checks it. */
import * as z from '../vendor/zod.js';
import { addressForm } from './address.js';
import { WEIGHT_MAX } from './backend-schema.js';
import { backendPattern, listenerPattern } from './pattern.js';
import { fileSchema } from './schema.js';
import { SESSIONS_MAX } from './settings.js';
import { settingKeys, settingOf } from './shapes.js';

/** Any JSON Schema, with keywords of its own or of an editor's. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * A schema of draft 7, which every editor knows. It accepts each file that the program accepts; what it cannot say,
 * such as that two addresses are one in two spellings, `spliceway check` finds.
 */
export function configFileSchema(): JsonSchema {
  const { $schema, ...schema } = z.toJSONSchema(fileSchema, {
    io: 'input',
    target: 'draft-7',
    // Zod leaves the default of what is transformed out: it could be one of the output.
    override: ({ zodSchema, jsonSchema }) => {
      Object.assign(jsonSchema, z.globalRegistry.get(zodSchema));
    },
  });
  const { listen, backends, ...others } = schema.properties as Record<string, JsonSchema>;
  // What is a function no file can have.
  const noFile = settingKeys.filter((key) => settingOf(key).kind.isFunction);
  for (const key of noFile) delete others[key];
  return {
    ...($schema && { $schema }),
    title: 'Configuration of Spliceway',
    ...schema,
    properties: {
      $schema: { type: 'string', description: 'In a JSON file: this schema, for editors.' },
      listen: listenersOf(listen),
      backends: backendsOf(backends),
      ...others,
    },
    // A file is for the command, which has to listen somewhere.
    required: ['listen', 'backends'],
    if: { properties: { engine: { const: 'stream' } }, required: ['engine'] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: { properties: { accept: { enum: ['auto', 'node'] } } },
  };
}

/** A listener is text or an object; one need not be in a list. */
function listenersOf({ description = '', items, ...list }: JsonSchema = {}): JsonSchema {
  const text: JsonSchema = {
    type: 'string',
    pattern: listenerPattern(),
    patternErrorMessage: `write ${addressForm('listener')}`,
  };
  const one = [text, items as JsonSchema];
  return { description, anyOf: [...one, { ...list, items: { anyOf: one }, minItems: 1 }] };
}

/** A backend is text or an object; one need not be in a list. */
function backendsOf({ description = '', items, ...list }: JsonSchema = {}): JsonSchema {
  const text: JsonSchema = {
    type: 'string',
    pattern: backendPattern(WEIGHT_MAX, SESSIONS_MAX),
    patternErrorMessage: 'write ADDRESS, or ADDRESS,weight=N,max-sessions=N,addresses=all',
  };
  const one = [text, items as JsonSchema];
  return { description, anyOf: [...one, { ...list, items: { anyOf: one }, uniqueItems: true }] };
}
