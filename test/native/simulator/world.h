#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "choices.h"
#include "engine/worker.h"
#include "kernel.h"
#include "peer.h"

namespace spliceway::simulator {

/// What a run came to.
struct Outcome {
  std::string failure;  ///< Empty when all that must hold did.
  std::uint64_t steps = 0;
  std::uint64_t calls = 0;  ///< Of the core.
  std::uint64_t bytes = 0;  ///< Read by the core.
  std::uint64_t sessions = 0;
};

/// One schedule: the core's real loops and sessions on a simulated kernel, with clients and
/// backends, in one thread. Whatever may happen next is a choice: a turn of a loop, bytes that
/// arrive, a peer that acts, the program that owns the engine; time goes on when nothing can
/// happen.
class World {
 public:
  struct Options {
    bool traces = false;                ///< Prints all that happens.
    std::size_t most_bytes = SIZE_MAX;  ///< That one end sends.
  };
  World(Choices& choices, const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome Run();

 private:
  /// A client, the backend it is joined to, and what became of them.
  struct Pair {
    std::unique_ptr<Peer> client;
    std::unique_ptr<Peer> backend;
    std::vector<std::unique_ptr<Peer>> given_up;  ///< Backends that answered too late.
    Habits client_habits;
    Habits backend_habits;
    std::uint64_t starts_at_us = 0;
    bool started = false;
    bool by_owner = false;    ///< Handed over by the program instead of accepted by a loop.
    bool joins = false;       ///< To a socket that is connected already.
    bool refused = false;     ///< Nobody listened any more.
    bool left_alone = false;  ///< No backend answered.
    bool ended_by_owner = false;
    std::optional<std::uint32_t> slot;
    std::optional<CloseReason> reason;
    std::vector<std::uint16_t> rows_left;  ///< For the owner, who picks.
  };
  enum class Step : std::uint8_t { kTurn, kPass, kTell, kPeer, kStart, kOwner, kDrain };
  struct Possible {
    Step step;
    std::size_t which;
  };

  void SetUp();
  void MakeWorkers(std::size_t count, Transfer transfer);
  void MakeBackends();
  void MakePairs();

  void CollectPossible();
  void Take(const Possible& possible);
  void Turn(std::size_t worker);
  void Tell(Socket& socket);
  void StartClient(Pair& pair);
  void ServeOwner();
  void HandleEvent(const SessionEvent& event);
  void GiveBackend(Pair& pair);
  void Drain();
  /// False when nothing will ever happen any more.
  bool LetTimePass();
  void CheckThatNothingWaits(std::uint64_t until_us);
  [[nodiscard]] bool IsOver() const;
  void GiveUp();
  void Finish();

  Pair* PairOf(const Socket& backend_socket);
  Pair* PairOfSlot(std::uint32_t slot);
  void CheckPair(const Pair& pair);
  void CheckEnd(const Pair& pair, const Peer& from, const Peer& to);
  void CheckCounters();
  void CheckCosts();

  Choices& choices_;
  Options options_;
  Kernel kernel_;
  std::unique_ptr<Crew> crew_;
  SessionTimeouts timeouts_;
  std::vector<int> epolls_;      // of the workers
  std::vector<int> idle_turns_;  // in a row that did nothing
  std::vector<Pair> pairs_;
  std::vector<Possible> possible_;
  std::vector<std::uint16_t> rows_;
  std::size_t base_descriptors_ = 0;
  std::uint64_t drains_at_us_ = kNever;
  std::uint64_t gives_up_at_us_ = kNever;
  bool drain_asked_ = false;
  bool listeners_closed_ = false;
  bool drained_ = false;
  bool rung_ = false;
  bool may_stay_ = false;
  bool gave_up_ = false;
  std::uint64_t stimuli_ = 0;
  Outcome outcome_;
};

}  // namespace spliceway::simulator
