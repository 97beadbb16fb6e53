/** What completes command lines in shells. */
export type { RootCommand as Completion } from '@bomb.sh/tab';
export { default as commanderCompletion } from '@bomb.sh/tab/commander';
