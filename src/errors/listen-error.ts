/** What to do when a listener cannot be opened. */
import { SplicewayError } from '../errors/catalogue.js';

/**
 * Turns the system's error into one that says what to do.
 *
 * @param name the address, as the user wrote it
 * @param cause the system's error, with a `code` such as `EADDRINUSE`
 */
export function listenError(name: string, cause: Error): SplicewayError {
  const { code = cause.name, syscall } = cause as NodeJS.ErrnoException;
  const specific = adviceFor(name);
  const advice = lacksHardLinks(cause)
    ? hardLinkAdvice
    : (specific[`${code} of ${syscall}`] ?? specific[code] ?? generalAdvice[code]);
  const reason = advice ?? `the system says ${code}; check the address`;
  return new SplicewayError('ERR_SPLICEWAY_LISTEN', `cannot listen on ${name}: ${reason}`, {
    cause,
    address: name,
  });
}

function adviceFor(name: string): Advice {
  if (name.startsWith('fd:')) return inheritedAdvice;
  return name.startsWith('unix:') ? unixAdvice : tcpAdvice;
}

/** Whether a unix listener cannot be taken from Node because of the file system that it is on. */
export function lacksHardLinks(cause: unknown): cause is NodeJS.ErrnoException & { path: string } {
  const { code = '', syscall } = (cause ?? {}) as NodeJS.ErrnoException;
  // EPERM is what link(2) promises; file systems of virtual machines and containers have their own words.
  return syscall === 'link' && ['EPERM', 'ENOTSUP', 'ENOSYS'].includes(code);
}

const hardLinkAdvice =
  'its file system has no hard links, which the engine needs to take the listener from Node; ' +
  'choose another folder, or accept auto or node';

/** By code or, where a code has several meanings, by code and system call. */
type Advice = Readonly<Record<string, string>>;

const tcpAdvice: Advice = {
  EADDRINUSE:
    'the address is in use; stop the program that has it (ss -ltnp shows which), or choose another port',
  EACCES:
    'not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE, so choose a higher one',
  EADDRNOTAVAIL:
    'no network interface here has this address (ip addr shows them); use one of them, or :port for all',
  ENOTFOUND: 'the name does not resolve; use an IP address of this machine, or :port for all',
};

const replaced =
  'its socket was removed at once, or another file took its place, which was left alone; see who may write to its folder';

const takesNoSocket =
  'its file system can hold no socket, as that of Windows; choose another folder';

const unixAdvice: Advice = {
  EADDRINUSE: 'a program is listening on this path; stop it, or choose another path',
  EACCES: 'not permitted to create a socket there; check the permissions of its folder',
  'EPERM of listen': takesNoSocket,
  // So a worker of a cluster names what its primary process could not do.
  'EPERM of bind': takesNoSocket,
  EPERM:
    'not permitted to give the socket to this user or group; a user takes root or CAP_CHOWN, a group one that this process is in',
  'ENOENT of link': replaced,
  'ENOENT of open': replaced,
  ENOENT: 'the folder does not exist; create it first',
  ERR_SHARED_LISTENER:
    'a worker of node:cluster cannot give it a mode or owners, because the primary process binds it; leave them out and set the umask of the primary',
  ERR_WORKER_UNSUPPORTED_OPERATION:
    'a worker thread cannot narrow the umask for its mode; have the program begin with a narrower umask',
  ESTALE: replaced,
  ERR_NO_PROC:
    'a mode, a user or a group takes /proc, which is not mounted; mount it, or leave them out',
  EROFS:
    'the file system cannot be written to; choose another folder, which RuntimeDirectory= makes for a service of systemd',
  ENOTSOCK: 'there is a file that is not a socket; move it away, or choose another path',
};

const notListening = 'the descriptor is not that of a listening socket; give the number of one';

/** Without the addon, Node is the one who says that a descriptor is none to accept on. */
const inheritedAdvice: Advice = {
  EINVAL: notListening,
  ENOTSOCK: notListening,
  EEXIST:
    'something else of this process has the descriptor, such as a proxy that was closed and has used it up; have another one passed',
};

const generalAdvice: Advice = {
  EMFILE: 'no file descriptor is left; raise the limit (ulimit -n)',
  ENFILE: 'no file descriptor is left on the whole system; raise fs.file-max',
};
