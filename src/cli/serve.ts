/** `spliceway serve`: runs a proxy until a signal asks it to stop. */
import { addressesOf } from '../config/services.js';
import { configFromFlags, type ServeFlags } from './flags.js';
import { createLogger } from './log.js';
import { explainOtherSignals } from './other-signals.js';
import { announce, startProxy, stopOnSignal } from './run.js';
import { ServiceManager, warnOfUnusedSockets } from './service-manager.js';
import { endAsProcessOne, StopSignals } from './stop-signals.js';

/**
 * Resolves when the proxy has stopped after a signal.
 *
 * @throws SplicewayError for wrong flags or a wrong file, and when the proxy cannot start
 */
export async function serve(flags: ServeFlags): Promise<void> {
  const config = configFromFlags(flags);
  const log = createLogger(config.logLevel, config.logFormat);
  explainOtherSignals(log);
  const endEarly = endAsProcessOne();
  const proxy = await startProxy(config, log);
  endEarly.cancel();
  // Not before: a start that hangs, in a name server say, can be interrupted as any program can.
  const signals = new StopSignals();
  announce(proxy);
  const manager = new ServiceManager(log);
  manager.ready(proxy);
  warnOfUnusedSockets(addressesOf(config), log);
  const onStopping = (): void => manager.stopping(proxy);
  await stopOnSignal(proxy, { signals, drainMs: config.drainTimeoutMs, log, onStopping });
}
