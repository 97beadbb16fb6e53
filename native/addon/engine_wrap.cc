#include "engine_wrap.h"

#include <cassert>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace spliceway {
namespace {

std::uint32_t Unsigned(const Napi::Value& value) {
  assert(value.IsNumber());
  return value.As<Napi::Number>().Uint32Value();
}

std::int32_t Signed(const Napi::Value& value) {
  assert(value.IsNumber());
  return value.As<Napi::Number>().Int32Value();
}

/// A copy of a Buffer; nothing for `undefined`.
PendingBytes Bytes(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  assert(value.IsTypedArray());
  const auto array = value.As<Napi::Uint8Array>();
  return PendingBytes(std::as_bytes(std::span(array.Data(), array.ByteLength())));
}

static_assert(kNoPool == kNoRow);

/// A row of the counters, or the number of a pool; −1 is none.
std::uint16_t Row(const Napi::Value& value) {
  return value.As<Napi::Number>().Int32Value() < 0 ? kNoRow
                                                   : static_cast<std::uint16_t>(Unsigned(value));
}

/// A session's name as one number, which JavaScript holds exactly.
SessionName Name(double number) {
  const auto name = static_cast<std::uint64_t>(number);
  return {.slot = static_cast<std::uint32_t>(name % Engine::kMostSessions),
          .generation = static_cast<std::uint32_t>(name / Engine::kMostSessions)};
}

SessionName Name(const Napi::Value& value) {
  assert(value.IsNumber());
  return Name(value.As<Napi::Number>().DoubleValue());
}

double Number(const SessionName& name) {
  return static_cast<double>(name.generation) * static_cast<double>(Engine::kMostSessions) +
         name.slot;
}

/// [ip, port], or [path, −1]. What is no such address fails as any address does that the kernel
/// does not know.
SocketAddress Address(const Napi::Value& value) {
  const auto pair = value.As<Napi::Array>();
  const std::string text = pair.Get(0U).As<Napi::String>();
  const std::int32_t port = Signed(pair.Get(1U));
  const std::optional<SocketAddress> address =
      port < 0 ? SocketAddress::FromPath(text)
               : SocketAddress::FromIp(text, static_cast<std::uint16_t>(port));
  return address.value_or(SocketAddress{});
}

SessionTimeouts Timeouts(const Napi::Value& value) {
  assert(value.IsTypedArray());
  const auto array = value.As<Napi::Uint32Array>();
  assert(array.ElementLength() == 9);
  return {.connect_ms = array[0],
          .search = {.budget_ms = array[1], .attempts = array[2], .abort_on_close = array[3] != 0},
          .idle_ms = array[4],
          .half_close_ms = array[5],
          .handshake_ms = array[6],
          .early_reset_ms = array[7],
          .max_age_ms = array[8]};
}

ClientLimits Limits(const Napi::Value& value) {
  assert(value.IsTypedArray());
  const auto array = value.As<Napi::Uint32Array>();
  assert(array.ElementLength() == 2);
  return {.remote = array[0], .loopback = array[1]};
}

ServiceLimits OfService(const Napi::Value& value) {
  assert(value.IsTypedArray());
  const auto array = value.As<Napi::Uint32Array>();
  assert(array.ElementLength() == 4);
  return {
      .number = array[0], .most = array[1], .clients = {.remote = array[2], .loopback = array[3]}};
}

PickPlan Plan(std::span<const std::uint32_t> words, std::span<const std::uint16_t> rows) {
  constexpr std::size_t kWordsBeforeTiers = 5;
  assert(words.size() > kWordsBeforeTiers && words[1] <= 32 && words[2] <= 128);
  PickPlan plan{.entry = static_cast<PickEntry>(words[0]),
                .hash_key = {.ipv4_prefix = static_cast<std::uint8_t>(words[1]),
                             .ipv6_prefix = static_cast<std::uint8_t>(words[2]),
                             .with_port = words[3] != 0},
                .tiers = {},
                .tries_down = words[4] != 0};
  for (const std::uint32_t places : words.subspan(kWordsBeforeTiers)) {
    assert(places > 0 && places <= kMostPlaces && places <= rows.size());
    plan.tiers.emplace_back(rows.begin(), rows.begin() + places);
    rows = rows.subspan(places);
  }
  assert(rows.empty());
  return plan;
}

/// An ArrayBuffer over rows of `owner`'s. It keeps them alive, so it may be read after the engine
/// is gone.
template <typename Owner, typename Row>
Napi::Value Share(Napi::Env env, const std::shared_ptr<Owner>& owner, std::span<Row> rows) {
  auto keep = std::make_unique<std::shared_ptr<Owner>>(owner);
  return Napi::ArrayBuffer::New(
      env, rows.data(), rows.size_bytes(),
      [](Napi::BasicEnv, void*, std::shared_ptr<Owner>* kept) { delete kept; }, keep.release());
}

}  // namespace

