/** `spliceway serve`: runs a proxy until a signal asks it to stop. */
import { addressesOf } from '../config/services.js';
import { claimChosen, openControl } from './control.js';
import { controlPlace } from './control-place.js';
import { FileWatch } from './file-watch.js';
import { configFromFlags, type ServeFlags, sourceFromFlags } from './flags.js';
import { createLogger, type Logger } from './log.js';
import { explainOtherSignals } from './other-signals.js';
import { type ReloadEvents, Reloader } from './reload.js';
import { Announcer, startProxy, stopOnSignal } from './run.js';
import { ServiceManager, warnOfUnusedSockets } from './service-manager.js';
import { StateFile } from './state-file.js';
import { claimStatus, serveStatus } from './status-address.js';
import { endAsProcessOne, StopSignals } from './stop-signals.js';

/**
 * Resolves when the proxy has stopped after a signal.
 *
 * @throws SplicewayError for wrong flags or a wrong file, and when the proxy cannot start
 */
export async function serve(flags: ServeFlags): Promise<void> {
  const place = controlPlace(flags);
  const source = sourceFromFlags(flags);
  const config = source === undefined ? configFromFlags(flags) : source.read().config;
  const log = createLogger(config.logLevel, config.logFormat);
  const reloader = source?.isReadAgain ? new Reloader(source, config, log) : undefined;
  explainOtherSignals(log, reloader && (() => reloader.request()));
  const endEarly = endAsProcessOne();
  const state = config.state === undefined ? undefined : new StateFile(config.state, log);
  // Before anybody is served, and before the file of the state is touched: it may be that of a balancer which runs.
  const claimed = await claimChosen(place, log);
  const closeClaimed = async (error: unknown) => {
    await claimed?.close();
    throw error;
  };
  const statusSocket = await claimStatus(flags).catch(closeClaimed);
  const reserved = [claimed, statusSocket].flatMap((socket) => socket?.address ?? []);
  const proxy = await startProxy(config, log, state, reserved).catch(closeClaimed);
  endEarly.cancel();
  // Not before: a start that hangs, in a name server say, can be interrupted as any program can.
  const signals = new StopSignals();
  const open = async () => {
    const status = serveStatus(statusSocket, proxy, flags, log, reloader);
    return { status, control: await openControl(proxy, place, claimed, log, reloader) };
  };
  const { status, control } = await open().catch(async (error: unknown) => {
    await proxy.close();
    throw error;
  });
  // Not before: nothing keeps this one from running any more.
  state?.follow(proxy);
  const announcer = new Announcer();
  announcer.announce(proxy);
  const manager = new ServiceManager(log);
  manager.ready(proxy);
  warnOfUnusedSockets(addressesOf(config), log);
  const events: ReloadEvents = {
    onBegin: () => manager.reloading(),
    onDone: (outcome) => {
      if ('failed' in outcome) return;
      log.level = outcome.config.logLevel;
      announcer.announce(proxy);
    },
    onEnd: (outcome) => manager.reloaded(proxy, 'failed' in outcome ? outcome.failed : undefined),
  };
  reloader?.begin(proxy, events, reserved);
  const watch = reloader !== undefined && flags.watch ? watchFor(reloader, log) : undefined;
  const onStopping = (): void => {
    reloader?.end();
    watch?.close();
    manager.stopping(proxy);
  };
  const drainMs = () => (reloader?.config ?? config).drainTimeoutMs;
  await stopOnSignal(proxy, { signals, drainMs, log, state, onStopping });
  await control?.close();
  // To the end, probes are told that it stops.
  await status?.close();
}

function watchFor(reloader: Reloader, log: Logger): FileWatch {
  const { file } = reloader;
  return new FileWatch(file, {
    onChanged: () => reloader.fileChanged(),
    onGone: ({ code, message }) => {
      const what = code === 'ENOENT' ? 'there is no such file any more' : message;
      log.warn(`${file}: ${what}; the last good configuration runs on`);
    },
  });
}
