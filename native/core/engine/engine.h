#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/event_queue.h"
#include "engine/worker.h"
#include "stats/counters.h"

namespace spliceway {

/// The data plane: a fixed set of loops, each on its own thread. Used by one thread, its owner;
/// sessions are named by slots, numbers below `max_sessions()` that the owner gives out and reuses
/// only after kClosed came.
class Engine {
 public:
  struct Options {
    std::size_t threads = 1;
    std::size_t listeners = 0;  ///< Rows of the counters.
    std::size_t backends = 0;
  };

  /// Sessions that the limit of descriptors allows: two a session, after what pipes and everything
  /// else may take.
  static std::size_t MaxSessions();

  /// Nothing, and errno's number in `error`, when the kernel has no descriptor left. `doorbell` is
  /// called from the loops when there are events to take; it must not call the engine.
  static std::unique_ptr<Engine> Create(const Options& options, std::function<void()> doorbell,
                                        int& error);
  /// Resets every session that is left and joins the threads.
  ~Engine();

  /// Makes a session of a connected client, on the loop with the fewest sessions. `command.slot`
  /// must be free.
  void Start(StartCommand command);
  void Connect(const ConnectCommand& command);
  void Join(JoinCommand command);
  void End(const EndCommand& command);

  /// See `EventQueue::Take`.
  std::size_t TakeEvents(std::span<SessionEvent> into) { return events_.Take(into); }

  [[nodiscard]] std::size_t max_sessions() const { return worker_of_slot_.size(); }
  [[nodiscard]] std::shared_ptr<Counters> counters() const { return counters_; }

 private:
  Engine(std::size_t sessions, std::shared_ptr<Counters> counters, std::function<void()> doorbell)
      : counters_(std::move(counters)), events_(std::move(doorbell)), worker_of_slot_(sessions) {}

  Worker& WorkerOf(std::uint32_t slot);

  std::shared_ptr<Counters> counters_;
  EventQueue events_;
  std::vector<std::uint16_t> worker_of_slot_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace spliceway
