#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/worker.h"
#include "stats/counters.h"

namespace spliceway {

/// The data plane: a fixed set of loops, each on its own thread. Used by one thread, its owner.
///
/// A session has a slot, a number below `max_sessions()`, from its beginning until its loop has
/// nothing more to do with it: the owner may still have kClosed to take while another one has the
/// slot. So sessions are named by slot and generation. What is asked of one that has ended is not
/// done.
class Engine {
 public:
  struct Options {
    std::size_t threads = 1;
    /// Rows of the counters at most: those that are never used cost nothing.
    std::size_t listeners = 0;
    std::size_t backends = 0;
    Transfer transfer = Transfer::kAuto;
    /// How long a loop that has nothing to do polls before it sleeps; 0 sleeps at once.
    std::uint32_t busy_poll_us = 0;
    /// After so many seconds of silence, clients that the loops accept and backends are asked
    /// whether they are still there (`sys::SetKeepAlive`); 0 never asks.
    std::uint16_t keep_alive_s = 0;
    /// Fewer sessions than the descriptors allow; 0 is as many as those do.
    std::size_t max_sessions = 0;
  };

  /// More sessions than this need more than one process.
  static constexpr std::size_t kMostSessions = 1 << 20;

  /// Sessions that the options and the limit of descriptors allow: two a session, after what the
  /// engine itself holds, its pipes included, and the program around it.
  static std::size_t MaxSessions(const Options& options);

  /// Nothing, and errno's number in `error`, when the kernel has no descriptor left. `doorbell` is
  /// called from the loops when there are events to take; it must not call the engine.
  static std::unique_ptr<Engine> Create(const Options& options, std::function<void()> doorbell,
                                        int& error);
  /// Joins the threads and resets every session that is left.
  ~Engine();

  /// What is published holds for a loop from its next turn on, and for whatever is told to a
  /// session afterwards. A loop picks by what was published at one moment, never by a part of it.
  ///
  /// From here on changes are collected, to be published together: those of backends' addresses, of
  /// pools and of listeners' options.
  void Hold() { holds_ = true; }
  void Publish();

