/** Has a running proxy follow its configuration file. */
import { isDeepStrictEqual } from 'node:util';
import type { ProxyOptions } from '../config/options.js';
import { parseOptions } from '../config/schema.js';
import { addressesOf } from '../config/services.js';
import type { SettingKey } from '../config/settings.js';
import { mayChange, settingKeys, settingOf, valueIn } from '../config/shapes.js';
import type { CommandConfig, ProxyConfig } from '../config/types.js';
import { allDifferences } from '../control/differences.js';
import type { LastReload } from '../control/status/types.js';
import type { ControlResult } from '../control/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Address } from '../model/address.js';
import { listed } from '../model/listed.js';
import type { Changes, UpdateResult } from '../model/update-result.js';
import type { ConfigSource, ReadConfig } from './config-source.js';
import type { Logger } from './log.js';
import { withOverlapHint } from './overlap.js';

/** What a reload needs of a proxy. */
export interface UpdatedProxy {
  readonly generation: number;
  readonly options: ProxyOptions;
  changesTo(config: ProxyConfig): Changes;
  updateConfig(config: ProxyConfig): Promise<UpdateResult>;
}

/** What a reload has led to: the configuration in effect, and what changed; or why it is not. */
export type ReloadOutcome =
  | { readonly config: CommandConfig; readonly result: UpdateResult }
  | { readonly failed: string; readonly error: unknown };

export interface ReloadEvents {
  onBegin(): void;
  /** In effect, or refused; its lines of the log come after this. */
  onDone(outcome: ReloadOutcome): void;
  /** Everything has been said. */
  onEnd(outcome: ReloadOutcome): void;
}

/** Why the file is read again. */
type Cause = 'asked' | 'file changed';

/** Somebody who wants to know what comes of the next reload. */
interface Waiter {
  resolve(result: UpdateResult): void;
  reject(error: unknown): void;
}

interface Running {
  readonly proxy: UpdatedProxy;
  readonly reserved: readonly Address[];
  readonly events: ReloadEvents;
}

/**
 * Reads the file again and applies it, whole or not at all. One reload at a time; who asks while one runs gets one more
 * after it.
 */
export class Reloader {
  readonly #source: ConfigSource;
  readonly #log: Logger;
  #config: CommandConfig;
  #running: Running | undefined;
  #isEnded = false;
  #wanted: Cause | undefined;
  #isBusy = false;
  readonly #waiters: Waiter[] = [];
  #compared: { readonly digest: string; readonly result: ControlResult } | undefined;
  #last: LastReload = { succeeded: true, succeededAt: Date.now() };

  /** @param config what the file said at the start */
  constructor(source: ConfigSource, config: CommandConfig, log: Logger) {
    this.#source = source;
    this.#config = config;
    this.#log = log;
  }

  /** The file that it reads. */
  get file(): string {
    return this.#source.file;
  }

  /** What came of the last reload. */
  get last(): LastReload {
    return this.#last;
  }

  /** The configuration in effect. */
  get config(): CommandConfig {
    return this.#config;
  }

  /**
   * From now on reloads take place, also one that somebody has asked for before.
   *
   * @param reserved where the process listens beside the listeners
   */
  begin(proxy: UpdatedProxy, events: ReloadEvents, reserved: readonly Address[]): void {
    this.#running = { proxy, events, reserved };
    void this.#run();
  }

  /** The proxy stops: what is under way has no more to say, and no reload comes after it. */
  end(): void {
    this.#running = undefined;
    this.#isEnded = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(stopping());
  }

