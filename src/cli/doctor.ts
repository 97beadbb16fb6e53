/** `spliceway doctor`: what this machine allows, and how balancers do that run here, a line a fact. */
import { arch, release, type as systemName } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { loadAddon } from '../engine/native/addon.js';
import type { NativeBinding } from '../engine/native/binding.js';
import { type Fact, linesOf } from './doctor/facts.js';
import { explainRunning } from './doctor/running.js';
import { formatBytes } from './live-line.js';
import type { InstanceFlags } from './remote/instance.js';
import { sayLines } from './remote/say.js';
import { ExitStatus } from './status.js';
import { readSystemFacts, type SystemFacts } from './system.js';

/** Pages of a pipe as the kernel makes it: 16, since Linux 2.6.11; pipe(7). */
const PIPE_PAGES = 16;
/** Node opens the files of all modules at once; with fewer it ends before this program begins. */
const FILES_TO_START = 128;
const UNKNOWN = 'unknown';

/**
 * Prints the facts, and those of balancers that run.
 *
 * @param flags which balancer is meant; default: all of this machine
 * @returns clean when the native engine works here, be it by copying, else failure
 */
export async function doctor(flags: InstanceFlags): Promise<ExitStatus> {
  const addon = loadAddon();
  const spliceError = addon.ok ? addon.binding.trySplice() : undefined;
  const facts: Fact[] = [
    ['system', `${systemName()} ${release()} ${arch()}`],
    ['node', process.version],
    ['engine', describeChoice(addon)],
    ...describeAddon(addon),
    ['splice', describeSplice(spliceError)],
    ...describeSystem(readSystemFacts(), addon.ok && addon.binding.pacesUnlessTold()),
    ...(addon.ok ? describeBudget(addon.binding) : []),
    ['verdict', describeVerdict(spliceError)],
  ];
  sayLines(linesOf(facts));
  for (const running of await explainRunning(flags)) sayLines(['', ...linesOf(running)]);
  return addon.ok ? ExitStatus.clean : ExitStatus.failure;
}

function describeChoice(addon: ReturnType<typeof loadAddon>): string {
  return addon.ok
    ? 'auto chooses native: the addon loads'
    : `auto chooses stream, on Node's own sockets: ${addon.reason}`;
}

function describeAddon(addon: ReturnType<typeof loadAddon>): Fact[] {
  const chosen = process.env.SPLICEWAY_PREBUILD ? ', as SPLICEWAY_PREBUILD says' : '';
  if (addon.ok) return [['addon', `${addon.file}${chosen}`]];
  return [
    ['addon', 'none loaded'],
    ...addon.tried.map((file): Fact => ['', `tried ${file}${chosen}`]),
    ['', `to have it: ${addon.remedy}`],
  ];
}

/** @param error errno's number, 0 for success, or nothing where it could not be tried */
function describeSplice(error: number | undefined): string {
  if (error === undefined) return 'not tried: that takes the addon';
  if (error === 0) return 'works from socket to socket';
  return `refused with ${getSystemErrorName(-error)}: the engine would copy instead`;
}

/** @param spliceError as above */
function describeVerdict(spliceError: number | undefined): string {
  if (spliceError === undefined) return 'the native engine does not work here';
  return `the native engine works here${spliceError === 0 ? '' : ', by copying'}`;
}

/** @param paces TCP does, and the engine has it switched off where it can */
function describeSystem(facts: SystemFacts, paces: boolean): Fact[] {
  const { pageBytes } = facts;
  return [
    ['open files', describeFiles(facts.files)],
    ['pipe-max-size', facts.pipeMaxBytes === undefined ? UNKNOWN : formatBytes(facts.pipeMaxBytes)],
    ['pipe-user-pages-soft', describePages(facts.pipePagesSoft, pageBytes)],
    ['pipe-user-pages-hard', describePages(facts.pipePagesHard, pageBytes)],
    ['pipe budget', describePipes(facts)],
    ['ephemeral ports', describePorts(facts.ephemeralPorts)],
    ['somaxconn', describeCount(facts.somaxconn)],
    ['congestion control', describeCongestionControl(facts.congestionControl, paces)],
  ];
}

/** What the native engine allows itself within the limits of the kernel. */
function describeBudget(binding: NativeBinding): Fact[] {
  const { bytes: budget, pipes, maxSessions } = binding.pipeBudget();
  const bytes = formatBytes(budget);
  return [
    ['pipes to be used', `${pipes} at once at most, ${bytes} in all; past that it copies`],
    ['sessions', `${maxSessions} at once at most`],
  ];
}

function describeFiles(files: SystemFacts['files']): string {
  if (files === undefined) return UNKNOWN;
  return `${describeCount(files.soft)} soft, ${describeCount(files.hard)} hard; a session takes two, the start ${FILES_TO_START}`;
}

function describePages(pages: number | undefined, pageBytes: number): string {
  if (pages === undefined) return UNKNOWN;
  return pages === 0 ? '0, unlimited' : `${pages}, ${formatBytes(pages * pageBytes)}`;
}

/** Past the soft limit the kernel makes tiny pipes, which are slow: that is where the budget ends. */
function describePipes({ pipePagesSoft, pipesUnlimited, pageBytes }: SystemFacts): string {
  if (pipePagesSoft === undefined) return UNKNOWN;
  const each = `pipes of ${formatBytes(PIPE_PAGES * pageBytes)}`;
  if (pipesUnlimited) return `${each} without limit: this user is exempt`;
  if (pipePagesSoft === 0) return `${each} without limit`;
  const pipes = Math.floor(pipePagesSoft / PIPE_PAGES);
  return `${pipes} ${each} at once, over all processes of this user`;
}

function describePorts(ports: SystemFacts['ephemeralPorts']): string {
  if (ports === undefined) return UNKNOWN;
  const [first, last] = ports;
  return `${first} to ${last}, ${last - first + 1} connections to one backend address`;
}

function describeCount(number: number | undefined): string {
  if (number === undefined) return UNKNOWN;
  return Number.isFinite(number) ? String(number) : 'unlimited';
}

function describeCongestionControl(name: string | undefined, paces: boolean): string {
  if (name === undefined) return UNKNOWN;
  return paces
    ? `${name}, which paces; not to backends at loopback addresses, nor to clients of listeners bound to one`
    : name;
}
