/** What the kernel of this machine has measured of one TCP connection. */
export interface ConnectionFigures {
  /** The time to the other side and back, in milliseconds: a mean in which the last ones count more. */
  readonly roundTripMs: number;
  /** Segments with data that were sent to the other side, those included that were sent again. */
  readonly sentSegments: number;
  /** Segments that were sent again, as no answer to them had come. */
  readonly retransmittedSegments: number;
}

/** How both connections of a session fare. */
export interface SessionTransport {
  /** `undefined` for a Unix socket. */
  readonly client: ConnectionFigures | undefined;
  /** `undefined` for a Unix socket, and while no backend has answered. */
  readonly backend: ConnectionFigures | undefined;
}
