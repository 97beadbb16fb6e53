#include "engine_wrap.h"

#include <cassert>
#include <span>
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

SessionTimeouts Timeouts(const Napi::Value& value) {
  assert(value.IsTypedArray());
  const auto array = value.As<Napi::Uint32Array>();
  assert(array.ElementLength() == 3);
  return {.connect_ms = array[0], .idle_ms = array[1], .half_close_ms = array[2]};
}

/// An ArrayBuffer over counters. It keeps them alive, so it may be read after the engine is gone.
template <typename Row>
Napi::Value Share(Napi::Env env, const std::shared_ptr<Counters>& counters, std::span<Row> rows) {
  auto keep = std::make_unique<std::shared_ptr<Counters>>(counters);
  return Napi::ArrayBuffer::New(
      env, rows.data(), rows.size_bytes(),
      [](Napi::BasicEnv, void*, std::shared_ptr<Counters>* kept) { delete kept; }, keep.release());
}

}  // namespace

void EngineWrap::Init(Napi::Env env, Napi::Object exports) {
  exports.Set(
      "Engine",
      DefineClass(
          env, "Engine",
          {InstanceMethod<&EngineWrap::Counters>("counters"),
           InstanceMethod<&EngineWrap::SessionCounters>("sessionCounters"),
           InstanceMethod<&EngineWrap::MaxSessions>("maxSessions"),
           InstanceMethod<&EngineWrap::Start>("start"), InstanceMethod<&EngineWrap::Join>("join"),
           InstanceMethod<&EngineWrap::ConnectTcp>("connectTcp"),
           InstanceMethod<&EngineWrap::ConnectUnix>("connectUnix"),
           InstanceMethod<&EngineWrap::End>("end"),
           InstanceMethod<&EngineWrap::TakeEvents>("takeEvents"),
           InstanceMethod<&EngineWrap::Ref>("ref"), InstanceMethod<&EngineWrap::Unref>("unref"),
           InstanceMethod<&EngineWrap::Close>("close")}));
}

EngineWrap::EngineWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  doorbell_ = Napi::ThreadSafeFunction::New(env, info[3].As<Napi::Function>(), "spliceway", 0, 1);
  doorbell_.Unref(env);
  // Added after the thread-safe function, whose own hook must run later: hooks run last in, first
  // out, and the loops have to stop before the doorbell goes. (Before any hook runs, a worker that
  // is terminated may still be handed a ring of the bell. The call into JavaScript fails then,
  // which NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS, set in binding.gyp, makes harmless.)
  napi_add_env_cleanup_hook(env, CleanUp, this);

  int error = 0;
  engine_ = Engine::Create(
      {.threads = Unsigned(info[0]), .listeners = Unsigned(info[1]), .backends = Unsigned(info[2])},
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

Napi::Value EngineWrap::SessionCounters(const Napi::CallbackInfo& info) {
  return Share(info.Env(), counters_, counters_->sessions());
}

Napi::Value EngineWrap::MaxSessions(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(counters_->sessions().size()));
}

// start(slot, fd, prefix, listener, timeouts). Owns `fd` from here on.
void EngineWrap::Start(const Napi::CallbackInfo& info) {
  engine_->Start({.slot = Unsigned(info[0]),
                  .client = UniqueFd(Signed(info[1])),
                  .client_prefix = Bytes(info[2]),
                  .listener = Signed(info[3]),
                  .timeouts = Timeouts(info[4])});
}

// join(slot, fd, prefix). Owns `fd` from here on.
void EngineWrap::Join(const Napi::CallbackInfo& info) {
  engine_->Join({.slot = Unsigned(info[0]),
                 .backend = UniqueFd(Signed(info[1])),
                 .backend_prefix = Bytes(info[2])});
}

// connectTcp(slot, backend, isLast, ip, port). What is not an IP literal fails as any address does
// that the kernel does not know.
void EngineWrap::ConnectTcp(const Napi::CallbackInfo& info) {
  const auto port = static_cast<std::uint16_t>(Unsigned(info[4]));
  Connect(info, SocketAddress::FromIp(info[3].As<Napi::String>(), port));
}

// connectUnix(slot, backend, isLast, path)
void EngineWrap::ConnectUnix(const Napi::CallbackInfo& info) {
  Connect(info, SocketAddress::FromPath(info[3].As<Napi::String>()));
}

void EngineWrap::Connect(const Napi::CallbackInfo& info,
                         const std::optional<SocketAddress>& address) {
  engine_->Connect({.slot = Unsigned(info[0]),
                    .backend = Unsigned(info[1]),
                    .is_last = info[2].As<Napi::Boolean>(),
                    .address = address.value_or(SocketAddress{})});
}

// end(slot, ending)
void EngineWrap::End(const Napi::CallbackInfo& info) {
  engine_->End({.slot = Unsigned(info[0]), .ending = static_cast<Ending>(Unsigned(info[1]))});
}

// takeEvents(into: Int32Array): the number of events, four numbers each.
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
