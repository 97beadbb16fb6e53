/** A unit of systemd, read, and what its sandbox amounts to. */
import { readFileSync } from 'node:fs';
import { runOk } from './command.js';

/** The values of a setting, one for each line that has it. */
export function settingsOf(file: string, name: string): string[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  const settings = lines.filter((line) => line.startsWith(`${name}=`));
  return settings.map((line) => line.slice(name.length + 1));
}

/** The system calls that its `SystemCallFilter=` allows: a line adds what it names, or takes it away after a ~. */
export async function allowedCalls(file: string): Promise<string[]> {
  const groups = await callGroups();
  const expand = (name: string): string[] =>
    name.startsWith('@') ? (groups.get(name) ?? []).flatMap(expand) : [name];
  const calls = new Set<string>();
  for (const line of settingsOf(file, 'SystemCallFilter')) {
    const named = line.replace('~', '').split(' ').flatMap(expand);
    for (const call of named) line.startsWith('~') ? calls.delete(call) : calls.add(call);
  }
  // systemd.exec(5): these are allowed in any case.
  for (const call of expand('@default')) calls.add(call);
  return [...calls];
}

/** The groups of this systemd: a name without indent, then a line for each member. */
async function callGroups(): Promise<Map<string, string[]>> {
  const groups = new Map<string, string[]>();
  let members: string[] = [];
  for (const line of (await runOk('systemd-analyze', ['syscall-filter'])).split('\n')) {
    const word = line.trim();
    if (line.startsWith('@')) {
      members = [];
      groups.set(word, members);
    } else if (word !== '' && !word.startsWith('#')) members.push(word);
  }
  return groups;
}
