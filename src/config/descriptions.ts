/** What an editor shows of listeners and backends; settings.ts has its words for all else. */
import type { BackendOptions, ListenerOptions } from './options.js';

const ADDRESS = 'host:port, [v6]:port or unix:/path';

export const descriptions = {
  listen:
    `Where clients connect: ${ADDRESS}; one or several. :port is all interfaces, port 0 any free one. ` +
    'An object says who may connect to a Unix socket.',
  backends:
    'The servers behind the listeners, at least one, none twice. Each is an address, which ' +
    'name=NAME, weight=N, max-sessions=N, addresses=all and backup or priority=N may follow after commas, or an object.',
  listeners:
    'Where clients connect: the listeners by their names. Names have a-z, 0-9, ".", "_" and "-".',
  address: `Where clients of this listener connect: ${ADDRESS}; one or several, in the forms of listen.`,
  pool: 'The pool that serves its clients, by its name. Default: the pool named default, where there is one.',
  pools: 'The servers, in pools by their names. Each has its own backends, policy and limits.',
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
  name: 'What logs, stats and programs call it, as in db-1; no two alike in a pool. Default: its address.',
  address: `Where the server is: ${ADDRESS}. A name is resolved at start, every resolveEvery, and when connecting fails.`,
  weight: 'Its share of new sessions, against the weights of the others.',
  maxSessions:
    'Sessions that it may have at once; it is passed over while it has as many. Default: any number.',
  addresses:
    'Of a name with several addresses. first: the first that answers, until it fails. all: in turn, as one backend.',
  priority:
    'Clients go to backends of the lowest priority, and to others only when none of those can be reached or has room.',
  backup: 'The same as priority 1. Give one of the two.',
  tags: 'What a policy of your own wants to know of it, as in { zone: eu-1 }: 16 entries at most.',
};