void EngineWrap::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Engine",
      DefineClass(env, "Engine",
                  {InstanceMethod<&EngineWrap::Counters>("counters"),
                   InstanceMethod<&EngineWrap::Ends>("ends"),
                   InstanceMethod<&EngineWrap::Histograms>("histograms"),
                   InstanceMethod<&EngineWrap::Loops>("loops"),
                   InstanceMethod<&EngineWrap::Pipes>("pipes"),
                   InstanceMethod<&EngineWrap::Moved>("moved"),
                   InstanceMethod<&EngineWrap::MaxSessions>("maxSessions"),
                   InstanceMethod<&EngineWrap::PostBarrier>("postBarrier"),
                   InstanceMethod<&EngineWrap::HavePassed>("havePassed"),
                   InstanceMethod<&EngineWrap::Hold>("hold"),
                   InstanceMethod<&EngineWrap::Publish>("publish"),
                   InstanceMethod<&EngineWrap::SetBackend>("setBackend"),
                   InstanceMethod<&EngineWrap::SetSources>("setSources"),
                   InstanceMethod<&EngineWrap::LimitBackend>("limitBackend"),
                   InstanceMethod<&EngineWrap::SetBackendState>("setBackendState"),
                   InstanceMethod<&EngineWrap::EarlyResets>("earlyResets"),
                   InstanceMethod<&EngineWrap::ForgetEarlyResets>("forgetEarlyResets"),
                   InstanceMethod<&EngineWrap::RemoveBackend>("removeBackend"),
                   InstanceMethod<&EngineWrap::IsBackendVacant>("isBackendVacant"),
                   InstanceMethod<&EngineWrap::InUse>("inUse"),
                   InstanceMethod<&EngineWrap::IsSwept>("isSwept"),
                   InstanceMethod<&EngineWrap::ResetBackendCounters>("resetBackendCounters"),
                   InstanceMethod<&EngineWrap::SetPool>("setPool"),
                   InstanceMethod<&EngineWrap::RemovePool>("removePool"),
                   InstanceMethod<&EngineWrap::LimitPool>("limitPool"),
                   InstanceMethod<&EngineWrap::ResetPool>("resetPool"),
                   InstanceMethod<&EngineWrap::Queued>("queued"),
                   InstanceMethod<&EngineWrap::PoolFigures>("poolFigures"),
                   InstanceMethod<&EngineWrap::SetListener>("setListener"),
                   InstanceMethod<&EngineWrap::Listen>("listen"),
                   InstanceMethod<&EngineWrap::CloseListener>("closeListener"),
                   InstanceMethod<&EngineWrap::IsListenerVacant>("isListenerVacant"),
                   InstanceMethod<&EngineWrap::ResetListenerCounters>("resetListenerCounters"),
                   InstanceMethod<&EngineWrap::PauseListener>("pauseListener"),
                   InstanceMethod<&EngineWrap::ResumeListener>("resumeListener"),
                   InstanceMethod<&EngineWrap::Drain>("drain"),
                   InstanceMethod<&EngineWrap::Attend>("attend"),
                   InstanceMethod<&EngineWrap::CameBack>("cameBack"),
                   InstanceMethod<&EngineWrap::TakeSlot>("takeSlot"),
                   InstanceMethod<&EngineWrap::ReleaseSlot>("releaseSlot"),
                   InstanceMethod<&EngineWrap::Start>("start"),
                   InstanceMethod<&EngineWrap::Join>("join"),
                   InstanceMethod<&EngineWrap::Connect>("connect"),
                   InstanceMethod<&EngineWrap::Queue>("queue"),
                   InstanceMethod<&EngineWrap::End>("end"),
                   InstanceMethod<&EngineWrap::EndNamed>("endNamed"),
                   InstanceMethod<&EngineWrap::EndSessions>("endSessions"),
                   InstanceMethod<&EngineWrap::EndIdle>("endIdle"),
                   InstanceMethod<&EngineWrap::ListSessions>("listSessions"),
                   InstanceMethod<&EngineWrap::TakeSessions>("takeSessions"),
                   InstanceMethod<&EngineWrap::TakeEvents>("takeEvents"),
                   InstanceMethod<&EngineWrap::Ref>("ref"),
                   InstanceMethod<&EngineWrap::Unref>("unref"),
                   InstanceMethod<&EngineWrap::Close>("close")}));
}

