import type { Route, Target } from './engine.js';

/** Asks for the next target and passes it on: at once where the route knows it, else when it does. */
export function askRoute(route: Route, then: (target: Target | undefined) => void): void {
  const next = route.next();
  if (!(next instanceof Promise)) {
    then(next);
    return;
  }
  // A route that fails has no target to offer.
  next.then(then, () => then(undefined));
}
