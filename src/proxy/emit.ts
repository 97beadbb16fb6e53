/** Telling users, whose listeners may throw. */
import type { EventEmitter } from 'node:events';

/**
 * Emits, whatever the listeners do: what one of them throws becomes an uncaught exception of the process, as it
 * would from any other emitter, but not before the work is done that the event is about.
 *
 * @returns whether anybody listened
 */
export function emitSafely<
  Events extends Record<keyof Events, unknown[]>,
  Name extends keyof Events & string,
>(emitter: EventEmitter<Events>, event: Name, ...args: Events[Name]): boolean {
  try {
    return (emitter as unknown as EventEmitter).emit(event, ...args);
  } catch (error) {
    throwLater(error);
    return true;
  }
}

/** Makes an uncaught exception of an error that must not interrupt the caller. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
