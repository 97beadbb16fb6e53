/** Which engine runs here, and why. */

import { SplicewayError } from '../errors/catalogue.js';
import type { EngineChoice } from '../model/choices.js';
import type { AcceptingEngine, Engine, EngineOptions } from './engine.js';
import { loadAddon } from './native/addon.js';
import { type Descriptors, nativeDescriptors } from './native/descriptors.js';
import { NativeEngine } from './native/native-engine.js';
import { StreamEngine } from './stream/stream-engine.js';

/** An engine and how it came to be chosen. */
export interface ChosenEngine {
  readonly engine: Engine;
  /** One clause for a log line, such as `splice through /…/spliceway.node`. */
  readonly reason: string;
  /** One line to show the user: `auto` wanted the native engine and could not have it. */
  readonly warning?: string;
  /** Only with the native engine: itself, which can accept, and its way to second descriptors. */
  readonly native?: { readonly engine: AcceptingEngine; readonly descriptors: Descriptors };
}

/**
 * Makes an engine: `auto` is native where the addon loads, else stream with a warning.
 *
 * @throws SplicewayError `ERR_SPLICEWAY_ENGINE_UNAVAILABLE` when `native` was asked for and cannot run,
 *   `ERR_SPLICEWAY_RESOURCE_LIMIT` when the system has nothing left to start it with
 */
export function createEngine(choice: EngineChoice, options: EngineOptions): ChosenEngine {
  if (choice === 'stream') {
    return { engine: new StreamEngine(options), reason: 'stream was asked for' };
  }
  const addon = loadAddon();
  if (addon.ok) {
    const { binding } = addon;
    const engine = new NativeEngine(binding, options);
    return {
      engine,
      reason: `splice through ${addon.file}`,
      native: { engine, descriptors: nativeDescriptors(binding) },
    };
  }
  if (choice === 'native') {
    const looked = addon.tried.length > 0 ? ` (looked for ${addon.tried.join(', ')})` : '';
    throw new SplicewayError(
      'ERR_SPLICEWAY_ENGINE_UNAVAILABLE',
      `the native engine cannot run here: ${addon.reason}${looked}; ` +
        `${addon.remedy}; or choose the engine auto or stream, and accept auto or node`,
    );
  }
  return {
    engine: new StreamEngine(options),
    reason: addon.reason,
    warning: `using the slower stream engine, because the native one cannot run here: ${addon.reason}; ${addon.more}`,
  };
}
