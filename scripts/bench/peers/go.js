import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../../lib/root.js';
import { run } from '../../lib/run.js';
import { startAnnounced } from './announced.js';
import { formatAddress } from './peer.js';

/** @import { Peer } from './peer.js' */

/** @type {Promise<string> | undefined} */
let built;

/** @returns {Promise<string>} the program */
async function build() {
  const folder = inRoot('out', 'bench');
  mkdirSync(folder, { recursive: true });
  const program = path.join(folder, 'go-proxy');
  const env = {
    // One file and the standard library: it needs no module, and asks no network.
    GO111MODULE: 'off',
    GOFLAGS: '',
    GOCACHE: path.join(tmpdir(), 'spliceway-bench-go-cache'),
  };
  const source = inRoot('scripts', 'bench', 'peers', 'go-proxy', 'main.go');
  const { status, output } = await run('go', ['build', '-o', program, source], { env });
  if (status !== 0) throw new Error(`go build failed\n${output}`);
  return program;
}

/** io.Copy, which splices on Linux. @type {Peer} */
export const go = {
  name: 'go',
  title: 'Go io.Copy',
  kind: 'rival',
  needs: { go: 'golang-go' },
  async start(route) {
    built ??= build();
    const args = [`${route.listenHost}:0`, formatAddress(route.server)];
    return startAnnounced(route, await built, args, { env: { GOMAXPROCS: '1' } });
  },
};
