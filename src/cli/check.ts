/** `spliceway check`: is this file a configuration, and what does it say? */
import { formatAddress } from '../config/address.js';
import { formatDuration, formatMicroseconds } from '../config/duration.js';
import { loadConfigFile } from '../config/file.js';

/**
 * Prints `FILE: ok` and a summary.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_CONFIG_FILE`
 */
export function check(file: string): void {
  const config = loadConfigFile(file);
  const timeouts = [
    `connect ${formatDuration(config.connectTimeoutMs)}`,
    `idle ${formatDuration(config.idleTimeoutMs)}`,
    `half-close ${formatDuration(config.halfCloseTimeoutMs)}`,
    `handshake ${formatDuration(config.handshakeTimeoutMs)}`,
  ];
  const lines = [
    `${file}: ok`,
    `  listen    ${config.listen.map(formatAddress).join(', ')}`,
    ...config.backends.map(({ name, weight }) => `  backend   ${name}, weight ${weight}`),
    `  policy    ${config.policy}`,
    `  engine    ${config.engine}, threads ${config.threads}, accept ${config.accept}`,
    `  transfer  ${config.transfer}, busy poll ${formatMicroseconds(config.busyPollUs)}`,
    `  timeouts  ${timeouts.join(', ')}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
