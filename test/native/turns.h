#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "sockets.h"

namespace spliceway::testing {

/// Loops whose turns the test runs itself, and what their owner is told.
class Turns {
 public:
  explicit Turns(std::size_t loops, std::size_t sessions = 16)
      : crew(sessions, kRows, kRows, std::make_shared<Counters>(loops, kRows, kRows, sessions),
             PipeLimits::ForThisMachine(loops), loops, [] {}) {
    while (crew.workers.size() < loops) AddWorker(crew);
  }

  /// A turn of a loop, also where there is nothing to do.
  void Run(std::size_t loop = 0) {
    Worker& worker = *crew.workers[loop];
    worker.Post(PauseListenerCommand{.listener = kNoRow, .pauses = false});
    worker.RunTurn();
  }
  template <typename Done>
  void RunUntil(Done done, std::size_t loop = 0) {
    while (!done()) Run(loop);
  }

  /// Opens a listening socket and returns its address. Its pool is its own number where none is
  /// named. The loops know of it in their next turn.
  SocketAddress Listen(std::uint16_t listener, ListenerOptions options = {}) {
    if (options.pool == kNoPool) options.pool = listener;
    Listener socket = ListenTcp();
    ListenOn(crew, std::move(socket.fd), options, listener);
    return socket.address;
  }
  void SetBackend(std::uint16_t row, Addresses addresses) {
    crew.table.SetAddresses(row, std::move(addresses), AddressOrder::kAsGiven);
    crew.Publish();
  }
  void SetPool(std::uint16_t pool, PickPlan plan) {
    crew.table.SetPool(pool, std::move(plan));
    crew.Publish();
  }

  /// What the owner is told since it was asked last.
  std::vector<SessionEvent> Told() {
    std::vector<SessionEvent> events(100);
    events.resize(crew.events.Take(events));
    return events;
  }
  [[nodiscard]] std::size_t Count(SessionEvent::Kind kind) {
    std::size_t count = 0;
    for (const SessionEvent& event : Told()) count += event.kind == kind ? 1 : 0;
    return count;
  }
  [[nodiscard]] std::size_t alive(std::size_t loop = 0) const {
    return crew.workers[loop]->sessions_alive();
  }

  static constexpr std::size_t kRows = 4;
  Crew crew;
};

}  // namespace spliceway::testing
