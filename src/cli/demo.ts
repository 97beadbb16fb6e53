/**
 * What runs when no backend is named: two small backends of its own, a proxy before them, and a few
 * clients that show how they take turns. It stays up, so that anyone can connect to it as well.
 */
import { parseOptions } from '../config/schema.js';
import type { ProxyConfig } from '../config/types.js';
import { SplicewayError } from '../errors.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { ask, EchoBackend } from './demo-peers.js';
import { type ServeFlags, settingsFromFlags } from './flags.js';
import { formatFigures, LiveLine } from './live-line.js';
import type { Logger } from './log.js';
import { announce, startProxy, stopOnSignal } from './run.js';
import { StopSignals } from './stop-signals.js';

const DEFAULT_LISTENER = '127.0.0.1:5555';
const NAMES = ['A', 'B'] as const;
const CLIENTS = 4;
const TICK_MS = 1000;

/**
 * Resolves when a signal has stopped it.
 *
 * @throws SplicewayError for wrong flags, and `ERR_SPLICEWAY_LISTEN` with how to choose another port
 */
export async function demo(flags: ServeFlags, drainMs: number, log: Logger): Promise<void> {
  const settings = settingsFromFlags(flags);
  const backends = await Promise.all(NAMES.map((name) => EchoBackend.start(name)));
  const pool = backends.map((backend) => backend.address);
  const options = { listen: flags.listen ?? DEFAULT_LISTENER, backends: pool };
  const proxy = await startOrAdvise({ ...parseOptions(options), ...settings }, log);
  const signals = new StopSignals();

  print('A demonstration: backends A and B echo lines, and one address stands before them.');
  announce(proxy);
  await showTurns(proxy);
  print(invitation(proxy));

  const figures = new LiveLine(process.stdout);
  const tick = (): void => {
    figures.show(formatFigures(proxy.stats(), NAMES));
    // A client a second keeps the figures moving.
    ask(proxy, 'still there?').catch((error: Error) => log.debug(`demo client: ${error.message}`));
  };
  tick();
  const ticking = setInterval(tick, TICK_MS);
  const onStopping = (): void => {
    clearInterval(ticking);
    figures.end();
  };
  await stopOnSignal(proxy, { signals, drainMs, log, onStopping });
  for (const backend of backends) backend.close();
}

async function showTurns(proxy: RunningProxy): Promise<void> {
  for (let client = 1; client <= CLIENTS; client++) {
    try {
      print(`  client ${client}: ${await ask(proxy, `hello from client ${client}`)}`);
    } catch (error) {
      print(`  client ${client}: no answer: ${(error as Error).message}`);
    }
  }
}

async function startOrAdvise(config: ProxyConfig, log: Logger): Promise<RunningProxy> {
  try {
    return await startProxy(config, log);
  } catch (error) {
    if (!(error instanceof SplicewayError) || error.code !== 'ERR_SPLICEWAY_LISTEN') throw error;
    const advice = [
      'to choose another address for the demonstration:',
      `  ${commandLine('--listen 127.0.0.1:6000')}`,
      'or for your own servers:',
      `  ${commandLine('--listen 127.0.0.1:6000 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307')}`,
    ];
    throw new SplicewayError(error.code, [error.message, ...advice].join('\n'), { cause: error });
  }
}

function invitation(proxy: RunningProxy): string {
  const [listener] = proxy.addresses();
  const lines = ['They took turns.'];
  if (listener !== undefined && listener.family !== 'unix') {
    lines.push(`Try it yourself, a line at a time:  nc localhost ${listener.port}`);
  }
  const example = '--listen 127.0.0.1:5555 --backend 127.0.0.1:3306 --backend 127.0.0.1:3307';
  lines.push('Point it at real servers:', `  ${commandLine(example)}`, 'Ctrl+C stops it.');
  return lines.join('\n');
}

/** How this very program was started, with other arguments. */
function commandLine(flags: string): string {
  const byNpm = process.env.npm_lifecycle_event === 'start';
  return `${byNpm ? 'npm start --' : 'spliceway'} ${flags}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
