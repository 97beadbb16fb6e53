/** The fenced blocks of this project's documents, for tests that do what they say. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Block {
  /** The word behind the fence: sh, ts, yaml, nginx, text. Empty when there is none. */
  readonly kind: string;
  readonly text: string;
}

/** README.md and each page of docs/, by their path in the repository. */
export const documents: readonly string[] = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export function readDocument(document: string): string {
  return readFileSync(path.join(root, document), 'utf8');
}

/** @returns the blocks in their order; of one kind, when that is given */
export function blocksOf(document: string, kind?: string): Block[] {
  return [...readDocument(document).matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .map(([, word = '', text = '']) => ({ kind: word, text }))
    .filter((block) => kind === undefined || block.kind === kind);
}

/** The commands of a block, without comments; a line that ends in a backslash goes on in the next one. */
export function commandsOf({ text }: Block): string[] {
  return text
    .replaceAll('\\\n', '')
    .split('\n')
    .map((line) => line.replace(/(^|\s+)#.*$/, ''))
    .filter((line) => line !== '');
}
