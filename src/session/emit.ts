/** Telling users, whose listeners may throw. */
import type { EventEmitter } from 'node:events';

/**
 * Emits, whatever the listeners do: what one of them throws becomes an uncaught exception of the process, as it
 * would from any other emitter, but not before the others have heard of it, one of which may deny the client, and the work
 * is done that the event is about.
 *
 * @returns whether anybody listened
 */
export function emitSafely<
  Events extends Record<keyof Events, unknown[]>,
  Name extends keyof Events & string,
>(emitter: EventEmitter<Events>, event: Name, ...args: Events[Name]): boolean {
  // Those that remove themselves, of once(), are among them as they are.
  const listeners = (emitter as unknown as EventEmitter).rawListeners(event);
  for (const listener of listeners) {
    try {
      Reflect.apply(listener, emitter, args);
    } catch (error) {
      throwLater(error);
    }
  }
  return listeners.length > 0;
}

/** Makes an uncaught exception of an error that must not interrupt the caller. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error;
  });
}
