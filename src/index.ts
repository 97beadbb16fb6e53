/** Spliceway as a library: everything that is public. */
export type { Duration } from './config/duration.js';
export type {
  BackendOptions,
  ListenerOptions,
  ProxyOptions,
  ProxySettings,
} from './config/options.js';
export type {
  AcceptChoice,
  AddressesChoice,
  EngineChoice,
  PolicyName,
  TransferChoice,
} from './config/types.js';
export {
  errorCatalogue,
  SplicewayError,
  type SplicewayErrorCode,
  type SplicewayErrorDetails,
} from './errors.js';
export type { FilterContext, FilterFunction } from './policy/filter-function.js';
export type { PickBackend, PickContext, PickFunction } from './policy/pick-function.js';
export type {
  BackendErrorEvent,
  NoBackendEvent,
  PauseEvent,
  ProxyEvents,
  ResumeEvent,
} from './proxy/events.js';
export { type JoinOptions, join } from './proxy/join.js';
export type { ListenerAddress } from './proxy/listener.js';
export {
  type CloseOptions,
  createProxy,
  type HandoffOptions,
  type Proxy,
  type RunningEngine,
} from './proxy/proxy.js';
export type {
  ClientAddress,
  CloseReason,
  Session,
  SessionEvents,
  SessionFigures,
  SessionState,
  SessionSummary,
} from './proxy/session.js';
export type { BackendStats, ListenerStats, ProxyStats, RowStats } from './proxy/stats.js';
