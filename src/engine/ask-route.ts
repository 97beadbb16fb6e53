import type { NextHop, Route } from './engine.js';

/** Asks for the next backend and passes it on: at once where the route knows it, else when it does. */
export function askRoute(route: Route, then: (next: NextHop) => void): void {
  const next = route.next();
  if (!(next instanceof Promise)) {
    then(next);
    return;
  }
  // A route that fails has no backend to offer.
  next.then(then, () => then(undefined));
}
