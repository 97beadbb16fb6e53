import type { NextHop, QueueWord, Route } from './engine.js';

/**
 * Asks for the next backend and passes it on: at once where the route knows it, else when it does.
 *
 * @param word as for `Route.next`
 */
export function askRoute(
  route: Route,
  word: QueueWord | undefined,
  then: (next: NextHop) => void,
): void {
  const next = route.next(word);
  if (!(next instanceof Promise)) {
    then(next);
    return;
  }
  // A route that fails has no backend to offer.
  next.then(then, () => then(undefined));
}
