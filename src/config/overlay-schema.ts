/** What was set of backends by hand, as a program or a file gives it back. */
import { type Overlay, overrideKeys } from '../model/overlay.js';
import * as z from '../vendor/zod.js';
import { backendShape } from './backend-schema.js';
import { issuesFromSchema, issuesToError } from './issues.js';
import { SESSIONS_MAX } from './settings.js';
import { oneOf, show, wholeNumber } from './values.js';

const error = ({ input }: { input?: unknown }) =>
  `${show(input)} is not what proxy.overlay() gives; write { pool: { backend: { ${overrideKeys.join(', ')} } } }`;

const override = z
  .strictObject(
    {
      state: oneOf('a state that can be set', ['drain', 'maintenance']).optional(),
      health: oneOf('a health that can be set', ['up', 'down']).optional(),
      weight: backendShape.weight,
      maxSessions: wholeNumber(0, SESSIONS_MAX).optional(),
    },
    { error },
  )
  .transform((given) =>
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  );

// A name may be one that there is not any more, and is only looked for.
const overlay = z.record(z.string(), z.record(z.string(), override, { error }), { error });

/**
 * Checks what is given as an overlay.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, a line for each mistake
 */
export function parseOverlay(input: unknown): Overlay {
  const result = overlay.safeParse(input);
  if (result.success) return result.data as Overlay;
  const explain = () => `there is nothing of that name to set; choose ${overrideKeys.join(', ')}`;
  const issues = issuesFromSchema(result.error.issues, explain);
  throw issuesToError(issues.map((issue) => ({ ...issue, path: ['overlay', ...issue.path] })));
}
