/**
 * `spliceway demo`, and `spliceway` alone: three small backends of its own, a proxy before them, a few clients that show how
 * they take turns, and then others for as long as it runs, for its page. It stays up, so that anyone can connect to it as well.
 */
import type { ProxyConfig } from '../config/types.js';
import { openStatus, parsePlace } from '../control/status/create.js';
import type { StatusAddress } from '../control/status/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Address } from '../model/address.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { ask, EchoBackend, firstListener } from './demo-peers.js';
import { DemoTraffic } from './demo-traffic.js';
import { configFromFlags, type ServeFlags } from './flags.js';
import { formatFigures, LiveLine } from './live-line.js';
import { createLogger, type Logger } from './log.js';
import { explainOtherSignals } from './other-signals.js';
import { print } from './output.js';
import { Announcer, startProxy, stopOnSignal } from './run.js';
import { StateFile } from './state-file.js';
import { StopSignals } from './stop-signals.js';

const DEFAULT_LISTENER = '127.0.0.1:5555';
const NAMES = ['A', 'B', 'C'] as const;
/** A free port: another demonstration may run. */
const STATUS = '127.0.0.1:0';
const CLIENTS = 4;
const TICK_MS = 1000;
/** The backends answer any line. One that fails resets whoever connects. */
const HEALTH = {
  type: 'tcp',
  send: 'are you well?\n',
  expect: 'backend',
  interval: '1s',
} as const;

/**
 * Resolves when a signal has stopped it.
 *
 * @throws SplicewayError for wrong flags, and `ERR_SPLICEWAY_LISTEN` with how to choose another port
 */
export async function demo(flags: ServeFlags): Promise<void> {
  const backends = await Promise.all(NAMES.map((name) => EchoBackend.start(name)));
  const backend = backends.map(
    ({ address }, index) => `${address},name=${NAMES[index]?.toLowerCase()}`,
  );
  const config = configFromFlags(
    { listen: [DEFAULT_LISTENER], ...flags, backend },
    { health: HEALTH },
  );
  const log = createLogger(config.logLevel, config.logFormat);
  explainOtherSignals(log);
  const state = config.state === undefined ? undefined : new StateFile(config.state, log);
  const statusSocket = await openStatus(parsePlace({ address: STATUS }));
  const proxy = await startOrAdvise(config, log, state, [statusSocket.address]);
  state?.follow(proxy);
  const signals = new StopSignals();
  const status = statusSocket.serve(proxy, { name: 'demo' });

  print('A demonstration: backends A, B and C echo lines, and one address stands before them.\n');
  new Announcer().announce(proxy);
  print(`${verdict(await showTurns(proxy))}\n`);
  print(`${invitation(proxy, status)}\n`);

  const figures = new LiveLine(process.stdout);
  // On a line of its own, before the log tells of it.
  proxy.prependListener('backend', () => figures.end());
  const traffic = new DemoTraffic(proxy, backends.at(-1));
  const tick = (): void => {
    figures.show(formatFigures(proxy.stats(), NAMES));
    traffic.tick();
  };
  tick();
  const ticking = setInterval(tick, TICK_MS);
  const onStopping = (): void => {
    clearInterval(ticking);
    traffic.end();
    figures.end();
  };
  const drainMs = () => config.drainTimeoutMs;
  await stopOnSignal(proxy, { signals, drainMs, log, state, onStopping });
  for (const echo of backends) echo.close();
  await status.close();
}

/** @returns the name of the backend that each client was answered by, or nothing for one that was not */
async function showTurns(proxy: RunningProxy): Promise<(string | undefined)[]> {
  const turns = [];
  for (let client = 1; client <= CLIENTS; client++) {
    try {
      const answer = await ask(proxy, `hello from client ${client}`);
      print(`  client ${client}: ${answer}\n`);
      turns.push(NAMES.find((name) => answer.startsWith(`backend ${name}: `)));
    } catch (error) {
      print(`  client ${client}: no answer: ${(error as Error).message}\n`);
      turns.push(undefined);
    }
  }
  return turns;
}

/** What the clients' answers, in their order, amount to. */
export function verdict(turns: readonly (string | undefined)[]): string {
  const unanswered = turns.filter((name) => name === undefined).length;
  if (unanswered > 0) return `${unanswered} of ${turns.length} clients got no answer: see the log.`;
  // Clients of other programs may come in between, so that two of these meet the same backend.
  const alternate = turns.every((name, client) => client === 0 || name !== turns[client - 1]);
  return alternate ? 'They took turns.' : 'All were answered, though not in strict turns.';
}

async function startOrAdvise(
  config: ProxyConfig,
  log: Logger,
  state: StateFile | undefined,
  reserved: readonly Address[],
): Promise<RunningProxy> {
  try {
    return await startProxy(config, log, state, reserved);
  } catch (error) {
    if (!(error instanceof SplicewayError) || error.code !== 'ERR_SPLICEWAY_LISTEN') throw error;
    const advice = [
      'to choose another address for the demonstration:',
      `  ${commandLine('demo --listen 127.0.0.1:6000')}`,
      'or for your own servers:',
      `  ${commandLine('--listen 127.0.0.1:6000 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307')}`,
    ];
    throw new SplicewayError(error.code, [error.message, ...advice].join('\n'), { cause: error });
  }
}

function invitation(proxy: RunningProxy, { url }: StatusAddress): string {
  const target = firstListener(proxy);
  const nc = 'path' in target ? `nc -U ${target.path}` : `nc ${target.host} ${target.port}`;
  const example = '--listen 127.0.0.1:5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307';
  return [
    `See how it is:  ${url}`,
    'Clients come and go. Backend C fails for 15 seconds of each minute, and recovers.',
    `Try it yourself, a line at a time:  ${nc}`,
    'Point it at real servers:',
    `  ${commandLine(example)}`,
    'Ctrl+C stops it.',
  ].join('\n');
}

/** How this very program was started, with other arguments. */
function commandLine(flags: string): string {
  const byNpm = process.env.npm_lifecycle_event === 'start';
  return `${byNpm ? 'npm start --' : 'spliceway'} ${flags}`;
}
