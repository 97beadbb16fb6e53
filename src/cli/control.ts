/** The control socket of a command. */
import path from 'node:path';
import { createControl } from '../control/create.js';
import type { Control, ControlAudit } from '../control/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { type ControlPlace, controlFolder, nameFrom } from './control-place.js';
import type { Logger } from './log.js';
import type { Reloader } from './reload.js';

/** What to do where nobody has said where it is to be, and it cannot be opened. */
const ADVICE = 'give --control PATH, or --control off';

/**
 * Opens it where the flags say. A balancer does not need it to balance: where nobody has said where it is to be, and it
 * cannot be, that is a warning.
 *
 * @returns nothing where there is none
 * @throws SplicewayError `ERR_SPLICEWAY_LISTEN` or `…_RESOURCE_LIMIT` where it was asked for, also where another balancer has that name;
 *   `ERR_SPLICEWAY_INVALID_OPTION` where a backend is this very socket
 */
export async function openControl(
  proxy: RunningProxy,
  place: ControlPlace,
  log: Logger,
  reloader: Reloader | undefined,
): Promise<Control | undefined> {
  if (place.path === 'off') return undefined;
  const name = place.name ?? nameFrom(proxy);
  const file = fileFor(name, place);
  if ('reason' in file) {
    log.warn(`there is no control socket: ${file.reason}; ${ADVICE}`);
    return undefined;
  }
  try {
    const control = await createControl(proxy, {
      path: file.path,
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
    if (!(error instanceof SplicewayError)) throw error;
    const isTaken = error.systemCode === 'EADDRINUSE';
    const said = isTaken ? nameTaken(name, file.path, error) : error;
    const isAskedFor = place.path !== undefined || place.name !== undefined;
    if (isAskedFor || error.backend !== undefined) throw said;
    log.warn(`there is no control socket: ${said.message}; ${ADVICE}`);
    return undefined;
  }
}

function fileFor(
  name: string,
  place: ControlPlace,
): { readonly path: string } | { readonly reason: string } {
  if (place.path !== undefined) return { path: place.path };
  const found = controlFolder();
  return 'reason' in found ? found : { path: path.join(found.folder, `${name}.sock`) };
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
