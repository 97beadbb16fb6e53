/** The file of a unix listener: found free, kept, and removed at the end; never somebody else's. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  type BigIntStats,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';
import type { SocketAccess } from '../model/address.js';

/** To connect to a socket is to write to its file. */
const MAY_CONNECT = 0o222;
/** open(2): a descriptor that stands for the file itself, which a socket has no other of. Node does not name it. */
const O_PATH = 0o10000000;
/** Of /proc/net/unix, proc(5): flags, state and path of a socket. */
const SOCKET_LINE = /^\S+: \S+ \S+ (\S+) \S+ (\S+) +\d+ (.+)$/;
/** What listens, or is bound and yet to. An accepted one, which has the path as well, is connected. */
const UNCONNECTED = '01';
const ACCEPTS = 0x10000;

export class SocketFile {
  readonly #path: string;
  readonly #access: SocketAccess;
  readonly #proc: string;
  /** To set when the group is that of `access`. */
  #mode: number | undefined;
  /** The file that was bound; another one may stand at its path by now. */
  #identity: string | undefined;

  /** @param proc where the system tells of this process, and names its open files */
  constructor(path: string, access: SocketAccess = {}, proc = '/proc/self') {
    this.#path = path;
    this.#access = access;
    this.#proc = proc;
    this.#mode = access.mode;
  }

