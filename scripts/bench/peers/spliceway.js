import { inRoot } from '../../lib/root.js';
import { startProgram } from '../measure/process.js';

/** @import { Peer } from './peer.js' */

/**
 * @param {'native' | 'stream'} engine
 * @returns {Peer}
 */
const spliceway = (engine) => ({
  name: engine,
  title: `${engine} engine`,
  needs: {},
  async start(serverPort) {
    const { answer, pid, stop } = await startProgram(
      'proxy',
      process.execPath,
      [
        inRoot('dist', 'cli', 'main.js'),
        ...['--engine', engine, '--threads', '1'],
        ...['--listen', '127.0.0.1:0', '--backend', `127.0.0.1:${serverPort}`],
      ],
      (output) => output.match(/listening on 127\.0\.0\.1:(\d+)/)?.[1],
    );
    return { port: Number(answer), pid, stop };
  },
});

export const native = spliceway('native');
export const stream = spliceway('stream');
