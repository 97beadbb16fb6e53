/** The control socket of a command. */
import path from 'node:path';
import { claimControl } from '../control/create.js';
import type { ControlSocket } from '../control/server.js';
import type { Control, ControlAudit } from '../control/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { type ControlPlace, controlFolder, nameFrom } from './control-place.js';
import type { Logger } from './log.js';
import type { Reloader } from './reload.js';

/** What to do where nobody has said where it is to be, and it cannot be opened. */
const ADVICE = 'give --control PATH, or --control off';

/**
 * Takes the control socket that the flags name, before anybody is served: a start that fails on it is to cut nobody off. One
 * that is named for where the proxy listens can be taken only when that is known.
 *
 * @returns nothing where the flags name none, or there is no folder for it
 * @throws SplicewayError `ERR_SPLICEWAY_LISTEN`, also where another balancer has that name; `…_INVALID_OPTION`,
 *   `…_RESOURCE_LIMIT`
 */
export async function claimChosen(
  { name, path: file }: ControlPlace,
  log: Logger,
): Promise<ControlSocket | undefined> {
  if (file === 'off') return undefined;
  if (file !== undefined) return await claimControl(file);
  return name === undefined ? undefined : await claimName(name, log);
}

/**
 * Has it serve the proxy. A balancer does not need it to balance: where nobody has said where it is to be, and it cannot be,
 * that is a warning.
 *
 * @param chosen what `claimChosen()` gave
 * @returns nothing where there is none
 * @throws SplicewayError `ERR_SPLICEWAY_INVALID_OPTION` where a backend is this very socket
 */
export async function openControl(
  proxy: RunningProxy,
  place: ControlPlace,
  chosen: ControlSocket | undefined,
  log: Logger,
  reloader: Reloader | undefined,
): Promise<Control | undefined> {
  const isChosen = place.path !== undefined || place.name !== undefined;
  const name = place.name ?? nameFrom(proxy);
  const socket = isChosen ? chosen : await claimDefault(name, log);
  if (socket === undefined) return undefined;
  try {
    const control = socket.serve(proxy, {
      name,
      ...(reloader === undefined
        ? {}
        : {
            file: path.resolve(reloader.file),
            reload: () => reloader.reload(),
            compare: () => reloader.compare(),
          }),
      audit: (change) => logChange(change, log),
    });
    log.info({ control: control.path, name }, `control socket: ${control.path}`);
    return control;
  } catch (error) {
    await socket.close();
    throw error;
  }
}

async function claimName(name: string, log: Logger): Promise<ControlSocket | undefined> {
  const found = controlFolder();
  if ('reason' in found) {
    log.warn(`there is no control socket: ${found.reason}; ${ADVICE}`);
    return undefined;
  }
  const file = path.join(found.folder, `${name}.sock`);
  try {
    return await claimControl(file);
  } catch (error) {
    const isTaken = error instanceof SplicewayError && error.systemCode === 'EADDRINUSE';
    throw isTaken ? nameTaken(name, file, error) : error;
  }
}

async function claimDefault(name: string, log: Logger): Promise<ControlSocket | undefined> {
  try {
    return await claimName(name, log);
  } catch (error) {
    if (!(error instanceof SplicewayError)) throw error;
    log.warn(`there is no control socket: ${error.message}; ${ADVICE}`);
    return undefined;
  }
}

function nameTaken(name: string, file: string, cause: SplicewayError): SplicewayError {
  return new SplicewayError(
    'ERR_SPLICEWAY_LISTEN',
    `another balancer runs by the name ${name}, and has the control socket ${file}; give this one another name, as in --name ${name}-2`,
    { cause, address: `unix:${file}` },
  );
}

/** One line for each change that somebody has asked for, whatever came of it. */
function logChange(
  { peer, method, path: what, asked, generation, result, error }: ControlAudit,
  log: Logger,
): void {
  const who = peer === undefined ? 'somebody' : `user ${peer.uid} (process ${peer.pid})`;
  const wanted = asked === undefined ? '' : ` ${JSON.stringify(asked)}`;
  const asking = `control: ${who}: ${method} ${what}${wanted}`;
  const fields = { peer, method, path: what, asked, generation };
  if (error === undefined) {
    const { added = [], removed = [], changed = [] } = result ?? {};
    log.info({ ...fields, added, removed, changed }, `${asking}: generation ${generation}`);
  } else {
    const [first = ''] = error.message.split(/\p{Cc}/u);
    log.warn({ ...fields, code: error.code }, `${asking}: refused: ${first}`);
  }
}
