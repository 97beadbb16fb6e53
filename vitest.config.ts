/** Unit and behaviour tests. The end-to-end tests have a configuration of their own, test/e2e/vitest.config.ts. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: 'test',
    include: ['**/*.test.ts'],
    exclude: ['**/e2e/**'],
    // Tests count the descriptors of their process, so each file needs one to itself.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
