/** errno's numbers as the loops report them. */
import { getSystemErrorName } from 'node:util';

/** `ECONNREFUSED` for 111. */
export function nameOfError(errno: number): string {
  return errno > 0 ? getSystemErrorName(-errno) : 'UNKNOWN';
}

/** `undefined` for 0, which is no error. */
export function systemError(errno: number): Error | undefined {
  if (errno === 0) return undefined;
  const code = nameOfError(errno);
  return Object.assign(new Error(`the system said ${code}`), { code, errno: -errno });
}
