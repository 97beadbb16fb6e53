/** Every command of the documents, and by whom it is run. */
import { blocksOf, commandsOf, documents } from '../../helpers/documents.js';

/** Pages whose commands have a test of their own, which goes through the page. */
export const followed: Readonly<Record<string, string>> = {
  'docs/configuration.md': 'test/e2e/10.task-pages.test.ts',
  'docs/containers.md': 'test/e2e/11.containers.test.ts',
  'docs/control.md': 'test/105.control-page.test.ts',
  'docs/http.md': 'test/e2e/10.task-pages.test.ts',
  'docs/metrics.md': 'test/109.status-command.test.ts',
  'docs/monitoring.md': 'test/e2e/28.monitoring.test.ts',
  'docs/mysql.md': 'test/e2e/10.task-pages.test.ts',
  'docs/operating.md': 'test/e2e/23.operate.test.ts',
  'docs/postgresql.md': 'test/e2e/10.task-pages.test.ts',
  'docs/proxy-protocol.md': 'test/e2e/10.task-pages.test.ts',
  'docs/redis.md': 'test/e2e/10.task-pages.test.ts',
  'docs/services.md': 'test/e2e/10.task-pages.test.ts',
  'docs/status.md': 'test/109.status-command.test.ts',
  'docs/systemd.md': 'test/e2e/11.systemd.test.ts',
  'docs/troubleshooting.md': 'test/e2e/10.task-pages.test.ts',
  'docs/tuning.md': 'test/e2e/10.task-pages.test.ts',
};

/** What takes minutes, or would run this very test, by the file that runs the same. */
export const elsewhere: Readonly<Record<string, { file: string; says: string }>> = {
  'npm install spliceway': { file: 'scripts/package-test/install.js', says: "'install'" },
  'npx spliceway': { file: 'test/34.demo.test.ts', says: 'clients taking turns' },
  'npx spliceway --listen 127.0.0.1:5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307': {
    file: 'scripts/package-test/install.js',
    says: 'npx spliceway',
  },
  'npm start': { file: 'test/e2e/07.checkout.test.ts', says: 'npm start sets it up' },
  'npm test': { file: '.ci/run', says: 'npm test -- --all --no-skips' },
  'npm test -- --all': { file: '.ci/run', says: 'npm test -- --all --no-skips' },
  'npm test -- --only unit --no-skips': { file: '.ci/run', says: 'npm test -- --all' },
  'npm test -- --only addon': { file: '.ci/run', says: 'npm test -- --all' },
  'make -C test/native sanitize': { file: 'scripts/checks/cpp-tests.js', says: "'sanitize'" },
  'make -C test/native threads': { file: 'scripts/checks/cpp-tests.js', says: "'threads'" },
  'npm run simulate -- --faults': { file: 'scripts/checks/simulation.js', says: "'faults'" },
  'npm run soak -- --minutes 10': { file: 'scripts/verify/steps.js', says: "'soak'" },
  'npm run fuzz': { file: 'scripts/verify/steps.js', says: "'fuzz'" },
  'npm run fuzz -- --minutes 5': { file: 'scripts/verify/steps.js', says: "'fuzz'" },
  'npm run fuzz -- --minutes 30 --target schedule': {
    file: 'scripts/fuzz/fuzz.js',
    says: "name: 'schedule'",
  },
  'npm run verify': { file: '.ci/verify', says: 'npm run verify' },
  'npm run verify -- --background': {
    file: 'scripts/verify/verify.js',
    says: 'startInBackground()',
  },
  'npm run bench': { file: 'docs/BENCHMARKS.md', says: 'Written by `npm run bench`' },
  'npm run build:addon': { file: 'package.json', says: '"npm run build:addon && npm' },
  'npm run build:ts': { file: 'package.json', says: 'npm run build:addon && npm run build:ts"' },
  'npm run prebuilds': { file: 'scripts/checks/installed.js', says: "'prebuilds'" },
  'npm run prebuilds -- --twice': { file: 'scripts/verify/steps.js', says: "'--twice'" },
  'npm run package-test': { file: 'scripts/verify/steps.js', says: "'package-test'" },
  'npx esbuild app.mjs --bundle --platform=node --format=esm --outfile=dist/app.mjs': {
    file: 'scripts/package-test/tools.js',
    says: '--bundle --platform=node',
  },
  'cp -r node_modules/spliceway/prebuilds dist/': {
    file: 'scripts/package-test/tools.js',
    says: 'cpSync(prebuilds',
  },
  'spliceway --config balance.yaml --state /var/lib/spliceway/state.json': {
    file: 'test/104.state.test.ts',
    says: "'--state', state",
  },
  // In a network of its own: nobody changes that of the machine.
  'ip address add 10.0.1.21/24 dev eth0': {
    file: 'test/37.attackers.test.ts',
    says: 'ip address add $address dev',
  },
  'npm run pack': { file: 'scripts/package-test/package-test.js', says: 'await pack(' },
};

