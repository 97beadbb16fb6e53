/** Who connected. A client of a unix listener has no address: `''` and port 0. */
export interface ClientAddress {
  /** An IP address without brackets. */
  readonly address: string;
  /** The port that the client connected from. */
  readonly port: number;
}
