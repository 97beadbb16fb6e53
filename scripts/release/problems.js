/** What keeps a commit from being released. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Stands for the repository's address, wherever people are sent to it: nobody can own a name that ends so (RFC 2606). */
const placeholder = 'repository.example';
/** Where people are sent to it. */
const places = ['package.json', 'docs/SECURITY.md', '.github/ISSUE_TEMPLATE/config.yml'];

/**
 * @param {string} checkout its folder
 * @param {string} tag the name of the release, as `v1.2.3`
 * @returns {string[]} each with what to do; none where it may be released
 */
export function problems(checkout, tag) {
  /** @param {...string} parts */
  const read = (...parts) => readFileSync(path.join(checkout, ...parts), 'utf8');
  const { version, repository, homepage, bugs } = JSON.parse(read('package.json'));
  const lock = JSON.parse(read('package-lock.json'));
  const [, heading = 'nothing'] = /^## (.*)$/m.exec(read('CHANGELOG.md')) ?? [];
  const waiting = readdirSync(path.join(checkout, '.changeset')).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );
  const found = [];
  if (waiting.length > 0) {
    found.push(`.changeset/ still has ${waiting.join(', ')}: npx changeset version takes them in`);
  }
  if (version.includes('-')) {
    found.push(`${version} is a pre-release, and only releases are published`);
  }
  if (tag !== `v${version}`) {
    found.push(
      `the tag is ${tag || 'missing'} and package.json says ${version}: tag it v${version}`,
    );
  }
  if (lock.version !== version) {
    found.push(`package-lock.json says ${lock.version}: npm install --package-lock-only`);
  }
  if (!new RegExp(`^${version.replaceAll('.', '\\.')}, \\d{4}-\\d\\d-\\d\\d$`).test(heading)) {
    found.push(
      `CHANGELOG.md begins with "${heading}": write ${version} and the day, as 2026-01-31`,
    );
  }
  if (repository === undefined) {
    found.push('package.json names no repository, without which npm attests no provenance');
  }
  if (homepage === undefined) {
    found.push('package.json names no homepage, where people read what it is');
  }
  if (bugs?.url === undefined) {
    found.push('package.json names no bugs.url, where people are asked to report');
  }
  for (const place of places) {
    if (!existsSync(path.join(checkout, place))) {
      found.push(`${place} is missing, where people look for the place of their reports`);
    } else if (read(place).includes(placeholder)) {
      found.push(`${placeholder} stands in ${place}: write the repository's address`);
    }
  }
  return found;
}