EngineWrap::EngineWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  doorbell_ = Napi::ThreadSafeFunction::New(env, info[1].As<Napi::Function>(), "spliceway", 0, 1);
  doorbell_.Unref(env);
  // Added after the thread-safe function, whose own hook must run later: hooks run last in, first
  // out, and the loops have to stop before the doorbell goes. (Before any hook runs, a worker that
  // is terminated may still be handed a ring of the bell. The call into JavaScript fails then,
  // which NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS, set in binding.gyp, makes harmless.)
  napi_add_env_cleanup_hook(env, CleanUp, this);

  const auto options = info[0].As<Napi::Object>();
  int error = 0;
  engine_ = Engine::Create(
      {.threads = Unsigned(options.Get("threads")),
       .listeners = Unsigned(options.Get("listeners")),
       .backends = Unsigned(options.Get("backends")),
       .transfer = static_cast<Transfer>(Unsigned(options.Get("transfer"))),
       .busy_poll_us = Unsigned(options.Get("busyPollUs")),
       .keep_alive_s = static_cast<std::uint16_t>(Unsigned(options.Get("keepAliveS"))),
       .max_sessions = Unsigned(options.Get("maxSessions"))},
      // Fails only when the environment is being torn down; nobody is left to hear it then.
      [this] { static_cast<void>(doorbell_.NonBlockingCall()); }, error);
  if (engine_ == nullptr) {
    Stop();
    Napi::Error failed = Napi::Error::New(env, "the engine could not start");
    failed.Set("errno", Napi::Number::New(env, error));
    failed.ThrowAsJavaScriptException();
    return;
  }
  counters_ = engine_->counters();
}

EngineWrap::~EngineWrap() { Stop(); }

void EngineWrap::CleanUp(void* self) { static_cast<EngineWrap*>(self)->Stop(); }

void EngineWrap::Stop() {
  engine_.reset();
  if (doorbell_) {
    napi_remove_env_cleanup_hook(Env(), CleanUp, this);
    doorbell_.Release();
    doorbell_ = {};
  }
}

Napi::Value EngineWrap::Counters(const Napi::CallbackInfo& info) {
  return Share(info.Env(), counters_, counters_->table());
}

Napi::Value EngineWrap::Ends(const Napi::CallbackInfo& info) {
  return Share(info.Env(), counters_, counters_->ends());
}

// histograms(pool): ArrayBuffer, or undefined
Napi::Value EngineWrap::Histograms(const Napi::CallbackInfo& info) {
  const std::uint16_t pool = Row(info[0]);
  assert(pool != kNoPool);
  const std::span<HistogramRow> rows = counters_->histograms().Of(pool);
  return rows.empty() ? info.Env().Undefined() : Share(info.Env(), counters_, rows);
}

Napi::Value EngineWrap::Loops(const Napi::CallbackInfo& info) {
  return Share(info.Env(), counters_, counters_->loops());
}

// pipes(): Float64Array
Napi::Value EngineWrap::Pipes(const Napi::CallbackInfo& info) {
  const PipeBudget& pipes = engine_->pipes();
  auto into = Napi::Float64Array::New(info.Env(), 4);
  into[0] = static_cast<double>(pipes.pipes());
  into[1] = static_cast<double>(pipes.bytes());
  into[2] = static_cast<double>(pipes.limits().pipes);
  into[3] = static_cast<double>(pipes.limits().total_bytes);
  return into;
}

// moved(session, into: Float64Array): whether it is alive
Napi::Value EngineWrap::Moved(const Napi::CallbackInfo& info) {
  auto into = info[1].As<Napi::Float64Array>();
  assert(into.ElementLength() == 2);
  const auto moved = engine_ ? engine_->MovedBy(Name(info[0])) : std::nullopt;
  if (moved) {
    into[0] = static_cast<double>(moved->upstream);
    into[1] = static_cast<double>(moved->downstream);
  }
  return Napi::Boolean::New(info.Env(), moved.has_value());
}

Napi::Value EngineWrap::MaxSessions(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(counters_->sessions().size()));
}

