/** The path of a control socket. */
import { SplicewayError } from '../errors/catalogue.js';

/** What the kernel takes: sun_path of unix(7), without the zero behind it. */
const LONGEST_PATH = 107;

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` */
export function checkPath(method: string, path: unknown): void {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw new SplicewayError(
      'ERR_SPLICEWAY_INVALID_OPTION',
      `the path of ${method} is not that of a file; write one, as in /run/spliceway/edge.sock`,
    );
  }
  if (Buffer.byteLength(path) <= LONGEST_PATH) return;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    `${path} has ${Buffer.byteLength(path)} bytes, and a socket's path ${LONGEST_PATH} at most; choose a shorter one`,
  );
}
