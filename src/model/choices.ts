/** What may be chosen by name. */

/** Which addresses of a backend's name are used. */
export type AddressesChoice =
  /** The first that answers. */
  | 'first'
  /** All of them, in turn. */
  | 'all';

/** What may be asked to move the bytes. */
export type EngineChoice =
  /** `native` where it runs, else `stream` with a warning. */
  | 'auto'
  /** Splice in the kernel; Linux only. */
  | 'native'
  /** Node streams; anywhere. */
  | 'stream';

/** Who may be asked to accept connections. */
export type AcceptChoice =
  /** `native` with the native engine, and `node` where that cannot be. */
  | 'auto'
  /** The loops of the native engine, without JavaScript. */
  | 'native'
  /** A `net.Server`, which hands each connection over. */
  | 'node';

/** How the native engine may be asked to move bytes. */
export type TransferChoice =
  /** Copies while messages are small, splices when a stream proves bulk. */
  | 'auto'
  /** Always through a pipe, in the kernel. */
  | 'splice'
  /** Always through memory. */
  | 'copy';
