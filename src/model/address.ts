/** Where sockets are bound, and where they connect to. */

/** A parsed address. `host` is a name, an IPv4 or IPv6 literal (no brackets), or '' for all interfaces. */
export type Address =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/** Who may connect to a Unix socket; what is left out is as the system makes it. */
export interface SocketAccess {
  /** Permission bits. */
  readonly mode?: number;
  /** The number of its owner. */
  readonly user?: number;
  /** The number of its group. */
  readonly group?: number;
}

/** Where a listener accepts: an address, or a listening socket that the process was started with, by its number. */
export type ListenAddress =
  | Exclude<Address, { kind: 'unix' }>
  | { readonly kind: 'unix'; readonly path: string; readonly access?: SocketAccess }
  | { readonly kind: 'fd'; readonly fd: number };

/** A socket address that needs no further resolution: an IP literal with a port, or a path. */
export type ResolvedAddress =
  | { readonly kind: 'tcp'; readonly ip: string; readonly port: number; readonly family: 4 | 6 }
  | { readonly kind: 'unix'; readonly path: string };

/** The normalised text of an address: what `parseAddress` accepts, and what logs and stats show. */
export function formatAddress(address: ListenAddress): string {
  if (address.kind === 'fd') return `fd:${address.fd}`;
  if (address.kind === 'unix') return `unix:${address.path}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** `127.0.0.1:3306`, `[::1]:3306` or `unix:/path`. */
export function formatResolved(address: ResolvedAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.family === 6 ? `[${address.ip}]:${address.port}` : `${address.ip}:${address.port}`;
}