  /** Asks for a reload. */
  request(): void {
    if (this.#isEnded) this.#log.warn('nothing is reloaded any more: spliceway is stopping');
    this.#wanted = 'asked';
    void this.#run();
  }

  /**
   * Asks for a reload, and answers when everything has been said of it.
   *
   * @throws SplicewayError as the configuration, the file and the proxy have it; `ERR_SPLICEWAY_CLOSED` when spliceway stops
   */
  reload(): Promise<UpdateResult> {
    if (this.#isEnded) return Promise.reject(stopping());
    const reloaded = new Promise<UpdateResult>((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
    this.#wanted = 'asked';
    void this.#run();
    return reloaded;
  }

  /**
   * What a reload would change now.
   *
   * @throws SplicewayError as `reload()`, for what is wrong with the file
   */
  compare(): ControlResult {
    const running = this.#running;
    if (running === undefined) throw stopping();
    const { generation } = running.proxy;
    const { digest, read } = this.#source.look();
    const last = this.#compared;
    // A file may have thousands of backends, and somebody may ask each second.
    if (last?.digest === digest && last.result.generation === generation) return last.result;
    const { config, positionOf } = read();
    checkFixed(this.#config, config, positionOf);
    const from = { ...this.#config, ...parseOptions(running.proxy.options) };
    const changes = { generation, ...running.proxy.changesTo(config) };
    const result = withOfCommand(this.#config, config, changes);
    const differences = allDifferences(from, config, result);
    this.#compared = { digest, result: { ...result, differences } };
    return this.#compared.result;
  }

  /** Asks for a reload if the text of the file is another one. */
  fileChanged(): void {
    this.#wanted ??= 'file changed';
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#wanted !== undefined && this.#running !== undefined) {
      const cause = this.#wanted;
      this.#wanted = undefined;
      await this.#reload(this.#running, cause);
    }
    this.#isBusy = false;
  }

  async #reload(running: Running, cause: Cause): Promise<void> {
    if (cause === 'file changed' && !this.#source.hasChanged()) return;
    running.events.onBegin();
    // Who asks from now on gets the next one.
    const waiters = this.#waiters.splice(0);
    const { outcome, say } = await this.#apply(running);
    const succeeded = !('failed' in outcome);
    const { succeededAt } = this.#last;
    this.#last = { succeeded, succeededAt: succeeded ? Date.now() : succeededAt };
    // The proxy stops meanwhile: what became of the file is of no interest any more.
    if (this.#running === running) {
      running.events.onDone(outcome);
      say();
      running.events.onEnd(outcome);
    }
    for (const waiter of waiters) {
      if ('failed' in outcome) waiter.reject(outcome.error);
      else waiter.resolve(outcome.result);
    }
  }

  async #apply({ proxy, reserved }: Running): Promise<{ outcome: ReloadOutcome; say: () => void }> {
    try {
      const before = this.#config;
      const { config, positionOf } = this.#source.read();
      checkFixed(before, config, positionOf);
      const result = await proxy.updateConfig(config).catch((error: unknown) => {
        throw withOverlapHint(error, [...addressesOf(config), ...reserved]);
      });
      this.#config = config;
      this.#compared = undefined;
      const outcome = { config, result: withOfCommand(before, config, result) };
      return { outcome, say: () => this.#say(outcome.result) };
    } catch (error) {
      const [failed = ''] = (error as Error).message.split('\n');
      return { outcome: { failed, error }, say: () => this.#sayFailed(error) };
    }
  }

  #say({ generation, ...all }: UpdateResult): void {
    const { file } = this.#source;
    const words = Object.entries(all)
      .filter(([, names]) => names.length > 0)
      .map(([what, names]) => `${what} ${listed(names)}`);
    const said = words.length === 0 ? 'nothing has changed' : words.join('; ');
    this.#log.info({ generation, ...all }, `${file}: ${said} (generation ${generation})`);
  }

  /** A line for each error, as the file has them. */
  #sayFailed(error: unknown): void {
    if (error instanceof SplicewayError) {
      const { code, message } = error;
      for (const line of message.split('\n')) this.#log.error({ code }, line);
    } else {
      this.#log.error({ err: error }, 'this should not have happened');
    }
    this.#log.warn(`${this.#source.file}: not applied; the last good configuration runs on`);
  }
}

const stopping = () =>
  new SplicewayError(
    'ERR_SPLICEWAY_CLOSED',
    'nothing is reloaded any more: spliceway is stopping; start it again',
  );

/**
 * Throws for what takes a new process.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_CONFIG_FILE`, a line for each
 */
function checkFixed(
  from: CommandConfig,
  to: CommandConfig,
  positionOf: ReadConfig['positionOf'],
): void {
  const lines = differing(from, to)
    .filter((key) => !mayChange(key))
    .map((key) => {
      const [is, wanted] = [from, to].map((config) => shown(config, key));
      return `${positionOf([key])}: ${key}: needs a restart; it is ${is} in the running process, and ${wanted} here`;
    });
  if (lines.length > 0) throw new SplicewayError('ERR_SPLICEWAY_CONFIG_FILE', lines.join('\n'));
}

function shown(config: CommandConfig, key: SettingKey): string {
  const value = valueIn(config, key);
  return value === undefined ? 'not set' : settingOf(key).kind.format(value);
}

/** What is of the command and not of the proxy is told of as well. */
function withOfCommand(from: CommandConfig, to: CommandConfig, result: UpdateResult): UpdateResult {
  const ofCommand = differing(from, to).filter((key) => settingOf(key).place === 'command');
  return { ...result, changed: [...result.changed, ...ofCommand] };
}

/** Settings of the process and the command that are not the same in both. */
const differing = (from: CommandConfig, to: CommandConfig) =>
  settingKeys.filter((key) => !isDeepStrictEqual(valueIn(from, key), valueIn(to, key)));
