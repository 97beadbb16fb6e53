/** How many names stand in the words of a line; whoever wants all looks at its fields, or at the figures. */
const NAMES_SHOWN = 8;

/** Names for people, on one line: `a, b and 5 more`. */
export function listed(names: readonly string[]): string {
  const more = names.length - NAMES_SHOWN;
  return names.slice(0, NAMES_SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
