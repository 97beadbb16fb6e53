/** What has no one right outcome, or takes too long for each change; each step is a command that can be had by itself. */

/**
 * @typedef {object} VerifyStep
 * @property {string} name
 * @property {string} title
 * @property {'machines' | 'seeds' | 'alone'} lane steps of a lane run one after the other, and lanes side by side; what
 *   is alone comes when all others have ended
 * @property {() => string[]} command of npm: `run NAME -- ARGS`
 */

/** Seeds that nobody has run before. */
const newSeed = () => String(Date.now());

/** The package has the addons in it, so it comes behind them. @type {readonly VerifyStep[]} */
export const steps = [
  {
    name: 'prebuilds',
    title: 'The addons for all machines, built twice',
    lane: 'machines',
    command: () => ['run', 'prebuilds', '--', '--twice'],
  },
  {
    name: 'packages',
    title: 'The package on every Node, with npm and pnpm; emulated arm64, and musl',
    lane: 'machines',
    command: () => ['run', 'package-test'],
  },
  {
    name: 'schedules',
    title: 'Five minutes of new schedules on the simulated kernel',
    lane: 'seeds',
    command: () => ['run', 'simulate', '--', '--minutes', '5', '--from', newSeed()],
  },
  {
    name: 'sanitized',
    title: 'Three minutes of new schedules under the sanitizers',
    lane: 'seeds',
    command: () => ['run', 'simulate', '--', '--sanitize', '--minutes', '3', '--from', newSeed()],
  },
  {
    name: 'fuzz',
    title: 'Five minutes of fuzzing',
    lane: 'seeds',
    command: () => ['run', 'fuzz', '--', '--minutes', '5'],
  },
  {
    name: 'transfers',
    title: 'Thousands of random transfers between namespaces',
    lane: 'machines',
    command: () => ['run', 'transfers', '--', '--count', '3000', '--seed', newSeed()],
  },
  {
    name: 'soak',
    title: 'Ten minutes in which nearly everything goes wrong',
    lane: 'alone',
    command: () => ['run', 'soak', '--', '--minutes', '10'],
  },
];
