/** `spliceway config`: what runs now, as a file that can be loaded again. */
import { fileTextOf } from '../../config/file-text.js';
import type { ControlClient } from '../../control/client.js';
import type { ControlStatus } from '../../control/types.js';
import { formatOverride } from '../../model/overlay.js';
import { sayJson } from './say.js';
import { plain } from './terminal.js';

export async function config(
  client: ControlClient,
  { json = false }: { json?: boolean },
): Promise<void> {
  const told = await client.config();
  if (json) {
    sayJson(told);
    return;
  }
  const notes = [...functionNotes(told.functions), ...overrideNotes(await client.status())];
  const head = notes.map((note) => `# ${plain(note)}\n`).join('');
  process.stdout.write(head + fileTextOf(told.options));
}

const functionNotes = (functions: readonly string[]) =>
  functions.map((path) => `${path} is a function of the program, which no file can say`);

/** What was set by hand is no part of the configuration. */
const overrideNotes = ({ backends }: ControlStatus) =>
  backends.flatMap(({ pool, name, override }) =>
    override === undefined ? [] : [`set by hand: ${pool}/${name}: ${formatOverride(override)}`],
  );