  /// Publishes the addresses of a backend, of which the first 255 are tried. In turn, 64 of them at
  /// most come first. Its sessions count in `pool`, which stays the same as long as there are any.
  void SetBackend(std::uint16_t row, Addresses addresses,
                  AddressOrder order = AddressOrder::kAsGiven, std::uint16_t pool = 0);
  /// Publishes where connections to a backend come from: IP addresses of this machine, of which 64
  /// of each family are used in turn. Where there are none of the family of an address of the
  /// backend, the kernel picks one. They outlast `RemoveBackend`, for those on their way.
  void SetSources(std::uint16_t row, const Addresses& sources);
  /// How many sessions a backend may have at once; 0 is any number. Once it has as many, it is
  /// passed over. Where it has more already, they go on.
  void LimitBackend(std::uint16_t row, std::uint32_t most) {
    crew_.table.Row(row).Limit(most);
    crew_.TellQueue(crew_.table.PoolOf(row));
  }
  /// Whether new sessions set out for a backend; they do at first. One that may not have any is
  /// passed over; but see `PickPlan::tries_down`. Who waits there, for room or for a descriptor,
  /// goes elsewhere when it would try again.
  void SetBackendState(std::uint16_t row, BackendState state) {
    crew_.table.Row(row).SetState(state);
    crew_.TellQueue(crew_.table.PoolOf(row));
  }
  /// Sessions that a backend has ended soon after they began, one after the other, up to now: see
  /// `SessionTimeouts::early_reset_ms`. The first byte that it sends anybody forgets them, and so
  /// does the owner.
  [[nodiscard]] std::uint32_t EarlyResets(std::uint16_t row) const {
    return crew_.table.Row(row).early_resets();
  }
  void ForgetEarlyResets(std::uint16_t row) { crew_.table.Row(row).ForgetEarlyResets(); }
  /// How many sessions all backends of a pool may have together; 0 is any number. A pool that has
  /// as many is full, and so are all its backends. Clients for whom all that are up are full wait
  /// in its queue, first come, first served: `queue_length` at most, and 0 switches it off; for
  /// `queue_timeout_ms` at most, and 0 is any time. While some wait, others who come wait behind
  /// them. It may change at any time, and publishes nothing: those that wait go on to, also where
  /// the queue is shorter now.
  void LimitPool(std::uint16_t pool, std::uint32_t most, std::uint32_t queue_length,
                 std::uint32_t queue_timeout_ms) {
    crew_.LimitPool(pool, most, queue_length, queue_timeout_ms);
  }
  /// How many wait in the queue of a pool.
  [[nodiscard]] std::uint32_t Queued(std::uint16_t pool) const {
    return crew_.table.PoolRowOf(pool).waiting();
  }
  /// What has become of those that waited there.
  [[nodiscard]] QueueFigures QueueFiguresOf(std::uint16_t pool) {
    const PoolQueue* const queue = crew_.queues.Find(pool);
    return queue == nullptr ? QueueFigures{} : queue->figures();
  }
  /// For the next pool of this number, when the rows of all its backends are vacant and nobody
  /// waits: limits and figures are as at first.
  void ResetPool(std::uint16_t pool) { crew_.ResetPool(pool); }
  /// Publishes how clients of a pool are served. Turns go on at the part of the round where they
  /// are in the cycles of the plan that the pool had before.
  void SetPool(std::uint16_t pool, PickPlan plan);
  /// The pool is gone. For clients of a listener that names it the owner is asked.
  void RemovePool(std::uint16_t pool);
  /// Takes a backend's addresses away, when no pool that is published, or held, has it any more.
  /// Its sessions go on. Returns the generation for `IsVacant`.
  std::uint64_t RemoveBackend(std::uint16_t row);
  /// Whether the row may be another backend's, when its own was removed in generation `removed`:
  /// every loop knows, the last session has left, and no sweep is under way that would end those of
  /// the next one. Events that name it may still be to be taken: all those that there are must be,
  /// before the row is another's.
  [[nodiscard]] bool IsVacant(std::uint16_t row, std::uint64_t removed) {
    return crew_.IsVacant(row, removed);
  }
  /// Whether some loop still looks for sessions of a backend that it was asked to end.
  [[nodiscard]] bool IsSwept(std::uint16_t row) { return crew_.IsSwept(row); }
  /// Slots of sessions that were ever made: no session is in any beyond.
  [[nodiscard]] std::size_t slots() { return crew_.slab.high_water(); }
  /// Sessions that a backend has now, those included that are on their way to it.
  [[nodiscard]] std::uint32_t InUse(std::uint16_t row) { return crew_.table.Row(row).in_use(); }
  /// For the next backend in a row that is vacant: its counters, limit and state are as at first.
  void ResetBackend(std::uint16_t row) { crew_.ResetBackend(row); }
  /// Counts up with each change that is published.
  [[nodiscard]] std::uint64_t generation() const { return crew_.table.published()->generation(); }
  /// The generation that every loop picks by, or a later one.
  [[nodiscard]] std::uint64_t taken_generation() const { return crew_.TakenGeneration(); }

  /// For `HavePassed`: whether every loop has done all that was asked of it by now, and picks by
  /// what is published now, or later.
  std::uint64_t PostBarrier() { return crew_.PostBarrier(); }
  [[nodiscard]] bool HavePassed(std::uint64_t barrier) const { return crew_.HavePassed(barrier); }

