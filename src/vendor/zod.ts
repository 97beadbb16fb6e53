/** What the schema of the configuration takes of zod: each by its name, so that the package carries no more of it. */

export type { core, output, RefinementCtx, ZodError, ZodObject, ZodOptional, ZodType } from 'zod';
export {
  array,
  boolean,
  discriminatedUnion,
  enum,
  globalRegistry,
  int,
  literal,
  NEVER,
  number,
  object,
  preprocess,
  record,
  registry,
  strictObject,
  string,
  toJSONSchema,
  union,
  unknown,
} from 'zod';
