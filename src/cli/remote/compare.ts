/** `spliceway reload` and `spliceway diff`: a file, and what runs. */
import { loadConfigFile } from '../../config/file.js';
import type { ProxyOptions } from '../../config/options.js';
import { optionsOf } from '../../config/options-of.js';
import type { ControlClient } from '../../control/client.js';
import type { ControlResult } from '../../control/types.js';
import { ExitStatus } from '../status.js';
import { sayJson, sayLines, sayResult } from './say.js';
import { paint, plain, type Style } from './terminal.js';

export async function reload(
  client: ControlClient,
  { json = false }: { json?: boolean },
): Promise<void> {
  sayResult(await client.reload(), { json });
}

/**
 * What a reload would change, or what another file would.
 *
 * @returns as diff(1): clean where nothing would, failure where something would
 */
export async function diff(
  client: ControlClient,
  { config, json = false }: { config?: string; json?: boolean },
): Promise<ExitStatus> {
  const result =
    config === undefined
      ? await client.compareFile()
      : await client.compare(optionsOf(loadConfigFile(config)) as ProxyOptions);
  if (json) sayJson(result);
  else sayLines(linesOf(result));
  const { added, removed, changed } = result;
  return added.length + removed.length + changed.length === 0
    ? ExitStatus.clean
    : ExitStatus.failure;
}

function linesOf({ added, removed, changed, differences = {} }: ControlResult): string[] {
  const line = (sign: string, name: string, style: Style, more: readonly string[] = []) => {
    const why = more.length === 0 ? '' : `: ${more.join(', ')}`;
    return paint({ text: plain(`${sign} ${name}${why}`), style });
  };
  return [
    ...removed.map((name) => line('-', name, 'red')),
    ...changed.map((name) => line('~', name, 'yellow', differences[name])),
    ...added.map((name) => line('+', name, 'green')),
  ];
}