  /// Publishes what holds for the clients that a listener takes from now on. It may change while
  /// the listener accepts. `limits` hold for all listeners that name the number of the same
  /// service: at once, and for those who are there already when a limit begins to hold, but for the
  /// sessions of one client, of which those count that begin while there is a limit.
  void SetListener(std::uint16_t listener, ListenerOptions options,
                   const ServiceLimits& limits = {});
  /// Accepts on a listening socket, on all loops. The options of the listener, its row of the
  /// counters, must have been published. With `pauses`, it begins as after `PauseListener`.
  void Listen(std::uint16_t listener, UniqueFd fd, bool pauses = false) {
    crew_.Listen(std::move(fd), listener, ListeningSocket::kInARow, pauses);
  }
  /// Accepts no more on a listener. Those in the kernel's queue are taken first, also of one that
  /// pauses. Returns at once.
  void CloseListener(std::uint16_t listener) { crew_.CloseListener(listener); }
  /// Whether the row may be another listener's: it was closed, on every loop, every client that it
  /// took has begun and ended, and no sweep is under way that would end those of the next one. To
  /// be asked until it is, for each time may be what the next one needs. Events as for `IsVacant`.
  [[nodiscard]] bool IsListenerVacant(std::uint16_t listener) {
    return crew_.IsListenerVacant(listener);
  }
  /// For the next listener in a row that is vacant: its counters are as at first.
  void ResetListener(std::uint16_t listener) { crew_.ResetListener(listener); }
  /// Clients of a listener wait in the kernel's queue, from each loop's next turn on, until
  /// `ResumeListener`. A pause for want of slots or descriptors is another matter: neither ends the
  /// other, and no event tells of this one.
  void PauseListener(std::uint16_t listener) { crew_.PauseListener(listener, true); }
  void ResumeListener(std::uint16_t listener) { crew_.PauseListener(listener, false); }
  /// Closes all listeners, before it returns: it waits for the loops, a turn of theirs or, behind
  /// many commands, some, in which they take the clients who wait already. kDrained comes when the
  /// last session has ended, those of these clients included, and its slot is free.
  void Drain();
  /// For clients accepted from now on; kReport at first. One that is held is reported by kAccepted
  /// and kNeedBackend; so is one that is watched, where it waits. `Connect` with `kNoRow` has the
  /// loop pick; with `End`, no backend ever hears of it.
  void Attend(Attention attention) { crew_.attention.store(attention, std::memory_order_relaxed); }

  /// A free slot for a session of the owner's, or nothing when all are taken, or memory is.
  std::optional<SessionName> TakeSlot();
  /// Whether this is the name of a slot that was taken here, and whose session has neither started
  /// nor been given up.
  [[nodiscard]] bool IsReserved(const SessionName& name) const {
    return crew_.slab.LoopOf(name) == SessionSlab::kNoLoop;
  }
  /// Gives a slot back that was taken for a session which is not to start.
  void ReleaseSlot(std::uint32_t slot) { crew_.GiveSlot(slot); }
  /// Makes a session of a connected client, on the loop with the fewest sessions. Its slot must
  /// have been taken.
  void Start(SessionStart start);
  void Connect(const ConnectCommand& command);
  /// For a session that waits for a backend and whose owner picks: see `LimitPool`. Where it waits
  /// there already and has had its turn, it keeps its place.
  void Queue(const QueueCommand& command);
  void Join(JoinCommand command);
  /// Whether there is such a session, as far as is known here.
  bool End(const EndCommand& command);
  /// Ends all that each loop has of those sessions when it is told, and perhaps some that begin
  /// while it looks for them, some in each turn. To empty a backend, change its state before: then
  /// nobody comes. `IsVacant`, or the counters, tell when the last one has left.
  void EndSessions(const EndSessionsCommand& command) { crew_.EndSessions(command); }

  /// Asks each loop for its live sessions. Those are listed that have begun when it is told, some
  /// in each turn, and whose name is given by the slot: a session that ends meanwhile, or begins,
  /// may be among them. It is complete when every loop has looked.
  std::shared_ptr<SessionList> ListSessions(const ListOptions& options = {}) {
    return crew_.ListSessions(options);
  }

  /// As `OwnConnections::CameBack`, for a client that the owner accepted.
  std::optional<IpPort> CameBack(int client, const SocketAddress& peer) {
    return crew_.own_connections.CameBack(client, peer);
  }

  /// See `EventQueue::Take`.
  std::size_t TakeEvents(std::span<SessionEvent> into) { return crew_.events.Take(into); }

  /// What a session has moved so far; nothing once it has ended, for then kClosed tells.
  [[nodiscard]] std::optional<SessionEvent::Moved> MovedBy(const SessionName& name) const;

  [[nodiscard]] std::size_t max_sessions() const { return crew_.slab.capacity(); }
  /// What all loops have of pipes.
  [[nodiscard]] const PipeBudget& pipes() const { return crew_.pipes; }
  [[nodiscard]] std::shared_ptr<Counters> counters() const { return crew_.counters; }

 private:
  Engine(const Options& options, std::size_t sessions, std::function<void()> doorbell);

  /// Null for a session that has ended, or not begun.
  [[nodiscard]] Worker* WorkerOf(const SessionName& name) const;
  /// A change was made in the tables.
  void PublishUnlessHeld();

  Crew crew_;
  bool holds_ = false;
};

}  // namespace spliceway
