/** `spliceway status`: what a balancer does, at a glance. */
import type { ControlClient } from '../../control/client.js';
import type {
  ControlBackend,
  ControlListener,
  ControlPool,
  ControlStatus,
} from '../../control/types.js';
import { SplicewayError } from '../../errors/catalogue.js';
import { listed } from '../../model/listed.js';
import { formatBytes } from '../live-line.js';
import { ExitStatus } from '../status.js';
import { sayJson, sayLines, summaryOf } from './say.js';
import { healthOf, poolsWithoutBackend } from './state.js';
import { type Cell, type Column, tableOf } from './table.js';
import { paint, plain, type Styled, widthOf } from './terminal.js';
import { formatAge, formatCount } from './words.js';

/** @returns failure where a pool has no backend to pick, or the balancer stops */
export async function status(
  client: ControlClient,
  { json = false }: { json?: boolean },
): Promise<ExitStatus> {
  const told = await client.status();
  const file = await fileOf(client, told);
  const lacking = poolsWithoutBackend(told);
  const { differs: fileDiffers, problem: fileProblem } = file;
  if (json) sayJson({ ...told, fileDiffers, fileProblem, poolsWithoutBackend: lacking });
  else sayLines(linesOf(told, file, lacking));
  return lacking.length === 0 && !told.isStopping ? ExitStatus.clean : ExitStatus.failure;
}

/** How the file stands to what runs. */
interface FileState {
  /** `undefined` where there is no file, or nobody can tell. */
  readonly differs: boolean | undefined;
  /** For people; `undefined` where there is no file. */
  readonly words: string | undefined;
  /** Why a reload would be refused. */
  readonly problem?: string;
}

async function fileOf(client: ControlClient, { file }: ControlStatus): Promise<FileState> {
  if (file === undefined) return { differs: undefined, words: undefined };
  try {
    const result = await client.compareFile();
    const { added, removed, changed } = result;
    if (added.length + removed.length + changed.length === 0) {
      return { differs: false, words: `${file} is what runs` };
    }
    const words = `${file} is not what runs; a reload would have ${summaryOf(result)}`;
    return { differs: true, words };
  } catch (error) {
    if (!(error instanceof SplicewayError)) throw error;
    const [first = ''] = error.message.split('\n');
    const isOfFile = error.code === 'ERR_SPLICEWAY_CONFIG_FILE';
    return {
      differs: isOfFile ? true : undefined,
      words: `${file}: a reload would be refused: ${first}`,
      problem: error.message,
    };
  }
}

function linesOf(told: ControlStatus, file: FileState, lacking: readonly string[]): string[] {
  const width = widthOf(process.stdout);
  const { listeners, backends, pools } = told;
  return [
    ...headOf(told),
    ...(file.words === undefined
      ? []
      : [paint({ text: plain(file.words), style: file.differs === false ? 'dim' : 'yellow' })]),
    ...lacking.map((pool) =>
      paint({ text: plain(`pool ${pool} has no backend to pick`), style: 'red' }),
    ),
    '',
    ...tableOf(
      listenerColumns,
      listeners.map((listener) => listenerRow(listener, told.isStopping)),
      width,
    ),
    '',
    ...tableOf(backendColumns, backends.map(backendRow), width),
    ...queueLines(pools),
    ...overrideNote(backends),
  ];
}

function headOf({ name, version, pid, since, isStopping, ...told }: ControlStatus): string[] {
  const { engine, generation, sessions, bytes } = told;
  const age = formatAge(Date.now() - since);
  const stopping = isStopping
    ? [paint({ text: 'it stops, and takes no more clients', style: 'red' })]
    : [];
  const figures = [
    `${formatCount(sessions.open)} open`,
    `${formatCount(sessions.opened)} since the start`,
    ...(sessions.failed > 0 ? [`${formatCount(sessions.failed)} failed`] : []),
    ...(sessions.rejected > 0 ? [`${formatCount(sessions.rejected)} rejected`] : []),
  ];
  return [
    `${paint({ text: plain(name), style: 'bold' })}: spliceway ${plain(version)}, ${plain(engine.name)} engine, process ${pid}, up ${age}, generation ${generation}`,
    `sessions: ${figures.join(', ')}; ${formatBytes(bytes.upstream)} in, ${formatBytes(bytes.downstream)} out`,
    ...stopping,
  ];
}

