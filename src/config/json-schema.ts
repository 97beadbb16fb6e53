/** The configuration file as a JSON Schema, for editors: made from the schemas that check it. */
import * as z from '../vendor/zod.js';
import { addressForm } from './address.js';
import { BACKEND_FORM, PRIORITY_MAX, WEIGHT_MAX } from './backend-schema.js';
import { healthShorthands } from './health-schema.js';
import { backendPattern, listenerPattern } from './pattern.js';
import { fileShapes } from './schema.js';
import { SESSIONS_MAX } from './settings.js';
import { settingKeys, settingOf } from './shapes.js';

/** Any JSON Schema, with keywords of its own or of an editor's. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;
type Properties = Readonly<Record<string, JsonSchema>>;

/**
 * A schema of draft 7, which every editor knows. It accepts each file that the program accepts; what it cannot say,
 * such as that two addresses are one in two spellings, `spliceway check` finds.
 */
export function configFileSchema(): JsonSchema {
  const { $schema, properties: short } = toSchema(fileShapes.short);
  const { properties: long } = toSchema(fileShapes.long);
  const { listen, backends, health, ...shortSettings } = short;
  const { listeners, pools, ...settings } = long;
  // The first are of both forms; who has begun nothing yet is offered all.
  const common: Properties = {
    $schema: { type: 'string', description: 'In a JSON file: this schema, for editors.' },
    ...settings,
  };
  return {
    ...($schema !== undefined && { $schema }),
    title: 'Configuration of Spliceway',
    type: 'object',
    properties: {
      ...common,
      listeners: entriesOf(listeners, { address: listenersOf }),
      pools: entriesOf(pools, { backends: backendsOf, health: healthOf }),
    },
    if: { anyOf: [{ required: ['listeners'] }, { required: ['pools'] }] },
    // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
    then: only({ ...known(common), listeners: {}, pools: {} }, ['listeners', 'pools']),
    // A file is for the command, which has to listen somewhere.
    else: only(
      {
        $schema: {},
        listen: listenersOf(listen),
        backends: backendsOf(backends),
        health: healthOf(health),
        ...shortSettings,
        ...known(settings),
      },
      ['listen', 'backends'],
    ),
    allOf: [
      {
        if: { properties: { engine: { const: 'stream' } }, required: ['engine'] },
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        then: { properties: { accept: { enum: ['auto', 'node'] } } },
      },
    ],
  };
}

function toSchema(shape: (typeof fileShapes)[keyof typeof fileShapes]) {
  const schema = z.toJSONSchema(z.strictObject(shape), {
    io: 'input',
    target: 'draft-7',
    // Zod leaves the default of what is transformed out: it could be one of the output.
    override: ({ zodSchema, jsonSchema }) => {
      Object.assign(jsonSchema, z.globalRegistry.get(zodSchema));
    },
  });
  return { ...schema, properties: withoutFunctions(schema.properties as Properties) };
}

/** What is a function no file can have. */
const withoutFunctions = (properties: Properties) =>
  withoutKeys(
    properties,
    settingKeys.filter((key) => settingOf(key).kind.isFunction),
  );

const withoutKeys = (properties: Properties, keys: readonly string[]): Properties =>
  Object.fromEntries(Object.entries(properties).filter(([key]) => !keys.includes(key)));

/** These keys and no others; what they hold is said elsewhere. */
const known = (properties: Properties) =>
  Object.fromEntries(Object.keys(properties).map((key) => [key, {}]));

const only = (properties: Properties, required: readonly string[]): JsonSchema => ({
  properties: { ...properties },
  required: [...required],
  additionalProperties: false,
});

/** An object of named entries, in which some properties have forms that a list of objects does not show. */
function entriesOf(
  { additionalProperties, ...entries }: JsonSchema = {},
  forms: Readonly<Record<string, (list: JsonSchema) => JsonSchema>>,
): JsonSchema {
  const entry = additionalProperties as JsonSchema;
  const properties = { ...withoutFunctions(entry.properties as Properties) };
  for (const [key, form] of Object.entries(forms)) properties[key] = form(properties[key] ?? {});
  return { ...entries, minProperties: 1, additionalProperties: { ...entry, properties } };
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
    pattern: backendPattern(WEIGHT_MAX, SESSIONS_MAX, PRIORITY_MAX),
    patternErrorMessage: `write ADDRESS, or ${BACKEND_FORM}`,
  };
  const one = [text, items as JsonSchema];
  return { description, anyOf: [...one, { ...list, items: { anyOf: one }, uniqueItems: true }] };
}

/** The name of a type that needs nothing else said, or an object. */
function healthOf({ description = '', oneOf = [] }: JsonSchema = {}): JsonSchema {
  const types = (oneOf as JsonSchema[]).filter(({ properties }) => properties?.check === undefined);
  return { description, anyOf: [{ type: 'string', enum: [...healthShorthands] }, ...types] };
}
