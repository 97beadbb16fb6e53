/** What is set of backends by hand, in a file: it outlives the process. */
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { parseOverlay } from '../config/overlay-schema.js';
import { isPlainObject, show } from '../config/values.js';
import { listed } from '../model/listed.js';
import { formatOverride, type Overlay } from '../model/overlay.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import type { Logger } from './log.js';
import { replaceFile } from './replace-file.js';

/** Of what stands in the file. Another one is not read. */
const VERSION = 1;
/** Changes of this time are written together. */
const DELAY_MS = 100;
/** A file that could not be written is tried again after this time. */
const RETRY_MS = 5000;
/** A stop waits for the file no longer than this: a file system may hang. */
const STOP_MS = 2000;

/** What the file needs of a proxy. */
export type KeptProxy = Pick<RunningProxy, 'overlay' | 'on'>;

/** For tests: a file system that hangs, and the time that a stop has for it. */
export interface StateFileInternals {
  readonly replaceFile?: typeof replaceFile;
  readonly stopMs?: number;
}

/** In this order: `read()`, once `follow()`, at the end `close()`. None of them throws: a proxy runs on without the file. */
export class StateFile {
  readonly #file: string;
  /** What is read and replaced: where the file is a symbolic link, what that leads to. */
  readonly #path: string;
  readonly #log: Logger;
  readonly #replace: typeof replaceFile;
  readonly #stopMs: number;
  /** Whether something is there that nobody could read: it is left alone then. */
  #isForeign = false;
  #proxy: KeptProxy | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Never rejects. */
  #saving: Promise<void> = Promise.resolve();
  #isQueued = false;
  #isFailing = false;
  /** The text of the file, as far as it is known. */
  #written: string | undefined;
  /** By which the file that was read, or written last, is known. */
  #known: string | undefined;
  #isShared = false;

  /** @param file relative to the working directory */
  constructor(file: string, log: Logger, internals: StateFileInternals = {}) {
    this.#file = file;
    this.#path = behindLinks(resolve(file));
    this.#log = log;
    this.#replace = internals.replaceFile ?? replaceFile;
    this.#stopMs = internals.stopMs ?? STOP_MS;
  }

  /** What was set before the process began; nothing where that cannot be told, which the log says. */
  read(): Overlay {
    try {
      const text = readRegular(this.#path);
      this.#known = identityOf(statSync(this.#path));
      // As `touch` makes it.
      return text === '' ? {} : this.#parse(text);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return {};
      this.#isForeign = true;
      this.#log.warn(
        `${this.#file}: cannot be read (${message}): nothing is set by hand, and what will be is not kept; correct that and restart`,
      );
      return {};
    }
  }

  #parse(text: string): Overlay {
    try {
      return parseState(text);
    } catch (error) {
      const [reason = ''] = (error as Error).message.split('\n');
      const aside = `${this.#path}.damaged-${new Date().toISOString().replaceAll(':', '-')}`;
      renameSync(this.#path, aside);
      this.#known = undefined;
      this.#log.warn(
        `${this.#file}: is damaged (${reason}), and was set aside as ${aside}; nothing is set by hand`,
      );
      return {};
    }
  }

  /** Keeps what is set from now on, and what has been so far. */
  follow(proxy: KeptProxy): void {
    const labels = Object.entries(proxy.overlay()).flatMap(([pool, set]) =>
      Object.entries(set).map(([name, item]) => `${pool}/${name} (${formatOverride(item)})`),
    );
    if (labels.length > 0) {
      this.#log.info(
        { overlay: proxy.overlay() },
        `${this.#file}: set by hand before: ${listed(labels)}`,
      );
    }
    if (this.#isForeign) return;
    this.#proxy = proxy;
    proxy.on('override', () => this.#saveAfter(DELAY_MS));
    // Whether it can be written is said now, and not when it is needed.
    this.#saveAfter(0);
  }

  /** Writes what has not been written. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const isSaved = this.#save().then(() => true);
    const isLate = later(this.#stopMs, false, { ref: false });
    if (await Promise.race([isSaved, isLate])) return;
    this.#log.warn(`${this.#file}: takes too long to write; what was set last may not be kept`);
  }

  /** A time that runs already is not made longer. */
  #saveAfter(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#save();
    }, ms).unref();
  }

  /** One after the other. One waits at most: it writes what is set when its turn has come. */
  #save(): Promise<void> {
    if (this.#isQueued) return this.#saving;
    this.#isQueued = true;
    this.#saving = this.#saving.then(() => {
      this.#isQueued = false;
      return this.#saveNow();
    });
    return this.#saving;
  }

  async #saveNow(): Promise<void> {
    if (this.#proxy === undefined) return;
    const text = formatState(this.#proxy.overlay());
    const there = await stat(this.#path).then(identityOf, () => undefined);
    // Somebody else may have written it, or removed it.
    if (text === this.#written && there === this.#known) return;
    try {
      this.#warnOfOthers(there);
      this.#known = identityOf(await this.#replace(this.#path, text));
      this.#written = text;
      if (this.#isFailing) this.#log.info(`${this.#file}: is written again`);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) {
        this.#log.warn(
          `${this.#file}: cannot be written (${(error as Error).message}): what is set by hand would not outlive a restart`,
        );
      }
      this.#isFailing = true;
      this.#saveAfter(RETRY_MS);
    }
  }

  /** Two processes would overwrite what the other has kept. */
  #warnOfOthers(there: string | undefined): void {
    if (this.#isShared || there === undefined || there === this.#known) return;
    this.#isShared = true;
    this.#log.warn(
      `${this.#file}: another program writes it as well, and it has what was set last by either; give each process a file of its own`,
    );
  }
}

function formatState(overlay: Overlay): string {
  return `${JSON.stringify({ version: VERSION, overlay }, undefined, 2)}\n`;
}

/** @throws Error what is wrong with it */
function parseState(text: string): Overlay {
  const state: unknown = JSON.parse(text);
  if (!isPlainObject(state)) throw new Error(`${show(state)} is no state`);
  const { version, overlay } = state as { readonly version?: unknown; readonly overlay?: unknown };
  if (version === VERSION) return parseOverlay(overlay);
  throw new Error(`its version is ${show(version)}, and not ${VERSION}`);
}

/** @throws the system's error, or that it is no file: reading from a pipe would wait for a writer */
function readRegular(path: string): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw new Error('it is no regular file');
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(file);
  }
}

/** What tells a file from the one that comes in its place. What is no file, nobody has written. */
const identityOf = (stats: Stats): string | undefined => {
  const { dev, ino, size, mtimeMs } = stats;
  return stats.isFile() ? [dev, ino, size, mtimeMs].join() : undefined;
};

/** What a path leads to; there may be nothing yet. */
function behindLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    try {
      return resolve(dirname(path), readlinkSync(path));
    } catch {
      return path;
    }
  }
}