const listenerColumns: readonly Column[] = [
  { title: 'LISTENER', least: 12, isName: true },
  { title: 'ADDRESS', least: 21, rank: 1, isName: true },
  { title: 'STATE' },
  { title: 'OPEN', isRight: true },
  { title: 'OPENED', isRight: true, rank: 2 },
  { title: 'REJECTED', isRight: true, rank: 4 },
  { title: 'FAILED', isRight: true, rank: 3 },
  { title: 'IN', isRight: true, rank: 5 },
  { title: 'OUT', isRight: true, rank: 5 },
];

function listenerRow(listener: ControlListener, isStopping: boolean): Cell[] {
  const { name, address, isPaused, maxSessions, open, opened, rejected, failed } = listener;
  const limit = maxSessions === undefined ? '' : `/${formatCount(maxSessions)}`;
  return [
    name,
    address,
    stateOf(isPaused, isStopping),
    formatCount(open) + limit,
    formatCount(opened),
    formatCount(rejected),
    formatCount(failed),
    formatBytes(listener.bytesUpstream),
    formatBytes(listener.bytesDownstream),
  ];
}

function stateOf(isPaused: boolean, isStopping: boolean): Styled {
  if (isStopping) return { text: 'closed', style: 'red' };
  return isPaused ? { text: 'paused', style: 'yellow' } : { text: 'accepting', style: 'green' };
}

const backendColumns: readonly Column[] = [
  { title: 'BACKEND', least: 24, isName: true },
  { title: 'ADDRESS', least: 21, rank: 9, isName: true },
  { title: 'STATE' },
  { title: 'HEALTH' },
  { title: 'SINCE', isRight: true, rank: 8 },
  { title: 'WEIGHT', isRight: true, rank: 3 },
  { title: 'OPEN', isRight: true, rank: 1 },
  { title: 'OPENED', isRight: true, rank: 4 },
  { title: 'FAILED', isRight: true, rank: 5 },
  { title: 'IN', isRight: true, rank: 7 },
  { title: 'OUT', isRight: true, rank: 7 },
  { title: 'WHY', least: 16, rank: 2 },
];

function backendRow(backend: ControlBackend): Cell[] {
  const { pool, name, address, state, health, weight, maxSessions, open, override } = backend;
  const isSet = (key: keyof NonNullable<typeof override>) =>
    override?.[key] === undefined ? '' : '*';
  const limit = maxSessions === undefined ? '' : `/${formatCount(maxSessions)}`;
  const told = healthOf(backend);
  return [
    `${pool}/${name}`,
    address,
    { text: state + isSet('state'), style: state === 'ready' ? undefined : 'yellow' },
    { text: told.text + isSet('health'), style: told.style },
    formatAge(Date.now() - health.since),
    weight + isSet('weight'),
    formatCount(open) + limit + isSet('maxSessions'),
    formatCount(backend.opened),
    formatCount(backend.failed),
    formatBytes(backend.bytesUpstream),
    formatBytes(backend.bytesDownstream),
    health.status === 'up' ? '' : health.reason,
  ];
}

function queueLines(pools: readonly ControlPool[]): string[] {
  const waiting = pools.filter(({ queue }) => queue.length > 0);
  if (waiting.length === 0) return [];
  const parts = waiting.map(({ name, queue }) => `${formatCount(queue.length)} for pool ${name}`);
  return ['', plain(`clients that wait for a place: ${listed(parts)}`)];
}

function overrideNote(backends: readonly ControlBackend[]): string[] {
  if (!backends.some(({ override }) => override !== undefined)) return [];
  return ['', '* was set by hand; spliceway reset takes it back'];
}
