/** Notices that a file may have changed, however it is changed. */
import { type BigIntStats, type FSWatcher, watch as systemWatch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { clearTimeout, now, setTimeout } from '../timers.js';

/** Where nobody is told of changes, as on network file systems and bind mounts, looking is all that there is. */
const LOOK_EVERY_MS = 2000;
/** Who writes a file may do so in several pieces. */
const QUIET_MS = 100;

export interface FileWatchEvents {
  /** It is another file than before, or was written to, and has been left alone since. Its text may be the same. */
  onChanged(): void;
  /** It could not be looked at for longer than a replacement takes. Called once, until it is there again. */
  onGone(error: NodeJS.ErrnoException): void;
}

/** For tests: a kernel that tells nothing, and other times. */
export interface FileWatchInternals {
  readonly watch?: ((folder: string, onEvent: () => void) => FSWatcher) | undefined;
  readonly lookEveryMs?: number | undefined;
  readonly quietMs?: number | undefined;
}

const watchFolder = (folder: string, onEvent: () => void) =>
  systemWatch(folder, { persistent: false }, onEvent);

/**
 * Watches from its creation until `close()`, and tells of the file as it is first. It watches the folder, for editors put
 * another file in the place of the old one, and ConfigMaps another folder in the place of a link. It looks at the file
 * itself as well, every two seconds.
 */
export class FileWatch {
  readonly #file: string;
  readonly #events: FileWatchEvents;
  readonly #watch: (folder: string, onEvent: () => void) => FSWatcher;
  readonly #lookEveryMs: number;
  readonly #quietMs: number;
  #watcher: FSWatcher | undefined;
  /** The folder that the watcher has: its path may mean another one later. */
  #folder = '';
  /** What the file was like when somebody was told. */
  #told = '';
  /** What it was like at the last look; empty when it was not there. */
  #seen = '';
  #goneSince: number | undefined;
  #isGoneTold = false;
  #timer: NodeJS.Timeout | undefined;
  #isSoon = false;
  /** Something has happened since the look that is under way began. */
  #isStale = false;
  #isClosed = false;

  constructor(file: string, events: FileWatchEvents, internals: FileWatchInternals = {}) {
    this.#file = file;
    this.#events = events;
    this.#watch = internals.watch ?? watchFolder;
    this.#lookEveryMs = internals.lookEveryMs ?? LOOK_EVERY_MS;
    this.#quietMs = internals.quietMs ?? QUIET_MS;
    void this.#look();
  }

  close(): void {
    this.#isClosed = true;
    this.#watcher?.close();
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.#timer = undefined;
    this.#isStale = false;
    await this.#followFolder();
    const file = await statOf(this.#file);
    if (this.#isClosed) return;
    const isQuiet = file instanceof Error ? this.#isGone(file) : this.#isThere(markOf(file));
    this.#lookIn(isQuiet && !this.#isStale ? this.#lookEveryMs : this.#quietMs);
  }

  /** @returns whether it can wait */
  #isThere(mark: string): boolean {
    this.#goneSince = undefined;
    this.#isGoneTold = false;
    const isLeftAlone = mark === this.#seen;
    this.#seen = mark;
    if (isLeftAlone && mark !== this.#told) {
      this.#told = mark;
      this.#events.onChanged();
    }
    return isLeftAlone;
  }

  /** @returns whether it can wait */
  #isGone(error: NodeJS.ErrnoException): boolean {
    this.#seen = '';
    this.#goneSince ??= now();
    if (!this.#isGoneTold && now() - this.#goneSince >= this.#lookEveryMs) {
      this.#isGoneTold = true;
      this.#events.onGone(error);
    }
    return true;
  }

  #lookIn(ms: number): void {
    this.#isSoon = ms === this.#quietMs;
    this.#timer = setTimeout(() => void this.#look(), ms);
    // A file that may change is no reason to stay alive.
    this.#timer.unref();
  }

  /** Something in the folder is not as it was. */
  #happened(): void {
    this.#isStale = true;
    // In a folder where much happens, a look that is to come soon must not be put off for ever.
    if (this.#timer === undefined || this.#isSoon || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#lookIn(this.#quietMs);
  }

  /** Where the path of the folder leads to another one now, the watcher moves. Without one, looking has to do. */
  async #followFolder(): Promise<void> {
    const path = dirname(this.#file);
    const folder = await statOf(path);
    const id = folder instanceof Error ? '' : `${folder.dev}:${folder.ino}`;
    if (this.#isClosed || id === this.#folder) return;
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#folder = '';
    if (id === '') return;
    try {
      this.#watcher = this.#watch(path, () => this.#happened());
      this.#watcher.on('error', () => {
        this.#folder = '';
      });
      this.#folder = id;
    } catch {
      // The kernel has no watch left: inotify(7).
    }
  }
}

/** The file behind all links, or why it cannot be looked at. */
function statOf(path: string): Promise<BigIntStats | NodeJS.ErrnoException> {
  return stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => error);
}

/** Not the same for two files, nor for one that was written to. */
const markOf = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats) =>
  [dev, ino, size, mtimeNs, ctimeNs].join(' ');