void EngineWrap::Hold(const Napi::CallbackInfo& /*info*/) { engine_->Hold(); }

void EngineWrap::Publish(const Napi::CallbackInfo& /*info*/) { engine_->Publish(); }

Napi::Value EngineWrap::PostBarrier(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(engine_->PostBarrier()));
}

// havePassed(barrier)
Napi::Value EngineWrap::HavePassed(const Napi::CallbackInfo& info) {
  const auto barrier = static_cast<std::uint64_t>(info[0].As<Napi::Number>().Int64Value());
  return Napi::Boolean::New(info.Env(), engine_->HavePassed(barrier));
}

// setBackend(row, addresses, inTurn, pool)
void EngineWrap::SetBackend(const Napi::CallbackInfo& info) {
  const auto list = info[1].As<Napi::Array>();
  Addresses addresses;
  for (std::uint32_t index = 0; index < list.Length(); ++index) {
    addresses.push_back(Address(list.Get(index)));
  }
  const bool in_turn = info[2].As<Napi::Boolean>();
  engine_->SetBackend(Row(info[0]), std::move(addresses),
                      in_turn ? AddressOrder::kInTurn : AddressOrder::kAsGiven, Row(info[3]));
}

// setSources(row, addresses)
void EngineWrap::SetSources(const Napi::CallbackInfo& info) {
  const auto list = info[1].As<Napi::Array>();
  Addresses sources;
  for (std::uint32_t index = 0; index < list.Length(); ++index) {
    const std::string ip = list.Get(index).As<Napi::String>();
    if (const auto source = SocketAddress::FromIp(ip, 0)) sources.push_back(*source);
  }
  engine_->SetSources(Row(info[0]), sources);
}

// limitBackend(row, maxSessions)
void EngineWrap::LimitBackend(const Napi::CallbackInfo& info) {
  engine_->LimitBackend(Row(info[0]), Unsigned(info[1]));
}

// setBackendState(row, state)
void EngineWrap::SetBackendState(const Napi::CallbackInfo& info) {
  engine_->SetBackendState(Row(info[0]), static_cast<BackendState>(Unsigned(info[1])));
}

// earlyResets(row): how many in a row
Napi::Value EngineWrap::EarlyResets(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), engine_->EarlyResets(Row(info[0])));
}

// forgetEarlyResets(row)
void EngineWrap::ForgetEarlyResets(const Napi::CallbackInfo& info) {
  engine_->ForgetEarlyResets(Row(info[0]));
}

// removeBackend(row): the generation
Napi::Value EngineWrap::RemoveBackend(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(engine_->RemoveBackend(Row(info[0]))));
}

// isBackendVacant(row, removed)
Napi::Value EngineWrap::IsBackendVacant(const Napi::CallbackInfo& info) {
  const auto removed = static_cast<std::uint64_t>(info[1].As<Napi::Number>().DoubleValue());
  return Napi::Boolean::New(info.Env(), engine_->IsVacant(Row(info[0]), removed));
}

// inUse(row)
Napi::Value EngineWrap::InUse(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), engine_->InUse(Row(info[0])));
}

// isSwept(row)
Napi::Value EngineWrap::IsSwept(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), engine_->IsSwept(Row(info[0])));
}

// resetBackendCounters(row)
void EngineWrap::ResetBackendCounters(const Napi::CallbackInfo& info) {
  engine_->ResetBackend(Row(info[0]));
}

// setPool(pool, plan, rows)
void EngineWrap::SetPool(const Napi::CallbackInfo& info) {
  const auto plan = info[1].As<Napi::Uint32Array>();
  const auto array = info[2].As<Napi::Uint16Array>();
  engine_->SetPool(Row(info[0]), Plan({plan.Data(), plan.ElementLength()},
                                      {array.Data(), array.ElementLength()}));
}

// removePool(pool)
void EngineWrap::RemovePool(const Napi::CallbackInfo& info) { engine_->RemovePool(Row(info[0])); }

// limitPool(pool, maxSessions, queueLength, queueTimeoutMs)
void EngineWrap::LimitPool(const Napi::CallbackInfo& info) {
  engine_->LimitPool(Row(info[0]), Unsigned(info[1]), Unsigned(info[2]), Unsigned(info[3]));
}

// resetPool(pool)
void EngineWrap::ResetPool(const Napi::CallbackInfo& info) { engine_->ResetPool(Row(info[0])); }

// queued(pool): how many
Napi::Value EngineWrap::Queued(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), engine_->Queued(Row(info[0])));
}

