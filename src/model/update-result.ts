/** Names of what an update has changed: `listener sql`, `pool db`, and `db/db-1` for a backend of a pool. */
export interface Changes {
  /** What is new. With a pool, all its backends are. */
  readonly added: readonly string[];
  /** What is gone. With a pool, all its backends are. */
  readonly removed: readonly string[];
  /** What is not as it was; a backend also when it is at another address. */
  readonly changed: readonly string[];
}

/** What an update has changed, once it is in effect. */
export interface UpdateResult extends Changes {
  /** Counts up with each change that took effect, from 1 on; as it was, where nothing has changed. */
  readonly generation: number;
}
