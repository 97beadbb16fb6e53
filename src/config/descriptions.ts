/** What an editor shows of each key of a configuration file, in the words of docs/configuration.md. */
import type { BackendOptions, FileOptions, ListenerOptions } from './options.js';

const ADDRESS = 'host:port, [v6]:port or unix:/path';
const DURATION = '500ms, 5s, 1m or 1h; 0 switches it off.';

/** Of the keys of a file. */
export const descriptions: Readonly<Record<Exclude<keyof FileOptions, 'filter'>, string>> = {
  listen:
    `Where clients connect: ${ADDRESS}; one or several. :port is all interfaces, port 0 any free one. ` +
    'An object says who may connect to a Unix socket.',
  backends:
    'The servers behind the listeners, at least one, none twice. Each is an address, which ' +
    'weight=N, max-sessions=N and addresses=all may follow after commas, or an object.',
  policy:
    'How the backend of a session is picked. round-robin: each in turn, as often as its weight says.',
  engine:
    'What moves the bytes. native: splice in the kernel, Linux only. stream: Node streams, ' +
    'anywhere. auto: native where it runs, else stream with a warning.',
  accept:
    'Who accepts connections. native: the loops of the native engine. node: a net.Server, which ' +
    'hands each one over. auto: native with the native engine.',
  threads: 'Loops of the native engine, each a thread. Default: one a processor.',
  transfer:
    'How the native engine moves bytes. auto: copies small messages, splices bulk. splice and ' +
    'copy: always so.',
  busyPoll:
    'How long an idle loop of the native engine polls before it sleeps: lower latency for a busy ' +
    `core. 50us, ${DURATION} At most 1s.`,
  maxSessions:
    'Sessions at once, over all listeners. At that number clients wait in the queue of the kernel. ' +
    'Default: what file descriptors allow, two a session.',
  maxSessionsPerClient:
    "Sessions at once from one client's address; one more is reset. IPv6 counts by the /64. " +
    'Default: half of all, and any number from loopback.',
  connectTimeout: `How long one address of a backend may take to answer. ${DURATION}`,
  connectBudget: `How long a client may wait for a backend, over all that are tried. ${DURATION} Default: three times connectTimeout.`,
  connectAttempts: 'Attempts to connect that one client may cost, over all backends and addresses.',
  abortOnClose:
    'Whether the search for a backend ends after a second for a client that has ended its stream and sent nothing.',
  idleTimeout: `How long a session may live with no byte moving either way. ${DURATION}`,
  halfCloseTimeout:
    'How long a session may live, with no byte moving, after one side ended its stream. ' +
    DURATION,
  handshakeTimeout:
    'How long a session may live, once its backend has answered, before either side sends its ' +
    `first byte. ${DURATION}`,
  resolveEvery:
    'How often names of backends are looked up again. 500ms, 5s, 1m or 1h; 0: only when connecting fails.',
  keepAlive:
    'How long a client or a backend may be silent before TCP asks whether it is still there; whole seconds, ' +
    `1s to 9h. 1s, 1m or 1h; 0 switches it off.`,
  drainTimeout: `How long live sessions may go on after the first stop signal. 500ms, 5s, 1m or 1h; 0 ends them at once.`,
  logLevel: 'The least important line to log, on standard error.',
  logFormat: 'Default: pretty when a terminal reads the log, else json.',
};

/** Of the keys of a listener. */
export const listenerDescriptions: Readonly<Record<keyof ListenerOptions, string>> = {
  address: 'Where clients connect. The other keys are for unix:/path alone.',
  mode: 'Permissions of the socket, as text in octal digits: "0660". Default: 0777 less the umask.',
  user: 'Owner of the socket, by name or number. Default: who runs the command.',
  group:
    'Group of the socket, by name or number. Default: that of the command, or of the folder where it has the setgid bit.',
};

/** Of the keys of a backend. */
export const backendDescriptions: Readonly<Record<keyof BackendOptions, string>> = {
  address: `Where the server is: ${ADDRESS}. A name is resolved at start, every resolveEvery, and when connecting fails.`,
  weight: 'Its share of new sessions, against the weights of the others.',
  maxSessions:
    'Sessions that it may have at once; it is passed over while it has as many. Default: any number.',
  addresses:
    'Of a name with several addresses. first: the first that answers, until it fails. all: in turn, as one backend.',
};
