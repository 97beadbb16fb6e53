// Which folder of src may use which. Arrows run one way; docs/ARCHITECTURE.md draws them.

/** Files that every folder may use. */
const shared = ['vendor/', 'timers.ts', 'version.ts', 'policy/plan.ts'];

/** @type {Record<string, readonly string[]>} */
const uses = {
  model: [],
  errors: ['model'],
  policy: ['errors', 'model'],
  config: ['policy', 'errors', 'model'],
  engine: ['errors', 'model'],
  pool: ['engine', 'policy', 'errors', 'model'],
  observe: ['pool', 'engine', 'errors', 'model'],
  session: ['pool', 'engine', 'policy', 'errors', 'model'],
  entrance: ['session', 'observe', 'pool', 'engine', 'errors', 'model'],
  proxy: [
    'entrance',
    'session',
    'observe',
    'pool',
    'engine',
    'policy',
    'config',
    'errors',
    'model',
  ],
  control: ['proxy', 'entrance', 'session', 'observe', 'engine', 'config', 'errors', 'model'],
  cli: [
    'control',
    'proxy',
    'entrance',
    'session',
    'observe',
    'engine',
    'policy',
    'config',
    'errors',
    'model',
  ],
};

const directions = Object.entries(uses).map(([folder, others]) => ({
  name: `${folder}-uses-what-is-below`,
  severity: 'error',
  comment: `src/${folder} may use ${others.join(', ') || 'no other folder'}; see .config/dependency-cruiser.js`,
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: `^src/(${[folder, ...others].map((name) => `${name}/`).join('|')}|${shared.join('|')})`,
  },
}));

export default {
  forbidden: [
    ...directions,
    {
      name: 'known-folders',
      severity: 'error',
      comment: 'a folder of src that has no place among the arrows; give it one',
      from: {
        path: '^src/[^/]+/',
        pathNot: `^src/(${[...Object.keys(uses), 'vendor'].join('|')})/`,
      },
      to: {},
    },
    {
      name: 'no-circle',
      severity: 'error',
      comment: 'files that need each other are one thing, or a third one is missing',
      from: {},
      // Types alone may refer to each other: nothing of them is left when the program runs.
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
