import { SplicewayError } from '../errors/catalogue.js';

/**
 * A module that few need, loaded late.
 *
 * @param what it is for, in words for a message
 * @throws SplicewayError `ERR_SPLICEWAY_RESOURCE_LIMIT`
 */
export async function loaded<Module>(what: string, module: Promise<Module>): Promise<Module> {
  return await module.catch((cause: unknown) => {
    // Where a file cannot be opened, Node may take it for absent.
    throw new SplicewayError(
      'ERR_SPLICEWAY_RESOURCE_LIMIT',
      `${what} cannot be loaded: most likely no file descriptor is left; raise the limit (ulimit -n)`,
      { cause },
    );
  });
}