  /**
   * Removes the file that a dead process left: one that refuses connections, and not because its socket is yet to listen.
   *
   * @param isShared whether another process binds the path, which has an umask of its own
   * @throws an error with a `code` as the system's, when nothing can listen here
   */
  async prepare(isShared = false): Promise<void> {
    const path = this.#path;
    const hasAccess = Object.keys(this.#access).length > 0;
    if (hasAccess && isShared) {
      throw Object.assign(new Error('the primary process binds'), { code: 'ERR_SHARED_LISTENER' });
    }
    if (hasAccess && !existsSync(`${this.#proc}/fd`)) {
      throw Object.assign(new Error('/proc is not mounted'), { code: 'ERR_NO_PROC' });
    }
    // libuv reports a missing folder as EACCES.
    if (!existsSync(dirname(path))) {
      throw Object.assign(new Error(`${dirname(path)} does not exist`), { code: 'ENOENT' });
    }
    const file = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (file === undefined) return;
    // Connecting to a plain file is refused as well, and that one is not ours to remove.
    if (!file.isSocket()) throw Object.assign(new Error(`${path} is a file`), { code: 'ENOTSOCK' });
    // One that listens is the primary process's, most likely, and a probe would be a client of another worker. One that
    // does not refuses connections, and may listen a moment later.
    if (this.#boundSockets().some(({ isListening }) => isShared || !isListening)) return;
    const probe = connect(path);
    try {
      await once(probe, 'connect');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') this.#removeDead(birthOf(file));
      return;
    } finally {
      probe.destroy();
    }
    // In use: listening fails with EADDRINUSE, which says so.
  }

  /**
   * Another process may have found the same dead file, removed it, and bound the path since. No system call removes a file
   * only if it is a certain one. So it is moved away first, and comes back if it turns out to be the other's.
   *
   * @throws an error with a `code`, as the system's
   */
  #removeDead(birth: string): void {
    const isDead = (path: string) => {
      const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (found === undefined || birthOf(found) !== birth) return false;
      return this.#boundSockets().every(({ isListening }) => isListening);
    };
    if (!isDead(this.#path)) return;
    const away = this.#secondName();
    try {
      renameSync(this.#path, away);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      throw error;
    }
    if (isDead(away) || existsSync(this.#path)) rmSync(away);
    else renameSync(away, this.#path);
  }

  /**
   * The sockets that were bound to the path and have not been closed, as far as the system tells. Their file may have
   * been removed since; the one that is there now refuses connections if it is of none that listens.
   */
  #boundSockets(): { readonly isListening: boolean }[] {
    let table = '';
    try {
      table = readFileSync(`${this.#proc}/net/unix`, 'utf8');
    } catch {
      // Without /proc nothing is known, and what a probe meets has to do.
    }
    // Node binds a path of a cluster in its shortest form.
    const paths = new Set([this.#path, resolve(this.#path)]);
    return table.split('\n').flatMap((line) => {
      const [, flags = '', state, path = ''] = SOCKET_LINE.exec(line) ?? [];
      if (state !== UNCONNECTED || !paths.has(path)) return [];
      return [{ isListening: (Number.parseInt(flags, 16) & ACCEPTS) !== 0 }];
    });
  }

  /**
   * Runs what binds the path, so that not even for a moment anybody may connect who is not to, among them the group that
   * the file has first. The umask is the whole process's, so it is left alone where it is strict enough.
   *
   * @throws an error with a `code`, in a worker thread, which cannot change the umask
   */
  bindBy(bind: () => void): void {
    const { mode, group } = this.#access;
    if (mode === undefined && group === undefined) {
      bind();
      return;
    }
    const umask = this.#umask();
    const first = mode ?? 0o777 & ~umask;
    if (group !== undefined) this.#mode = first;
    const denied = MAY_CONNECT & ~(group === undefined ? first : first & ~0o070);
    const isNarrow = (denied & ~umask) === 0;
    if (!isNarrow) process.umask(umask | denied);
    try {
      bind();
    } finally {
      if (!isNarrow) process.umask(umask);
    }
  }

  /**
   * `process.umask()` would set it to 0 for a moment to learn it. A file that another thread makes just then may be
   * written by everybody. A kernel before 4.7 tells in no other way.
   */
  #umask(): number {
    const status = readFileSync(`${this.#proc}/status`, 'utf8');
    const [, digits] = /^Umask:\s*([0-7]+)$/m.exec(status) ?? [];
    return digits === undefined ? process.umask() : Number.parseInt(digits, 8);
  }

  /** Call it when a server has bound the path: the file is ours from now on. */
  bound(): void {
    this.#identity = this.#current();
  }

  /**
   * Lets in who is to be let in. The group comes before the mode, which lets it in. The user comes last: what belongs to
   * another user may be changed only by who has CAP_FOWNER as well.
   *
   * Whoever owns the folder can put another file at the path at any time. So what is changed is not what a path leads to,
   * but a file that is open and was found to be the one that was bound.
   *
   * @throws an error with a `code`, as the system's, also where another file is at the path
   */
  permit(): void {
    const { user, group } = this.#access;
    if (user === undefined && group === undefined && this.#mode === undefined) return;
    const file = openSync(this.#path, O_PATH | constants.O_NOFOLLOW);
    try {
      const found = fstatSync(file, { bigint: true });
      if (!found.isSocket() || identityOf(found) !== this.#identity) {
        throw Object.assign(new Error(`${this.#path} was replaced`), { code: 'ESTALE' });
      }
      const itself = `${this.#proc}/fd/${file}`;
      if (group !== undefined) chownSync(itself, -1, group);
      if (this.#mode !== undefined) chmodSync(itself, this.#mode);
      if (user !== undefined) chownSync(itself, user, -1);
    } finally {
      closeSync(file);
    }
  }

  /**
   * Closes the server that bound the path, but not its file. libuv removes what is at the path of a server that
   * it closes, so the file gets a second name before and the first one back after. A client that comes in
   * the microseconds between finds no file.
   *
   * @returns why the file cannot have a second name, as when somebody removed it; nothing was closed then
   */
  keepWhile(close: () => void): Error | undefined {
    const second = this.#secondName();
    try {
      // Fails when the name exists, so whatever is removed below is this link.
      linkSync(this.#path, second);
    } catch (error) {
      return error as Error;
    }
    close();
    attempt(() => linkSync(second, this.#path));
    attempt(() => rmSync(second));
    return undefined;
  }

  /** Closes the server that bound the path, and removes the file unless another one has taken its place. */
  closeFor(close: () => void): void {
    const isForeign = this.#identity !== this.#current();
    if (!isForeign || this.keepWhile(close) !== undefined) close();
    this.remove();
  }

  /** Removes the file, if it still is the one that was bound. */
  remove(): void {
    if (this.#identity === undefined || this.#identity !== this.#current()) return;
    attempt(() => rmSync(this.#path, { force: true }));
  }

  /** One that nothing has. */
  #secondName(): string {
    return `${this.#path}.${randomBytes(8).toString('hex')}`;
  }

  #current(): string | undefined {
    try {
      return identityOf(lstatSync(this.#path, { bigint: true }));
    } catch {
      return undefined;
    }
  }
}

const identityOf = ({ dev, ino }: BigIntStats) => `${dev}:${ino}`;

/** ext4 gives a new file the number of one that was just removed. */
const birthOf = (file: BigIntStats) => `${identityOf(file)}:${file.birthtimeNs}`;

/** For what nobody could do anything about. */
function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // The folder is gone or not ours any more; there is no file to look after.
  }
}
