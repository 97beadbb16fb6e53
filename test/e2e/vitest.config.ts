/** End-to-end tests: whole programs, some under load, so a few files at a time, with time to spare. */
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    globalSetup: ['test/helpers/runtime-folder.ts'],
    maxWorkers: availableParallelism(),
    // Only what never comes takes so long.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
