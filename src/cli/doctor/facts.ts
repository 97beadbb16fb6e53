/** What doctor prints: a line a fact. */
export type Fact = readonly [label: string, value: string];

/** The label of what somebody should do something about. */
export const TO_DO = '!';

/** Lines whose values stand below each other. */
export function linesOf(facts: readonly Fact[]): string[] {
  const width = Math.max(...facts.map(([label]) => label.length));
  return facts.map(([label, value]) => `${label.padEnd(width)}  ${value}`);
}