// poolFigures(pool): Float64Array
Napi::Value EngineWrap::PoolFigures(const Napi::CallbackInfo& info) {
  const QueueFigures figures = engine_->QueueFiguresOf(Row(info[0]));
  auto into = Napi::Float64Array::New(info.Env(), 4);
  into[0] = static_cast<double>(figures.served);
  into[1] = static_cast<double>(figures.timed_out);
  into[2] = static_cast<double>(figures.refused);
  into[3] = static_cast<double>(figures.left);
  return into;
}

// setListener(listener, pool, picks, timeouts, clientLimits, serviceLimits)
void EngineWrap::SetListener(const Napi::CallbackInfo& info) {
  engine_->SetListener(Row(info[0]),
                       {.pool = Row(info[1]),
                        .picks = static_cast<Picks>(Unsigned(info[2])),
                        .timeouts = Timeouts(info[3]),
                        .clients = Limits(info[4])},
                       OfService(info[5]));
}

// listen(listener, fd, pauses). Owns `fd` from here on.
void EngineWrap::Listen(const Napi::CallbackInfo& info) {
  engine_->Listen(Row(info[0]), UniqueFd(Signed(info[1])), info[2].As<Napi::Boolean>());
}

// closeListener(listener)
void EngineWrap::CloseListener(const Napi::CallbackInfo& info) {
  engine_->CloseListener(Row(info[0]));
}

// isListenerVacant(listener)
Napi::Value EngineWrap::IsListenerVacant(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), engine_->IsListenerVacant(Row(info[0])));
}

// resetListenerCounters(listener)
void EngineWrap::ResetListenerCounters(const Napi::CallbackInfo& info) {
  engine_->ResetListener(Row(info[0]));
}

// pauseListener(listener)
void EngineWrap::PauseListener(const Napi::CallbackInfo& info) {
  engine_->PauseListener(Row(info[0]));
}

// resumeListener(listener)
void EngineWrap::ResumeListener(const Napi::CallbackInfo& info) {
  engine_->ResumeListener(Row(info[0]));
}

void EngineWrap::Drain(const Napi::CallbackInfo& /*info*/) { engine_->Drain(); }

// attend(attention)
void EngineWrap::Attend(const Napi::CallbackInfo& info) {
  engine_->Attend(static_cast<Attention>(Unsigned(info[0])));
}

// cameBack(fd, ip, port): [ip, port], or undefined
Napi::Value EngineWrap::CameBack(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string ip = info[1].As<Napi::String>();
  const auto peer = SocketAddress::FromIp(ip, static_cast<std::uint16_t>(Unsigned(info[2])));
  const std::optional<IpPort> to =
      engine_->CameBack(Signed(info[0]), peer.value_or(SocketAddress{}));
  if (!to) return env.Undefined();
  const Napi::Array pair = Napi::Array::New(env, 2);
  pair.Set(0U, Napi::String::New(env, to->ip_text()));
  pair.Set(1U, Napi::Number::New(env, to->port));
  return pair;
}

Napi::Value EngineWrap::TakeSlot(const Napi::CallbackInfo& info) {
  const std::optional<SessionName> name = engine_->TakeSlot();
  return Napi::Number::New(info.Env(), name ? Number(*name) : -1);
}

// releaseSlot(session)
void EngineWrap::ReleaseSlot(const Napi::CallbackInfo& info) {
  const SessionName name = Name(info[0]);
  if (engine_->IsReserved(name)) engine_->ReleaseSlot(name.slot);
}

// start(session, fd, prefix, listener, timeouts, isKept). Owns `fd` from here on.
void EngineWrap::Start(const Napi::CallbackInfo& info) {
  const SessionName name = Name(info[0]);
  UniqueFd client(Signed(info[1]));
  if (!engine_->IsReserved(name)) return;
  engine_->Start({.slot = name.slot,
                  .client = std::move(client),
                  .client_prefix = Bytes(info[2]),
                  .timeouts = Timeouts(info[4]),
                  .listener = Row(info[3]),
                  .route = {.is_kept = info[5].As<Napi::Boolean>()}});
}

// join(session, fd, prefix). Owns `fd` from here on.
void EngineWrap::Join(const Napi::CallbackInfo& info) {
  engine_->Join({.session = Name(info[0]),
                 .backend = UniqueFd(Signed(info[1])),
                 .backend_prefix = Bytes(info[2])});
}

