#pragma once

#include <napi.h>

#include <cstdint>
#include <map>
#include <memory>

#include "engine/engine.h"

namespace spliceway {

/// The JavaScript face of `Engine`: src/engine/native/binding.ts has its types and says what each
/// method does. Arguments are checked there; here they are only asserted.
class EngineWrap final : public Napi::ObjectWrap<EngineWrap> {
 public:
  static void Init(Napi::Env env, Napi::Object exports);

  explicit EngineWrap(const Napi::CallbackInfo& info);
  ~EngineWrap() override;

 private:
  Napi::Value Counters(const Napi::CallbackInfo& info);
  Napi::Value Ends(const Napi::CallbackInfo& info);
  Napi::Value Histograms(const Napi::CallbackInfo& info);
  Napi::Value Loops(const Napi::CallbackInfo& info);
  Napi::Value Pipes(const Napi::CallbackInfo& info);
  Napi::Value Moved(const Napi::CallbackInfo& info);
  Napi::Value MaxSessions(const Napi::CallbackInfo& info);
  Napi::Value PostBarrier(const Napi::CallbackInfo& info);
  Napi::Value HavePassed(const Napi::CallbackInfo& info);
  void Hold(const Napi::CallbackInfo& info);
  void Publish(const Napi::CallbackInfo& info);
  void SetBackend(const Napi::CallbackInfo& info);
  void SetSources(const Napi::CallbackInfo& info);
  void LimitBackend(const Napi::CallbackInfo& info);
  void SetBackendState(const Napi::CallbackInfo& info);
  Napi::Value EarlyResets(const Napi::CallbackInfo& info);
  void ForgetEarlyResets(const Napi::CallbackInfo& info);
  Napi::Value RemoveBackend(const Napi::CallbackInfo& info);
  Napi::Value IsBackendVacant(const Napi::CallbackInfo& info);
  Napi::Value InUse(const Napi::CallbackInfo& info);
  Napi::Value IsSwept(const Napi::CallbackInfo& info);
  void ResetBackendCounters(const Napi::CallbackInfo& info);
  void SetPool(const Napi::CallbackInfo& info);
  void RemovePool(const Napi::CallbackInfo& info);
  void LimitPool(const Napi::CallbackInfo& info);
  void ResetPool(const Napi::CallbackInfo& info);
  Napi::Value Queued(const Napi::CallbackInfo& info);
  Napi::Value PoolFigures(const Napi::CallbackInfo& info);
  void SetListener(const Napi::CallbackInfo& info);
  void Listen(const Napi::CallbackInfo& info);
  void CloseListener(const Napi::CallbackInfo& info);
  Napi::Value IsListenerVacant(const Napi::CallbackInfo& info);
  void ResetListenerCounters(const Napi::CallbackInfo& info);
  void PauseListener(const Napi::CallbackInfo& info);
  void ResumeListener(const Napi::CallbackInfo& info);
  void Drain(const Napi::CallbackInfo& info);
  void Attend(const Napi::CallbackInfo& info);
  Napi::Value CameBack(const Napi::CallbackInfo& info);
  Napi::Value TakeSlot(const Napi::CallbackInfo& info);
  void ReleaseSlot(const Napi::CallbackInfo& info);
  void Start(const Napi::CallbackInfo& info);
  void Join(const Napi::CallbackInfo& info);
  void Connect(const Napi::CallbackInfo& info);
  void Queue(const Napi::CallbackInfo& info);
  void End(const Napi::CallbackInfo& info);
  Napi::Value EndNamed(const Napi::CallbackInfo& info);
  void EndSessions(const Napi::CallbackInfo& info);
  void EndIdle(const Napi::CallbackInfo& info);
  Napi::Value ListSessions(const Napi::CallbackInfo& info);
  Napi::Value TakeSessions(const Napi::CallbackInfo& info);
  Napi::Value TakeEvents(const Napi::CallbackInfo& info);
  void Ref(const Napi::CallbackInfo& info);
  void Unref(const Napi::CallbackInfo& info);
  void Close(const Napi::CallbackInfo& info);

  static void CleanUp(void* self);
  void Stop();

  Napi::ThreadSafeFunction doorbell_;
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<spliceway::Counters> counters_;
  std::map<std::uint32_t, std::shared_ptr<SessionList>>
      lists_;  // by the number that each was given
  std::uint32_t lists_begun_ = 0;
};

}  // namespace spliceway
