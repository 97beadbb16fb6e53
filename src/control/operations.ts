/** What the control socket does to the configuration of a proxy: each as the library has it. */
import { type Duration, parseDuration } from '../config/duration.js';
import type { BackendOptions } from '../config/options.js';
import { parseOptions } from '../config/schema.js';
import type { ProxyConfig } from '../config/types.js';
import { SplicewayError } from '../errors/catalogue.js';
import type { Overlay } from '../model/overlay.js';
import type { BackendHandle, DrainResult, OnRemoveOption } from '../proxy/handles.js';
import type { Proxy as RunningProxy } from '../proxy/proxy.js';
import { clearTimeout, setImmediate, setTimeout } from '../timers.js';
import { allDifferences } from './differences.js';
import type {
  BackendChange,
  ControlConfig,
  ControlDrain,
  ControlResult,
  DrainChange,
  ListenerChange,
} from './types.js';

export function configOf(proxy: RunningProxy): ControlConfig {
  const { generation, options } = proxy;
  return { generation, options, functions: functionsIn(options) };
}

/** Paths of all that JSON cannot say. */
function functionsIn(value: unknown, path = ''): string[] {
  if (typeof value === 'function') return [path];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, held]) =>
    functionsIn(held, path === '' ? key : `${path}.${key}`),
  );
}

/** @throws SplicewayError as `proxy.update()` */
export async function replaceConfig(proxy: RunningProxy, options: unknown): Promise<ControlResult> {
  return await proxy.updateConfig(parseReplacement(proxy, options));
}

/** What `replaceConfig()` would change. Errors as it has. */
export function compareConfig(proxy: RunningProxy, options: unknown): ControlResult {
  const config = parseReplacement(proxy, options);
  const changes = proxy.changesTo(config);
  const differences = allDifferences(parseOptions(proxy.options), config, changes);
  return { generation: proxy.generation, ...changes, differences };
}

function parseReplacement(proxy: RunningProxy, options: unknown): ProxyConfig {
  const config = parseOptions(options);
  const functions = functionsIn(proxy.options);
  if (functions.length === 0) return config;
  throw new SplicewayError(
    'ERR_SPLICEWAY_INVALID_OPTION',
    `${functions.join(', ')}: a function, which JSON cannot say and which would be gone; have the program that made it change the configuration, by update()`,
  );
}

/** All that was asked for was checked, so that the whole of it is done or, where there is no such backend, nothing. */
export async function changeBackend(
  proxy: RunningProxy,
  pool: string,
  name: string,
  { weight, state, maxSessions, health }: BackendChange,
): Promise<ControlResult> {
  const backend = proxy.pool(pool).backend(name);
  const from = proxy.generation;
  if (weight === null) backend.reset('weight');
  else if (weight !== undefined) backend.setWeight(weight);
  if (maxSessions === null) backend.reset('maxSessions');
  else if (maxSessions !== undefined) backend.setMaxSessions(maxSessions || undefined);
  if (health !== undefined) backend.setHealth(health);
  if (state === 'ready') backend.ready();
  // One that is under way goes on, with the time that its sessions have.
  else if (state !== undefined && state !== backend.state)
    await begun(backend[state](keptBy(backend)));
  await nextTurn();
  return changedAtOnce(proxy, from, `${pool}/${name}`);
}

/** @returns when it takes no new sessions, with the promise of the moment when the last one has left */
export async function beginDrain(
  proxy: RunningProxy,
  pool: string,
  name: string,
  { after }: DrainChange,
): Promise<{ result: ControlResult; emptied: Promise<DrainResult> }> {
  const backend = proxy.pool(pool).backend(name);
  const from = proxy.generation;
  const emptied = backend.drain(onRemoveOf(after) ?? keptBy(backend));
  await begun(emptied);
  return { result: changedAtOnce(proxy, from, `${pool}/${name}`), emptied };
}

/** @param signal nobody wants to know any more */
export async function waitUntilEmpty(
  emptied: Promise<DrainResult>,
  waitMs: number,
  signal: AbortSignal,
): Promise<ControlDrain> {
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  const over = new Promise<ControlDrain>((resolve) => {
    const end = () => resolve({ cut: 0, isEmpty: false, reason: 'timeout' });
    if (Number.isFinite(waitMs)) timer = setTimeout(end, waitMs);
    if (signal.aborted) end();
    stop = () => signal.removeEventListener('abort', end);
    signal.addEventListener('abort', end, { once: true });
  });
  const told = emptied.then<ControlDrain>((drain) => ({
    ...drain,
    reason: drain.isEmpty ? 'empty' : 'called-off',
  }));
  const result = await Promise.race([told, over]);
  clearTimeout(timer);
  stop();
  return result;
}

/** Of one backend, of all of a pool, or of all. */
export async function takeBack(
  proxy: RunningProxy,
  pool?: string,
  backend?: string,
): Promise<ControlResult> {
  const from = proxy.generation;
  const before = labelsIn(proxy.overlay());
  if (pool === undefined) proxy.reset();
  else if (backend === undefined) proxy.pool(pool).reset();
  else proxy.pool(pool).backend(backend).reset();
  const after = new Set(labelsIn(proxy.overlay()));
  await nextTurn();
  const labels = before.filter((label) => !after.has(label));
  return changedAtOnce(proxy, from, ...labels);
}

const labelsIn = (overlay: Overlay) =>
  Object.entries(overlay).flatMap(([pool, set]) =>
    Object.keys(set).map((backend) => `${pool}/${backend}`),
  );

export function addBackend(
  proxy: RunningProxy,
  pool: string,
  backend: string | Record<string, unknown>,
): Promise<ControlResult> {
  return proxy.pool(pool).add(backend as string | BackendOptions);
}

export function removeBackend(
  proxy: RunningProxy,
  pool: string,
  name: string,
  after: Duration | undefined,
): Promise<ControlResult> {
  return proxy.pool(pool).remove(name, onRemoveOf(after));
}

export async function changeListener(
  proxy: RunningProxy,
  name: string,
  { paused }: ListenerChange,
): Promise<ControlResult> {
  const listener = proxy.listener(name);
  const from = proxy.generation;
  if (paused) listener.pause();
  else listener.resume();
  await nextTurn();
  return changedAtOnce(proxy, from, `listener ${name}`);
}

/**
 * Nobody's sessions end because an operator has not said how long they may go on, whatever the pool does with those of a
 * backend that is removed. A drain that is under way has its own time.
 */
const keptBy = ({ state }: BackendHandle): OnRemoveOption | undefined =>
  state === 'ready' ? 'keep' : undefined;

/** @throws SplicewayError `ERR_SPLICEWAY_INVALID_DURATION` */
function onRemoveOf(after: Duration | undefined): OnRemoveOption | undefined {
  if (after === undefined) return undefined;
  return parseDuration(after) === 0 ? 'close' : { after };
}

/** Call it a turn after the change: then it is in effect. */
function changedAtOnce(proxy: RunningProxy, from: number, ...labels: string[]): ControlResult {
  const { generation } = proxy;
  return { generation, added: [], removed: [], changed: generation === from ? [] : labels };
}

/** A drain that cannot be is refused at once, and one that can takes as long as its sessions do. */
async function begun(drain: Promise<DrainResult>): Promise<void> {
  // Nobody else may be there to hear of it.
  drain.catch(() => {});
  await Promise.race([drain, nextTurn()]);
}

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
