/** What this process holds, once garbage is collected. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of the heap of JavaScript that are really in use, and those outside it: the loops, buffers, stacks. */
export function memoryInUse(): { heap: number; outside: number } {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const { external, heapUsed, heapTotal, rss } = process.memoryUsage();
  // What V8 keeps in reserve for its young objects grows and shrinks by tens of MiB as it likes; buffers of JavaScript,
  // the tests' own, come and go.
  return { heap: heapUsed, outside: rss - heapTotal - external };
}
