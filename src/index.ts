/** Spliceway as a library: everything that is public. */
export type { Duration } from './config/duration.js';
export type {
  FunctionHealthOptions,
  HealthOptions,
  HealthSettings,
  HealthShorthand,
  HttpHealthOptions,
  HttpsHealthOptions,
  MysqlHealthOptions,
  PostgresHealthOptions,
  RedisHealthOptions,
  TcpHealthOptions,
} from './config/health-options.js';
export type {
  BackendOptions,
  ListenerOptions,
  ListenerSettings,
  LongOptions,
  NamedListenerOptions,
  OnRemoveAfter,
  PoolOptions,
  PoolSettings,
  ProcessSettings,
  ProxyOptions,
  ProxySettings,
  QueueOptions,
  ShortOptions,
} from './config/options.js';
export { type ChangeOptions, type ControlClient, connectControl } from './control/client.js';
export { createControl } from './control/create.js';
export { createStatus } from './control/status/create.js';
export type { LastReload, StatusAddress, StatusOptions } from './control/status/types.js';
export type {
  BackendChange,
  Control,
  ControlAudit,
  ControlBackend,
  ControlChange,
  ControlChanges,
  ControlConfig,
  ControlDrain,
  ControlEvent,
  ControlListener,
  ControlLoop,
  ControlOptions,
  ControlPeer,
  ControlPool,
  ControlResult,
  ControlSession,
  ControlSessions,
  ControlStatus,
  ControlSummaries,
  ControlSummary,
  DrainChange,
  ListenerChange,
  SessionQuery,
} from './control/types.js';
export type { ListenerAddress } from './entrance/listener.js';
export {
  errorCatalogue,
  SplicewayError,
  type SplicewayErrorCode,
  type SplicewayErrorDetails,
} from './errors/catalogue.js';
export type { AdminState } from './model/admin-state.js';
export type {
  AcceptChoice,
  AddressesChoice,
  EngineChoice,
  TransferChoice,
} from './model/choices.js';
export type { HealthContext, HealthFunction, ServerRole } from './model/health.js';
export type { HealthStatus } from './model/health-status.js';
export type { BackendOverride, Overlay, OverrideKey } from './model/overlay.js';
export type { EndSide, SessionEnd } from './model/session-end.js';
export type { ConnectionFigures, SessionTransport } from './model/session-transport.js';
export type { UpdateResult } from './model/update-result.js';
export {
  countUpTo,
  type Histogram,
  type HistogramBucket,
  percentile,
} from './observe/histogram.js';
export type {
  BackendStats,
  EndStats,
  EntryStats,
  HistogramStats,
  ListenerStats,
  LoopStats,
  PipeStats,
  PoolStats,
  ProxyStats,
  QueueStats,
  RowStats,
} from './observe/stats.js';
export type { ConnectionStats, TransportStats } from './observe/transport.js';
export type { FilterContext, FilterFunction } from './policy/filter-function.js';
export type { PickBackend, PickContext, PickFunction } from './policy/pick-function.js';
export type { PolicyName } from './policy/registry.js';
export type { HealthStats } from './pool/health/backend-health.js';
export type { CheckReport } from './pool/health/check-state.js';
export { createProxy } from './proxy/create.js';
export type {
  BackendHandle,
  DrainResult,
  ListenerHandle,
  OnRemoveOption,
  PoolHandle,
} from './proxy/handles.js';
export { type JoinOptions, join } from './proxy/join.js';
export type { CloseOptions, HandoffOptions, RunningEngine, StartOptions } from './proxy/options.js';
export type { Proxy } from './proxy/proxy.js';
export type {
  BackendErrorEvent,
  BackendEvent,
  NoBackendEvent,
  OverrideEvent,
  PauseEvent,
  ProxyEvents,
  RebalanceEvent,
  ResumeEvent,
} from './session/events.js';
export type {
  ClientAddress,
  CloseReason,
  Session,
  SessionEvents,
  SessionFigures,
  SessionState,
  SessionSummary,
} from './session/session.js';
export type {
  SessionFilter,
  SessionInfo,
  SessionPhase,
  SessionsOptions,
} from './session/session-info.js';
