#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "check.h"
#include "engine/engine.h"
#include "sockets.h"

namespace spliceway::testing {

constexpr int kDeadlineMs = 60'000;
constexpr std::uint32_t kNoSlot = 0xFFFFFFFF;

/// Owns an engine and waits for its doorbell as JavaScript's thread does.
class EngineHarness {
 public:
  explicit EngineHarness(const Engine::Options& options);
  /// One listener and one backend.
  explicit EngineHarness(std::size_t threads)
      : EngineHarness({.threads = threads, .listeners = 1, .backends = 1}) {}

  Engine& operator*() { return *engine_; }
  Engine* operator->() { return engine_.get(); }
  void Stop() { engine_.reset(); }

  /// Opens a listening socket for the engine and returns its address. Its pool is 0 where none is
  /// named.
  SocketAddress Listen(const ListenerOptions& options = {}, std::uint16_t listener = 0);
  /// The same on a socket that is there.
  void ListenOn(UniqueFd fd, const ListenerOptions& options = {}, std::uint16_t listener = 0);

  /// The same, for clients who all go to `backend`, the engine's first, and are not reported.
  SocketAddress ListenFor(const Listener& backend);

  /// Takes the events that are there.
  void TakeEvents();
  /// Collects events until `count` of `kind` have come.
  void WaitFor(SessionEvent::Kind kind, std::size_t count);
  [[nodiscard]] std::size_t Count(SessionEvent::Kind kind) const;
  /// The first event of `kind` that was collected; fails the test where there is none.
  [[nodiscard]] SessionEvent First(SessionEvent::Kind kind) const;
  /// Failed attempts that were collected for a backend.
  [[nodiscard]] std::int32_t Failures(std::int32_t backend) const;
  /// What was collected for one slot, in order.
  [[nodiscard]] std::vector<SessionEvent::Kind> KindsOf(std::int32_t slot) const;

  /// A slot for a session that is to be started, or kNoSlot.
  std::uint32_t TakeSlot();
  /// Free slots, counted by taking all of them and giving them back.
  [[nodiscard]] std::size_t FreeSlots();

  std::vector<SessionEvent> events;
  /// Rings of the doorbell.
  std::atomic<int> rings{0};
  /// Called on the loop's thread at each ring. Set it while the loops have nothing to report.
  std::function<void()> on_ring;

 private:
  std::counting_semaphore<> bell_{0};
  std::unique_ptr<Engine> engine_;
};

/// The same for loops that have no engine.
void ListenOn(Crew& crew, UniqueFd fd, const ListenerOptions& options = {},
              std::uint16_t listener = 0);

/// A loop whose turns the test runs itself, so that it decides what happens in which.
Worker& AddWorker(Crew& crew);

/// The session that an event is about.
SessionName NameOf(const SessionEvent& event);

/// The port of this end.
std::uint16_t LocalPort(const UniqueFd& fd);
/// A TCP connection to `address`, or an invalid descriptor and errno's number in errno.
UniqueFd ConnectTo(const SocketAddress& address);
/// Takes the next connection of a backend; waits for it.
UniqueFd AwaitClient(const Listener& listener);
/// The same, but answers at once whether one came within `ms`.
bool ClientWaits(const Listener& listener, int ms);
/// Reads until `wanted` bytes came, the stream ended or the deadline passed.
std::string Await(const UniqueFd& fd, std::size_t wanted);
/// Waits for the end of the stream: 0, or the negated errno of its failure.
int AwaitEnd(const UniqueFd& fd);
/// How a client fares who is refused: as `AwaitEnd`. The reset may be there before connect() is
/// done, which reports it then.
int AwaitRefusal(const SocketAddress& address);
/// Waits for `done` without events; fails the test after a while.
bool AwaitThat(const std::function<bool()>& done, const char* what);

/// Waits until every other thread of this process sleeps: no loop is on its way back to its events.
bool AwaitSleep();

/// A port that nobody listens on, and that nobody else gets.
struct Refusing {
  Refusing();
  UniqueFd fd;
  SocketAddress address;
};

/// The limit of descriptors, while it lives, for engines that are created meanwhile: an engine
/// derives its number of sessions from it.
class DescriptorLimitScope {
 public:
  explicit DescriptorLimitScope(std::size_t limit);
  ~DescriptorLimitScope();
  DescriptorLimitScope(const DescriptorLimitScope&) = delete;
  DescriptorLimitScope& operator=(const DescriptorLimitScope&) = delete;

 private:
  unsigned long before_;
};

}  // namespace spliceway::testing
