import { setImmediate, setTimeout } from '../../timers.js';

/** Turns of Node's event loop in which it is looked whether the loops follow, before that is left to a timer. */
const LOOKS_AT_ONCE = 20;

/** Waits for loops. One is done in its next turn, which is at hand: the message wakes it. Where it stands still, nobody spins. */
export function lookUntil(isOver: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    let looks = 0;
    const look = () => {
      looks += 1;
      if (isOver()) resolve();
      else if (looks < LOOKS_AT_ONCE) setImmediate(look);
      else setTimeout(look, 1);
    };
    look();
  });
}
