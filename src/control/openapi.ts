/** The description of what a control socket answers, in OpenAPI 3.1: made of the table and the schemas that it goes by. */

import * as z from '../vendor/zod.js';
import { version } from '../version.js';
import { type Changing, type Route, routes } from './routes.js';
import { type SchemaName, schemas } from './schemas.js';

const refTo = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });
const json = (name: SchemaName) => ({ 'application/json': { schema: refTo(name) } });

const generationTag = {
  ETag: { description: 'The generation.', schema: { type: 'string', example: '"3"' } },
};

/** @returns a document, as JSON has it */
export function describeControl(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Control socket of Spliceway',
      version,
      description: 'HTTP/1.1 over a Unix socket.',
    },
    paths,
    components: { schemas: components() },
  };
}

function operationOf(route: Route): object {
  const isStream = 'isStream' in route;
  const isChange = 'body' in route;
  const content = isStream
    ? { 'application/x-ndjson': { schema: refTo(route.answer) } }
    : json(route.answer);
  return {
    summary: route.summary,
    parameters: [
      ...pathParameters(route),
      ...queryParameters(route),
      ...(isChange ? [ifMatch] : []),
    ],
    ...(isChange && route.body !== 'Nothing' ? { requestBody: bodyOf(route) } : {}),
    responses: {
      200: {
        description: isStream ? 'A line for each.' : 'Done.',
        ...(isStream ? {} : { headers: generationTag }),
        content,
      },
      default: {
        description: 'Why not.',
        content: { 'application/problem+json': { schema: refTo('Problem') } },
      },
    },
  };
}

const bodyOf = ({ body }: Changing) => ({ required: body !== 'DrainChange', content: json(body) });

const ifMatch = {
  name: 'If-Match',
  in: 'header',
  required: false,
  description:
    'The generation that the change is for, as ETag tells it; 412 where another one runs.',
  schema: { type: 'string', example: '"3"' },
};

const pathParameters = ({ path }: Route) =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: 'Percent-encoded: unix:/run/db.sock is unix%3A%2Frun%2Fdb.sock.',
    schema: { type: 'string' },
  }));

const queryParameters = ({ query = {} }: Route) =>
  Object.entries(query).map(([name, description]) => ({
    name,
    in: 'query',
    required: false,
    description,
    allowEmptyValue: true,
    schema: { type: 'string' },
  }));

function components(): Record<string, object> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(schemas)) registry.add(schema, { id });
  const { schemas: made } = z.toJSONSchema(registry, {
    io: 'input',
    uri: (id) => `#/components/schemas/${id}`,
  });
  const { Nothing: _, ...others } = made;
  return Object.fromEntries(
    Object.entries(others).map(([id, { $schema, $id, ...schema }]) => [id, schema]),
  );
}
