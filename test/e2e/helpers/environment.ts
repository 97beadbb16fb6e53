/** Environments for programs that must not notice who started them. */

/** Without what npm and vitest, which may be running these tests, tell their children about themselves. */
export function outsideNpm(): NodeJS.ProcessEnv {
  const own =
    /^npm_(?!config_(cache|registry|nodedir|https?_proxy|proxy|cafile)$)|^(INIT_CWD|NODE_ENV|VITEST)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.test(name)));
}
