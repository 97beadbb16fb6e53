import { checkOptions } from '../config/check-options.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { loaded } from './load.js';
import { checkPath } from './path.js';
import type { ControlSocket } from './server.js';
import type { Control, ControlOptions } from './types.js';

const keys = [
  'path',
  'name',
  'file',
  'reload',
  'compare',
  'audit',
] satisfies (keyof ControlOptions)[];

/**
 * Opens a control socket: by HTTP and JSON, it tells how a proxy is, and changes it while it runs. Nobody but this user and
 * root can connect. It keeps no program running, and is to be closed when the proxy is.
 *
 * @param proxy the one that it is for
 * @param options see `ControlOptions`
 * @returns when it accepts
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION`, also where a backend of the proxy is this very socket;
 *   `ERR_SPLICEWAY_LISTEN`, also where another process listens there; `ERR_SPLICEWAY_RESOURCE_LIMIT`
 */
export async function createControl(
  proxy: RunningProxy,
  options: ControlOptions,
): Promise<Control> {
  checkOptions('createControl()', options, keys);
  const socket = await claimControl(options.path);
  try {
    return socket.serve(proxy, options);
  } catch (error) {
    await socket.close();
    throw error;
  }
}

/**
 * @internal As far as `createControl()` comes without a proxy. To be closed where it is not to serve one after all.
 *
 * @throws SplicewayError as `createControl()`, but for what depends on the proxy
 */
export async function claimControl(path: string): Promise<ControlSocket> {
  checkPath('createControl()', path);
  const { ControlSocket } = await loaded('the control socket', import('./server.js'));
  return await ControlSocket.claim(path);
}
