/** Unit and behaviour tests. The end-to-end tests have a configuration of their own, test/e2e/vitest.config.ts. */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Those that read, compute and start programs, but leave nothing in their own process: they share one. */
const shareable = ['0[1-6]', '0[89]', '2[27]', '4[5-9]', '5[02]'].map((topic) => `**/${topic}.*`);

const common = {
  dir: 'test',
  exclude: ['**/e2e/**'],
  globalSetup: ['test/helpers/runtime-folder.ts'],
  // Only what never comes takes so long.
  testTimeout: 180_000,
  hookTimeout: 180_000,
};

export default defineConfig({
  test: {
    // Most of them wait most of their time.
    maxWorkers: availableParallelism() + 1,
    pool: 'forks',
    projects: [
      {
        test: { ...common, name: 'shared', include: shareable, isolate: false },
      },
      {
        // Tests count the descriptors of their process, so each file needs one to itself.
        test: {
          ...common,
          name: 'alone',
          include: ['**/*.test.ts'],
          exclude: [...common.exclude, ...shareable],
        },
      },
    ],
  },
});