/** Instead of what takes long. */
export const shortened: Readonly<Record<string, string>> = {
  'npm run simulate': 'npm run simulate -- --seeds 200',
  'npm run simulate -- --seeds 1000000': 'npm run simulate -- --seeds 200',
  'npm run simulate -- --minutes 10': 'npm run simulate -- --minutes 0.02',
  'npm run simulate -- --sanitize': 'npm run simulate -- --sanitize --seeds 20',
  // Topics that take seconds.
  'npx vitest run test/14': 'npx vitest run test/02',
  'npx vitest run --config test/e2e/vitest.config.ts test/e2e/02':
    'npx vitest run --config test/e2e/vitest.config.ts test/e2e/03',
  // Of one seed, so that what comes of them is the same each time.
  'npm run transfers': 'npm run transfers -- --count 10 --seed 1',
  'npm run transfers -- --count 100': 'npm run transfers -- --count 10 --seed 2',
  'npm run transfers -- --count 10000 --json FILE':
    'npm run transfers -- --count 10 --seed 3 --json "$FOLDER/transfers.json"',
  'npm run transfers -- --engine native --transfer splice':
    'npm run transfers -- --engine native --transfer splice --count 10 --seed 4',
  // Its exit status says whether all has passed.
  'npm run verify -- --status': 'npm run verify -- --status | grep prebuilds',
  'npm run bench -- --quick':
    'npm run bench -- --quick --workload requests-50 --peer native --repetitions 1',
  'npm run bench -- --only policies':
    'npm run bench -- --only policies --repetitions 1 --seconds 1',
  'npm run bench -- --workload bulk-1 --peer native':
    'npm run bench -- --workload bulk-1 --peer native --repetitions 1 --seconds 1',
  'npm run bench -- --report bench-results/FILE.json':
    'npm run bench -- --report "$(ls -t bench-results/*.json | head -1)"',
};

export const record =
  'perf record --call-graph fp -- node --perf-basic-prof --interpreted-frames-native-stack dist/cli/main.js --config balance.yaml';
export const debug =
  'gdb --args node dist/cli/main.js --listen 127.0.0.1:5555 --backend 127.0.0.1:3306';
export const core = "gdb node core -ex 'thread apply all backtrace'";
export const variable = 'export SPLICEWAY_PREBUILD="$PWD/build/Release/spliceway.node"';
/** Those that change files of the checkout, or make it anew: in a clone, in this order. */
export const inClone = [
  'npm ci --ignore-scripts && npm run build',
  'npm run docs:api',
  'npm test -- --only lint --fix',
  'npm test -- --changed',
  'npx changeset status',
  'npx changeset version',
  'npm install --package-lock-only',
  'npm run release:check -- v1.2.3',
  "git commit --all --message 'release: 1.2.3'",
  'git tag v1.2.3',
  'git push origin main v1.2.3',
  "CXXFLAGS='-g -O2 -fno-omit-frame-pointer' npm run build",
  record,
  'perf report --no-children',
  "CXXFLAGS='-g -O1 -fno-omit-frame-pointer' npm run build",
  debug,
  'ulimit -c unlimited',
  core,
  'npm ci --ignore-scripts && npm run build:addon',
  variable,
  'npx spliceway doctor',
];

/** Those of all documents but the pages above. */
export const commands: readonly string[] = [
  ...new Set(
    documents
      .filter((document) => followed[document] === undefined)
      .flatMap((document) => blocksOf(document, 'sh').flatMap(commandsOf)),
  ),
];
