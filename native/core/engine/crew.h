#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "engine/asked_sweeps.h"
#include "engine/event_queue.h"
#include "engine/pool_queue.h"
#include "engine/session_list.h"
#include "engine/session_slab.h"
#include "engine/session_sweep.h"
#include "listen/client_table.h"
#include "listen/listening_socket.h"
#include "listen/own_connections.h"
#include "relay/pipe_budget.h"
#include "select/backend_table.h"
#include "select/random.h"
#include "session/session.h"
#include "stats/counters.h"
#include "sys/unique_fd.h"

namespace spliceway {

/// What becomes of the clients that the loops accept and pick for. The numbers are those of
/// src/engine/native/binding.ts.
enum class Attention : std::uint8_t {
  kNone = 0,    ///< Nobody is told of them, but of those whose backends have all failed.
  kReport = 1,  ///< They are reported, as far as the owner follows.
  /// They are reported, and wait for the owner's word for `Session::kWordMs`, or twice that where
  /// their loop comes late. Once one has waited in vain, those who come wait no more, until the
  /// owner has taken what waited for it by then.
  kWatch = 2,
  /// They are reported, and wait for the owner's word: no backend hears of them before.
  kHold = 3,
};

class Worker;

/// What all loops of an engine share. Every member may be used from any thread, each in the way
/// that its own type says.
struct Crew {
  /// `backends`, `listeners`: rows of the counters at most. Those that are never used cost nothing.
  Crew(std::size_t sessions, std::size_t backends, std::size_t listeners,
       std::shared_ptr<Counters> shared_counters, const PipeLimits& pipe_limits, std::size_t loops,
       std::function<void()> doorbell, std::size_t most_events = EventQueue::kMostWaiting);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  /// As `SessionSlab::Take`, with its counters at zero. `loop` is whose stock to use.
  std::optional<std::uint32_t> TakeSlot(int& error, std::size_t loop = SessionSlab::kNoStock);
  /// Gives a slot back, and tells those who wait for one, or for the last one.
  void GiveSlot(std::uint32_t slot, std::size_t loop = SessionSlab::kNoStock);
  /// Has all loops accept on a listening socket, whose row has options in the tables that were
  /// published before. The owner's thread.
  /// With `pauses`, clients wait in the kernel's queue until `PauseListener` says otherwise.
  void Listen(UniqueFd fd, std::uint16_t listener, int in_a_row = ListeningSocket::kInARow,
              bool pauses = false);
  /// Has all loops accept no more on a listener, when they have taken those who wait already. The
  /// owner's thread.
  void CloseListener(std::uint16_t listener);
  /// Has clients of a listener wait in the kernel's queue, or no longer. The owner's thread.
  void PauseListener(std::uint16_t listener, bool pauses);
  /// Whether a listener's row may be another's: it was closed, all loops have done so, and every
  /// client that it took has begun and ended. To be asked again and again, where it is not. The
  /// owner's thread.
  [[nodiscard]] bool IsListenerVacant(std::uint16_t listener);
  /// Asks all loops to tell when they have done all that was posted to them by now. The owner's
  /// thread.
  std::uint64_t PostBarrier();
  [[nodiscard]] bool HavePassed(std::uint64_t barrier) const;
  /// Publishes what has changed in `table`, if anything has, and has all loops pick by it. The
  /// owner's thread.
  void Publish();
  /// The generation of tables that every loop has taken, or a later one. No loop picks, from then
  /// on, what was gone by then.
  [[nodiscard]] std::uint64_t TakenGeneration() const;
  /// Whether a backend's row may be another's, when it was taken out of the tables of generation
  /// `removed`, and of all cycles: all loops know that, the last session has left, and nobody looks
  /// any more for sessions to end there. The owner's thread.
  [[nodiscard]] bool IsVacant(std::uint16_t row, std::uint64_t removed);
  /// Whether some loop still looks for sessions of a backend that it was asked to end. The owner's
  /// thread.
  [[nodiscard]] bool IsSwept(std::uint16_t row);
  /// Makes a vacant row as new, for its next owner: counters, and what is shared of a backend. The
  /// owner's thread.
  void ResetBackend(std::uint16_t row);
  void ResetListener(std::uint16_t listener);
  /// See `Engine::EndSessions`. The owner's thread.
  void EndSessions(const EndSessionsCommand& asked);
  /// See `Engine::ListSessions`.
  std::shared_ptr<SessionList> ListSessions(const ListOptions& options = {});
  /// There may be room in a pool: whoever waits for it is told.
  void TellQueue(std::uint16_t pool);
  /// The same. Everybody is to look.
  void TellAllOfQueue(std::uint16_t pool);
  /// Has those look who have their turn in a queue.
  void Post(const QueueTurns& turns);
  /// What holds for a pool, from now on; see `Engine::LimitPool`.
  void LimitPool(std::uint16_t pool, std::uint32_t most, std::uint32_t queue_length,
                 std::uint32_t queue_timeout_ms);
  /// Makes a pool's row as new, for its next owner, when nobody is there any more. The owner's
  /// thread.
  void ResetPool(std::uint16_t pool);
  /// What a listener of the configuration may have, in the options of one of its addresses. For
  /// those that come afterwards: where there are more already, they go on.
  void LimitService(ListenerOptions& options, const ServiceLimits& limits);
  /// Wakes those who wait for a place of a listener's, where there is room. Any thread.
  void TellOfPlaces(ServiceRow& service);
  /// Reports, once, that no listener is open and no session left, where someone asked for it.
  void ReportIfDrained();

  // First those that are aligned to a cache line, last those of a byte: no gap.
  SessionSlab slab;
  ClientTable clients;
  ClientTable service_clients;  ///< Of listeners that have a limit for each client.
  std::shared_ptr<Counters> counters;
  BackendTable table;
  PoolQueues queues;
  OwnConnections own_connections;
  EventQueue events;
  PipeBudget pipes;
  std::vector<std::unique_ptr<Worker>> workers;  ///< Complete before anything is posted to one.
  std::atomic<std::size_t> open_listeners{0};    ///< Of all loops: a socket is one for each.
  Shortage shortage;                             ///< While there is one, no client is taken.
  std::atomic<std::size_t> silent_ends{0};       ///< See `RingGuard`.
  /// One word: of two, a loop may find the one changed and the other not.
  std::atomic<Attention> attention{Attention::kReport};
  std::atomic<bool> draining{false};
  std::atomic<bool> slots_wanted{false};  ///< By some worker; see `Worker::TellOfSlots`.

 private:
  /// Of the loops' work, what the owner awaits before a listener's row is vacant.
  struct Closing {
    std::uint64_t barrier;
    /// All loops have closed it. Whom one took then it may have sent to another one.
    bool is_closed = false;
  };

  [[nodiscard]] std::uint64_t SweepsOver() const;

  // The owner's:
  ServiceRows services_;
  std::map<std::uint16_t, Closing> closing_;  // listeners, since they were closed last
  std::uint64_t barriers_ = 0;
  AskedSweeps sweeps_;
  Random samples_{0};
};

}  // namespace spliceway
