#include <napi.h>

#include <cstdint>
#include <optional>
#include <string>

#include "engine_wrap.h"
#include "sys/sys.h"

namespace spliceway {
namespace {

// duplicateDescriptor(fd): a second descriptor for the same socket, non-blocking and close-on-exec,
// or errno's number negated. The caller owns it.
Napi::Value DuplicateDescriptor(const Napi::CallbackInfo& info) {
  sys::Opened duplicate = sys::Duplicate(info[0].As<Napi::Number>().Int32Value());
  if (!duplicate.fd.valid()) return Napi::Number::New(info.Env(), -duplicate.error);
  // libuv opens its sockets non-blocking, but this one may have come from elsewhere (`new
  // net.Socket({ fd })`).
  const sys::Result non_blocking = sys::SetNonBlocking(duplicate.fd.get());
  if (non_blocking.status != sys::Status::kOk)
    return Napi::Number::New(info.Env(), -non_blocking.error);
  return Napi::Number::New(info.Env(), duplicate.fd.Release());
}

// closeDescriptor(fd): gives up what duplicateDescriptor gave.
void CloseDescriptor(const Napi::CallbackInfo& info) {
  UniqueFd(info[0].As<Napi::Number>().Int32Value()).Reset();
}

/// Closes a descriptor that was guarded when its environment goes.
void CloseGuarded(void* fd) {
  UniqueFd(static_cast<int>(reinterpret_cast<std::intptr_t>(fd))).Reset();
}

void* AsHookArgument(const Napi::Value& fd) {
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(fd.As<Napi::Number>().Int32Value()));
}

// guardDescriptor(fd): has it closed with this thread's environment. JavaScript's own number for a
// descriptor would outlive a worker that is terminated.
void GuardDescriptor(const Napi::CallbackInfo& info) {
  napi_add_env_cleanup_hook(info.Env(), CloseGuarded, AsHookArgument(info[0]));
}

// unguardDescriptor(fd): takes that back.
void UnguardDescriptor(const Napi::CallbackInfo& info) {
  napi_remove_env_cleanup_hook(info.Env(), CloseGuarded, AsHookArgument(info[0]));
}

// inspectSocket(fd): what it is to somebody who wants to accept on it.
Napi::Value InspectSocket(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>().Int32Value();
  Napi::Object found = Napi::Object::New(info.Env());
  found.Set("kind", static_cast<double>(sys::Inspect(fd)));
  found.Set("path", sys::BoundPath(fd));
  return found;
}

// peerCredentials(fd): who is at the other end of a Unix socket, or undefined.
Napi::Value PeerCredentials(const Napi::CallbackInfo& info) {
  const std::optional<sys::PeerCredentials> peer =
      sys::CredentialsOfPeer(info[0].As<Napi::Number>().Int32Value());
  if (!peer.has_value()) return info.Env().Undefined();
  Napi::Object found = Napi::Object::New(info.Env());
  found.Set("pid", static_cast<double>(peer->pid));
  found.Set("uid", static_cast<double>(peer->uid));
  found.Set("gid", static_cast<double>(peer->gid));
  return found;
}

// notify(to, text, waits): one datagram to a Unix socket; 0, or errno's number.
Napi::Value Notify(const Napi::CallbackInfo& info) {
  const std::string to = info[0].As<Napi::String>().Utf8Value();
  const std::string text = info[1].As<Napi::String>().Utf8Value();
  const bool waits = info[2].As<Napi::Boolean>().Value();
  return Napi::Number::New(info.Env(), sys::Notify(to, text, waits));
}

// pipeBudget(): what pipes may cost here, for `spliceway doctor`.
Napi::Value PipeBudget(const Napi::CallbackInfo& info) {
  const PipeLimits limits = PipeLimits::ForThisMachine(1);
  Napi::Object budget = Napi::Object::New(info.Env());
  budget.Set("bytes", static_cast<double>(limits.total_bytes));
  budget.Set("pipes", static_cast<double>(limits.pipes));
  budget.Set("maxSessions", static_cast<double>(Engine::MaxSessions({.threads = 1})));
  return budget;
}

// trySplice(): 0 when a byte can be spliced from a socket to a socket here, else errno's number.
Napi::Value TrySplice(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), sys::TrySplice());
}

// pacesUnlessTold(): whether TCP sends by a timer here, and the engine has that switched off for
// what goes to loopback addresses.
Napi::Value PacesUnlessTold(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), sys::PacesUnlessTold());
}

// exitAtOnce(status): ends the process without waiting for its threads.
void ExitAtOnce(const Napi::CallbackInfo& info) {
  sys::ExitAtOnce(info[0].As<Napi::Number>().Int32Value());
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("version", SPLICEWAY_VERSION);
  EngineWrap::Init(env, exports);
  exports.Set("duplicateDescriptor", Napi::Function::New<DuplicateDescriptor>(env));
  exports.Set("closeDescriptor", Napi::Function::New<CloseDescriptor>(env));
  exports.Set("guardDescriptor", Napi::Function::New<GuardDescriptor>(env));
  exports.Set("unguardDescriptor", Napi::Function::New<UnguardDescriptor>(env));
  exports.Set("inspectSocket", Napi::Function::New<InspectSocket>(env));
  exports.Set("peerCredentials", Napi::Function::New<PeerCredentials>(env));
  exports.Set("notify", Napi::Function::New<Notify>(env));
  exports.Set("pipeBudget", Napi::Function::New<PipeBudget>(env));
  exports.Set("trySplice", Napi::Function::New<TrySplice>(env));
  exports.Set("pacesUnlessTold", Napi::Function::New<PacesUnlessTold>(env));
  exports.Set("exitAtOnce", Napi::Function::New<ExitAtOnce>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(NODE_GYP_MODULE_NAME, Init)

}  // namespace spliceway
