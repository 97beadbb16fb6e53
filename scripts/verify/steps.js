/** What has no one right outcome, or takes too long for each change; each step is a command that can be had by itself. */

/**
 * @typedef {object} VerifyStep
 * @property {string} name
 * @property {string} title
 * @property {() => string[]} command of npm: `run NAME -- ARGS`
 */

/** Seeds that nobody has run before. */
const newSeed = () => String(Date.now());

/** Quick ones first: the sooner a mistake shows, the better. @type {readonly VerifyStep[]} */
export const steps = [
  {
    name: 'prebuilds',
    title: 'The addons for all machines, built twice',
    command: () => ['run', 'prebuild', '--', '--twice'],
  },
  {
    name: 'packages',
    title: 'The package on every Node, with npm and pnpm; emulated arm64, and musl',
    command: () => ['run', 'package-test'],
  },
  {
    name: 'schedules',
    title: 'Five minutes of new schedules on the simulated kernel',
    command: () => ['run', 'simulate', '--', '--minutes', '5', '--from', newSeed()],
  },
  {
    name: 'sanitized',
    title: 'Three minutes of new schedules under the sanitizers',
    command: () => ['run', 'simulate', '--', '--sanitize', '--minutes', '3', '--from', newSeed()],
  },
  {
    name: 'fuzz',
    title: 'Six minutes of fuzzing',
    command: () => ['run', 'fuzz', '--', '--minutes', '6'],
  },
  {
    name: 'transfers',
    title: 'Thousands of random transfers between namespaces',
    command: () => ['run', 'transfers', '--', '--count', '3000', '--seed', newSeed()],
  },
  {
    name: 'soak',
    title: 'Ten minutes in which nearly everything goes wrong',
    command: () => ['run', 'soak', '--', '--minutes', '10'],
  },
];
