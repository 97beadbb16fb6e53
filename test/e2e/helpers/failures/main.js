/**
 * A proxy, three servers, and a new client every few milliseconds, in a process of their own: it may be root of a network
 * of its own. One server fails while they run. Takes a `Setup` as JSON, and prints what clients have seen, a `Seen`.
 */
import { execFileSync, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { createProxy } from '../../../../dist/index.js';
import { askOnce } from './client.js';
import { startFaulty } from './faulty.js';

/** @import { ShortOptions } from '../../../../src/config/options.js' */
/** @import { Asked } from './client.js' */

/**
 * @typedef {object} Setup
 * @property {'native' | 'stream'} engine
 * @property {'stopped' | 'dropped' | 'resets' | 'silent'} failure
 *   `stopped`: it gets SIGSTOP; `dropped`: a firewall drops what it is sent; `resets` and `silent`: it accepts, and no more
 * @property {Partial<ShortOptions>} settings
 * @property {{ port: number, words: string[] }[]} servers the commands that start them; the second one is to fail
 *
 * @typedef {object} Seen
 * @property {number} outMs from the failure until no client was sent there any more
 * @property {string} told what was told then
 * @property {number} came clients until then, those included who were there already
 * @property {number} cut of these, those whose connection ended without an answer
 * @property {number} met those for whom it was tried, or who were there
 * @property {number} longestCutMs how long the most patient of them has waited
 * @property {number} longestAnswerMs how long the slowest of the others has
 * @property {number} cutAfterwards of a hundred clients that came later
 * @property {number} metAfterwards
 * @property {number} longestAfterwardsMs
 */

const newClientMs = 10;
/** @type {Setup} */
const setup = JSON.parse(process.argv.at(-1) ?? '');
const { engine, failure, settings } = setup;
const [, ill] = setup.servers;
if (ill === undefined) throw new Error('there is no second server');

const isOwn = failure === 'resets' || failure === 'silent';
const children = setup.servers
  .filter((server) => server !== ill || !isOwn)
  .map(({ port, words: [command = '', ...args] }) => {
    return { port, process: spawn(command, args, { stdio: 'ignore' }) };
  });
process.on('exit', () => {
  for (const child of children) child.process.kill('SIGKILL');
});
const faulty = isOwn ? await startFaulty(ill.port) : undefined;
for (const { port } of children) while ((await askOnce(port)).answer === '') await delay(20);

const name = (/** @type {number} */ place) => `web-${place}`;
const proxy = await createProxy({
  ...{ engine, threads: 2, listen: '127.0.0.1:0' },
  backends: setup.servers.map(({ port }, place) => ({
    address: `127.0.0.1:${port}`,
    name: name(place),
  })),
  ...settings,
});
// Told by `backend`, in the end.
for (const event of /** @type {const} */ (['backendError', 'noBackend'])) proxy.on(event, () => {});
const { port } = /** @type {{ port: number }} */ (proxy.addresses()[0]);
const figures = () => {
  const found = proxy.stats().backends.find((backend) => backend.name === name(1));
  if (found === undefined) throw new Error('the backend is gone');
  return found;
};
const met = () => figures().opened + figures().failed;

/** @type {Asked[]} */
const ended = [];
/** @type {Set<Promise<unknown>>} */
const there = new Set();
const clients = setInterval(() => {
  const asked = askOnce(port).then((seen) => {
    ended.push(seen);
    there.delete(asked);
  });
  there.add(asked);
}, newClientMs);

/** Resolves when so many more clients are through, of those that began since then. @param {number} count */
async function more(count, since = performance.now()) {
  const those = () => ended.filter(({ began }) => began >= since);
  while (those().length < count) await delay(newClientMs);
  return those();
}

await more(60);
const { open } = figures();
const metFirst = met();
const began = performance.now();
const longest = (/** @type {Asked[]} */ some) =>
  Math.max(0, ...some.map(({ began, ended }) => ended - began));

const out = new Promise((resolve) => {
  proxy.on('backend', ({ backend, to, reason }) => {
    if (backend === name(1) && (to === 'down' || to === 'ejected')) resolve(`${to}: ${reason}`);
  });
});
if (failure === 'stopped') children[1]?.process.kill('SIGSTOP');
else if (failure === 'dropped') {
  const rules = [
    'add table inet test',
    'add chain inet test in { type filter hook input priority 0; }',
    `add rule inet test in tcp dport ${ill.port} drop`,
  ];
  execFileSync('nft', [rules.join('; ')]);
} else faulty?.fail(failure);

const told = String(await out);
const outAt = performance.now();
// Those that were on their way come to an end, one by one: by a time-out, or as sessions of what is down.
await Promise.all([...there]);
const during = ended.filter((asked) => asked.ended >= began && asked.began < outAt);
const metDuring = open + met() - metFirst;
const later = performance.now();
const metBefore = met();
const afterwards = await more(100, later);
clearInterval(clients);
const cut = during.filter(({ answer }) => answer === '');
/** @type {Seen} */
const seen = {
  outMs: outAt - began,
  told,
  came: during.length,
  cut: cut.length,
  met: metDuring,
  longestCutMs: longest(cut),
  longestAnswerMs: longest(during.filter(({ answer }) => answer !== '')),
  cutAfterwards: afterwards.filter(({ answer }) => answer === '').length,
  metAfterwards: met() - metBefore,
  longestAfterwardsMs: longest(afterwards),
};
await Promise.all([...there]);
await proxy.close();
process.stdout.write(JSON.stringify(seen), () => process.exit());
