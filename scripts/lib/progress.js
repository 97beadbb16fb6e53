/** Where the run is: a bar for a person at a terminal, a plain line a step for a file. */
import cliProgress from 'cli-progress';

/**
 * @typedef {object} Progress
 * @property {(text: string) => void} doing what runs now
 * @property {(text: string) => void} done one more run, and what it gave
 * @property {(text: string) => void} failed something that will be missing
 * @property {(count: number, text: string) => void} reached how many are done by now
 * @property {() => void} stop
 */

/** Milliseconds between two lines that only say how far it is. */
const lineEvery = 10_000;

/**
 * @param {number} total how many runs there will be
 * @returns {Progress}
 */
export function startProgress(total) {
  // Standard output is for the tables.
  const out = process.stderr;
  if (!out.isTTY) {
    let count = 0;
    let nextLine = performance.now() + lineEvery;
    return {
      doing: () => {},
      done: (text) => {
        count += 1;
        out.write(`${String(count).padStart(String(total).length)}/${total}  ${text}\n`);
      },
      failed: (text) => void out.write(`${text}\n`),
      reached: (now, text) => {
        if (performance.now() < nextLine) return;
        nextLine = performance.now() + lineEvery;
        out.write(`${now}/${total}  ${text}\n`);
      },
      stop: () => {},
    };
  }
  const bar = new cliProgress.SingleBar({
    format: '{bar} {value}/{total}  {eta_formatted} left  {text}',
    stream: out,
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    // A resized or dumb terminal must not fill up with half bars.
    linewrap: false,
  });
  bar.start(total, 0, { text: '' });
  return {
    doing: (text) => bar.update({ text }),
    done: (text) => bar.increment({ text }),
    failed: (text) => bar.update({ text }),
    reached: (now, text) => bar.update(now, { text }),
    stop: () => bar.stop(),
  };
}
