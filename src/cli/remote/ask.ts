/** Questions to whoever sits at the terminal. */
import { createInterface } from 'node:readline/promises';
import { plain } from './terminal.js';

/** Whether somebody is there to be asked. */
export const isAnswered = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

/** @returns one of the names; `undefined` where nobody answers, or answers otherwise */
export async function choose(
  question: string,
  names: readonly string[],
): Promise<string | undefined> {
  if (!isAnswered()) return undefined;
  const lines = names.map((name, index) => `  ${index + 1}  ${plain(name)}`);
  const answer = await answerTo(`${question}\n${lines.join('\n')}\nNumber or name: `);
  return names.find((name) => name === answer) ?? names[Number(answer) - 1];
}

/** @returns whether the answer is yes */
export async function confirm(question: string): Promise<boolean> {
  const answer = await answerTo(`${question} [y/N] `);
  return /^y(es)?$/i.test(answer);
}

/** On standard error: what is printed stays what was asked for. */
async function answerTo(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const ended = new Promise<undefined>((resolve) =>
      terminal.once('close', () => resolve(undefined)),
    );
    const answer = await Promise.race([terminal.question(question), ended]);
    // Nobody has pressed Enter: what comes next begins on a line of its own.
    if (answer === undefined) process.stderr.write('\n');
    return (answer ?? '').trim();
  } finally {
    terminal.close();
  }
}
