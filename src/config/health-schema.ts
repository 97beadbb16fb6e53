/** The health checks of a pool: a type by its name, or an object, which in a program may have a function. */
import type { HealthConfig, HealthFunction } from '../model/health.js';
import * as z from '../vendor/zod.js';
import { PORT_MAX } from './address.js';
import { healthDescriptions } from './descriptions.js';
import { bytes, jitter, line, someDuration, statuses, text } from './health-values.js';
import { backendAddress, isPlainObject, oneOf, show, wholeNumber, yesOrNo } from './values.js';

/** The types that a user may name. */
export const healthTypes = ['tcp', 'http', 'https', 'mysql', 'postgres', 'redis'] as const;
/** Those that need nothing else said. */
export const healthShorthands: readonly string[] = healthTypes.filter(
  (type) => type !== 'postgres',
);

const COUNT_MAX = 100;

/** With what an editor says of it. */
const key = <Schema extends z.ZodType>(name: keyof typeof healthDescriptions, schema: Schema) =>
  schema.meta({ description: healthDescriptions[name] });
const optional = <Schema extends z.ZodType>(
  name: keyof typeof healthDescriptions,
  schema: Schema,
) => key(name, schema).optional();

const schedule = {
  interval: key('interval', someDuration).prefault('2s'),
  timeout: key('timeout', someDuration).prefault('2s'),
  rise: key('rise', wholeNumber(1, COUNT_MAX)).prefault(2),
  fall: key('fall', wholeNumber(1, COUNT_MAX)).prefault(3),
  jitter: key('jitter', jitter).prefault('10%'),
  fastInterval: key('fastInterval', someDuration).prefault('500ms'),
  startDown: key('startDown', yesOrNo).prefault(false),
  port: optional('port', wholeNumber(1, PORT_MAX)),
  address: optional('address', backendAddress),
};

const type = <Name extends HealthConfig['type']>(name: Name) => key('type', z.literal(name));
const role = optional('role', oneOf('a role', ['primary', 'replica']));
const password = optional('password', text);
const request = {
  method: key('method', oneOf('a method', ['GET', 'HEAD', 'OPTIONS'])).prefault('GET'),
  path: key('path', line('^/[!-~]*$', 'a path, as in /health')).prefault('/'),
  host: optional('host', line('^[A-Za-z0-9._:[\\]-]+$', 'a host, as in shop.example')),
  statuses: key('statuses', statuses).prefault('200-399'),
  body: optional('body', text),
};
const check = z.unknown().transform((input, context): HealthFunction => {
  if (typeof input === 'function') return input as HealthFunction;
  const message = `${show(input)} is not a function; only a program has one, or name a type: ${healthTypes.join(', ')}`;
  context.addIssue({ code: 'custom', message });
  return z.NEVER;
});

/** What may be said of each type. That of a function is ours: a user gives the function, and no type. */
export const healthShapes = {
  tcp: {
    type: type('tcp'),
    ...schedule,
    send: optional('send', bytes),
    expect: optional('expect', bytes),
  },
  http: { type: type('http'), ...schedule, ...request },
  https: {
    type: type('https'),
    ...schedule,
    ...request,
    verify: key('verify', yesOrNo).prefault(true),
    serverName: optional('serverName', line('^[A-Za-z0-9._:-]+$', 'a name, as in shop.example')),
  },
  mysql: { type: type('mysql'), ...schedule, user: optional('user', text), password, role },
  postgres: {
    type: type('postgres'),
    ...schedule,
    user: key('user', text),
    password,
    database: optional('database', text),
    role,
  },
  redis: { type: type('redis'), ...schedule, username: optional('username', text), password, role },
  function: { type: z.literal('function'), ...schedule, check },
};

const oneOfTypes = z.discriminatedUnion('type', [
  z.strictObject(healthShapes.tcp),
  z.strictObject(healthShapes.http),
  z.strictObject(healthShapes.https),
  z.strictObject(healthShapes.mysql),
  z.strictObject(healthShapes.postgres),
  z.strictObject(healthShapes.redis),
  z.strictObject(healthShapes.function),
]);
type Given = z.output<typeof oneOfTypes>;

export const health: z.ZodType<HealthConfig> = z.preprocess(
  withType,
  oneOfTypes.superRefine(checkTogether).transform(
    ({ interval, timeout, fastInterval, jitter: jitterPercent, ...others }): HealthConfig => ({
      intervalMs: interval,
      timeoutMs: timeout,
      fastIntervalMs: fastInterval,
      jitterPercent,
      ...others,
    }),
  ),
);

const FORM = 'write { type: tcp }, or one of the other types';
const typeName = oneOf('a type of health check', healthTypes);

/** The object form of what is given, with a type, so that one schema checks all. */
function withType(input: unknown, context: z.RefinementCtx): unknown {
  const refuse = (message: string, ...path: string[]) => {
    context.addIssue({ code: 'custom', path, message });
    return z.NEVER;
  };
  const isText = typeof input === 'string';
  if (!isText && !isPlainObject(input)) return refuse(`${show(input)} is no health check; ${FORM}`);
  const given = Object.entries(isText ? { type: input } : input).filter(
    ([, value]) => value !== undefined,
  );
  const { type: name, check: own } = Object.fromEntries(given);
  if (name === undefined && own !== undefined)
    return { ...Object.fromEntries(given), type: 'function' };
  if (own !== undefined)
    return refuse('a check of a type has no function; leave one of both out', 'check');
  if (name === undefined)
    return refuse(`the type is missing; choose ${healthTypes.join(' or ')}`, 'type');
  const known = typeName.safeParse(name);
  if (known.success) return Object.fromEntries(given);
  return refuse(known.error.issues[0]?.message ?? '', ...(isText ? [] : ['type']));
}

/** Reports what one key forbids another. */
function checkTogether(given: Given, context: z.RefinementCtx): void {
  const refuse = (path: string, message: string) =>
    context.addIssue({ code: 'custom', path: [path], message });
  if (given.port !== undefined && given.address !== undefined) {
    refuse('port', 'the address has a port already; leave one of both out');
  }
  if (given.type === 'mysql' && given.user === undefined) {
    if (given.role !== undefined)
      refuse('role', 'only an account may ask for it; give user as well');
    if (given.password !== undefined) refuse('password', 'it is of an account; give user as well');
  }
  if (given.type === 'redis' && given.username !== undefined && given.password === undefined) {
    refuse('username', 'an account logs in with its password; give password as well');
  }
  if ('method' in given && given.method === 'HEAD' && given.body !== undefined) {
    refuse('body', 'an answer to HEAD has none; use GET, or leave body out');
  }
}