// connect(pairs of session and backend)
void EngineWrap::Connect(const Napi::CallbackInfo& info) {
  const auto pairs = info[0].As<Napi::Float64Array>();
  assert(pairs.ElementLength() % 2 == 0);
  for (std::size_t index = 0; index + 1 < pairs.ElementLength(); index += 2) {
    const double row = pairs[index + 1];
    engine_->Connect({.session = Name(pairs[index]),
                      .backend = row < 0 ? kNoRow : static_cast<std::uint16_t>(row)});
  }
}

// queue(pairs of session and pool)
void EngineWrap::Queue(const Napi::CallbackInfo& info) {
  const auto pairs = info[0].As<Napi::Float64Array>();
  assert(pairs.ElementLength() % 2 == 0);
  for (std::size_t index = 0; index + 1 < pairs.ElementLength(); index += 2) {
    engine_->Queue(
        {.session = Name(pairs[index]), .pool = static_cast<std::uint16_t>(pairs[index + 1])});
  }
}

// endSessions(backend, listener, ending)
void EngineWrap::EndSessions(const Napi::CallbackInfo& info) {
  engine_->EndSessions({.backend = Row(info[0]),
                        .listener = Row(info[1]),
                        .ending = static_cast<Ending>(Unsigned(info[2]))});
}

// endIdle(backend, idleMs, most)
void EngineWrap::EndIdle(const Napi::CallbackInfo& info) {
  engine_->EndSessions({.backend = Row(info[0]),
                        .quota = std::make_shared<SweepQuota>(Unsigned(info[2])),
                        .rest_ms = Unsigned(info[1])});
}

// end(session, ending)
void EngineWrap::End(const Napi::CallbackInfo& info) {
  engine_->End({.session = Name(info[0]), .ending = static_cast<Ending>(Unsigned(info[1]))});
}

// endNamed(sessions: Float64Array, ending): how many there were
Napi::Value EngineWrap::EndNamed(const Napi::CallbackInfo& info) {
  const auto names = info[0].As<Napi::Float64Array>();
  const auto ending = static_cast<Ending>(Unsigned(info[1]));
  std::uint32_t count = 0;
  // A name may be anybody's guess, and of a slot that was never made nothing can be read.
  const std::size_t slots = engine_->slots();
  for (std::size_t index = 0; index < names.ElementLength(); ++index) {
    const SessionName name = Name(names[index]);
    const bool is_known = name.slot < slots;
    if (is_known && engine_->End({.session = name, .ending = ending})) ++count;
  }
  return Napi::Number::New(info.Env(), count);
}

// listSessions(figures, most): the number of the list
Napi::Value EngineWrap::ListSessions(const Napi::CallbackInfo& info) {
  const bool figures = info[0].As<Napi::Boolean>();
  lists_[++lists_begun_] = engine_->ListSessions({.figures = figures, .most = Unsigned(info[1])});
  return Napi::Number::New(info.Env(), lists_begun_);
}

// takeSessions(list, givesUp): ArrayBuffer of records, or undefined
Napi::Value EngineWrap::TakeSessions(const Napi::CallbackInfo& info) {
  const auto found = lists_.find(Unsigned(info[0]));
  if (found == lists_.end()) return info.Env().Undefined();
  const std::shared_ptr<SessionList> list = found->second;
  const bool is_complete = list->is_complete();
  const bool gives_up = info[1].As<Napi::Boolean>();
  if (is_complete || gives_up) lists_.erase(found);
  return is_complete ? Share(info.Env(), list, list->records()) : info.Env().Undefined();
}

// takeEvents(into: Int32Array): the number of events, thirteen numbers each.
Napi::Value EngineWrap::TakeEvents(const Napi::CallbackInfo& info) {
  assert(info[0].IsTypedArray());
  auto into = info[0].As<Napi::Int32Array>();
  constexpr std::size_t kWords = sizeof(SessionEvent) / sizeof(std::int32_t);
  auto* events = reinterpret_cast<SessionEvent*>(into.Data());
  const std::size_t count = engine_->TakeEvents({events, into.ElementLength() / kWords});
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

void EngineWrap::Ref(const Napi::CallbackInfo& info) { doorbell_.Ref(info.Env()); }

void EngineWrap::Unref(const Napi::CallbackInfo& info) { doorbell_.Unref(info.Env()); }

void EngineWrap::Close(const Napi::CallbackInfo& /*info*/) { Stop(); }

}  // namespace spliceway
