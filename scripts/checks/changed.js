/** What has changed in this checkout, for `npm test -- --changed`. */
import { run } from '../lib/run.js';

/** @param {...string} args @returns {Promise<string[] | undefined>} lines; nothing where git says no */
async function git(...args) {
  const { status, output } = await run('git', args);
  if (status !== 0) return undefined;
  return output.split('\n').filter((line) => line !== '');
}

/**
 * What is not committed, and the commits that the branch's upstream lacks. Where there is neither, the last commit.
 *
 * @throws {Error} outside of a git checkout
 * @returns {Promise<string[]>} paths in the checkout, also of what was deleted
 */
export async function changedFiles() {
  const [base = 'HEAD'] = (await git('merge-base', 'HEAD', '@{upstream}')) ?? [];
  const tracked = await git('diff', '--name-only', base);
  const untracked = await git('ls-files', '--others', '--exclude-standard');
  if (tracked === undefined || untracked === undefined) {
    throw new Error('--changed asks git, and this is no checkout of it.');
  }
  if (tracked.length + untracked.length > 0) return [...tracked, ...untracked];
  const last = await git('diff', '--name-only', 'HEAD~1', 'HEAD');
  if (last === undefined) {
    throw new Error('--changed finds no commit before the last one: fetch more of the history.');
  }
  return last;
}
