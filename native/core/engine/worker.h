#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/commands.h"
#include "engine/crew.h"
#include "engine/event_queue.h"
#include "engine/pool_queue.h"
#include "engine/ring_guard.h"
#include "engine/session_list.h"
#include "engine/session_sweep.h"
#include "listen/acceptor.h"
#include "loop/event_loop.h"
#include "loop/mailbox.h"
#include "select/held_tables.h"
#include "select/random.h"
#include "session/session.h"

namespace spliceway {

/// One loop, its thread, and the sessions that live on it.
class Worker final : private EventHandler,
                     private SessionOwner,
                     private AcceptorOwner,
                     private ReadyEntry,
                     private Timer {
 public:
  struct Options {
    std::size_t index;  ///< Among the workers of the engine; the writer of its counter rows.
    Transfer transfer;
    std::uint32_t busy_poll_us;
    std::uint16_t keep_alive_s;
    TurnBudget turn = {};
  };

  /// Nothing, and errno's number in `error`, when the kernel has no descriptor left. `crew` must
  /// outlive the worker.
  static std::unique_ptr<Worker> Create(const Options& options, Crew& crew, int& error);
  /// The thread must have been joined.
  ~Worker() = default;

  /// One turn of the loop, in the calling thread, which stands for the worker's own.
  void RunTurn();
  /// Starts the thread: 0, or errno's number.
  int Run();
  /// Tells the thread to end after this turn of the loop, and to reset the sessions that it has.
  void Stop();
  /// Waits for that. Nothing to do where the thread never ran.
  void Join();
  /// Has the sockets that were under way to this loop end as those of its sessions do. Only when
  /// the threads of all workers have ended: one that runs may send another.
  void ResetWhatIsPosted();

  /// Any thread. A session counts from here on, so that a burst of them spreads over the workers.
  void Start(StartCommand command);
  /// Any thread. For commands to a session that was started here, and to the loop as a whole.
  void Post(Command command);
  /// The owner's thread. The loop picks by these tables from its next turn on.
  void Publish(std::shared_ptr<const Tables> tables);
  /// Any thread. The generation of those that it picks by.
  [[nodiscard]] std::uint64_t taken_generation() const {
    return taken_generation_.load(std::memory_order_acquire);
  }
  /// Any thread. The number of the last barrier that it has met.
  [[nodiscard]] std::uint64_t passed_barrier() const {
    return passed_barrier_.load(std::memory_order_acquire);
  }
  /// Any thread. How many sweeps are over, of those that were asked of it; the first are the first
  /// to be.
  [[nodiscard]] std::uint64_t sweeps_over() const {
    return sweeps_over_.load(std::memory_order_acquire);
  }
  /// Any thread. A socket that so many loops are to accept on, as this one would have it.
  [[nodiscard]] std::shared_ptr<ListeningSocket> MakeListening(UniqueFd fd, std::uint16_t listener,
                                                               std::size_t loops,
                                                               int in_a_row) const;
  /// Any thread. Slots are free again: wakes the listeners that found none since the last call.
  void TellOfSlots();
  [[nodiscard]] std::size_t index() const { return index_; }
  /// Sessions alive; any thread.
  [[nodiscard]] std::size_t sessions_alive() const {
    return sessions_alive_.load(std::memory_order_relaxed);
  }

 private:
  /// In bytes that could be moved meanwhile: two sockets are closed, or one and the next is opened:
  /// some 20 us.
  static constexpr std::size_t kCostOfEnding = 64 * 1024;

  struct Closed {
    std::uint32_t slot;
    bool reported;
    CloseReason reason;
    int error;
  };

  Worker(const Options& options, Crew& crew, std::unique_ptr<EventLoop> loop, UniqueFd wake_up);

  void RunTurns();
  void HandleCommands(std::size_t most);
  void AcknowledgeTables();
  void ResetSessions();
  std::size_t SweepNext();
  std::size_t ListNext();
  void NoteSweepsOver();
  void FinishTurn();
  void NoteTurn();
  void OnEvents(unsigned token, std::uint32_t events) override;
  void OnTimer() override;
  void OnReady() override;

  void Handle(StartCommand& command);
  void Handle(ConnectCommand& command);
  void Handle(QueueCommand& command);
  void Handle(QueueTurnCommand& command);
  void Handle(JoinCommand& command);
  void Handle(EndCommand& command);
  void Handle(EndSessionsCommand& command);
  void Handle(ListSessionsCommand& command);
  void Handle(ListenCommand& command);
  void Handle(CloseListenersCommand& command);
  void Handle(PauseListenerCommand& command);
  void Handle(BarrierCommand& command);
  void Handle(SlotsFreeCommand& command);
  void Handle(PublishCommand& command);
  /// From now on those are picked by that were published last. False where they are already.
  bool TakeNextTables();

  /// The session that is meant, on this loop; null when it has ended.
  [[nodiscard]] Session* Find(const SessionName& name);
  [[nodiscard]] SessionEvent EventOf(SessionEvent::Kind kind, std::uint32_t slot) const;
  /// With the backend that it has, or set out for last.
  [[nodiscard]] SessionEvent EventOf(SessionEvent::Kind kind, const Session& session) const;
  void Begin(StartCommand& command);
  void PickFirst(Session& session, const SocketAddress* client = nullptr);
  [[nodiscard]] std::uint32_t PlaceToEnter(const Session& session, const Tiers& tiers,
                                           std::size_t tier, const SocketAddress* client);
  /// What has become of it.
  enum class Approached : std::uint8_t {
    kYes,
    kPassedOver,  ///< No local port is left for it, or it is nowhere, full, or to get no sessions.
    kTriedLast,   ///< It has failed lately.
  };
  struct Approaching {
    bool counts = false;        ///< That the backend has no room, or no address.
    bool takes_failed = false;  ///< Though it has failed lately.
    bool takes_down = false;    ///< Though it is down.
  };
  Approached Approach(Session& session, std::uint16_t backend, const Approaching& how);
  void GiveUpPlace(Session& session);
  void TryBackends(Session& session);
  [[nodiscard]] bool TryBackend(Session& session);
  void LeaveBackend(Session& session);
  [[nodiscard]] bool PickNext(Session& session);
  [[nodiscard]] bool PickNextOf(Session& session, const Tables::Pool& pool);
  [[nodiscard]] bool WaitForPort(Session& session) const;
  void AttemptIsOver(Session& session);
  /// Why the owner is asked for a backend. The numbers are those of src/engine/native/binding.ts.
  enum class Asked : std::uint8_t {
    kAtFirst = 0,
    kSearchOver = 1,    ///< None is tried any more, whatever it says.
    kTried = 2,         ///< Some were tried.
    kQueueFull = 3,     ///< All that are up are full, and so is the queue of their pool.
    kQueuedInVain = 4,  ///< It has waited there for as long as it may.
    kTurn = 5,          ///< It has its turn there: there may be a place for it.
  };
  void AskOwner(Session& session);
  void AskOwner(Session& session, Asked why);

  /// What there is for those who wait in the queue of a pool.
  struct Room {
    enum class Kind : std::uint8_t {
      kNobody,  ///< None is up: there is nothing to wait for.
      kNone,    ///< All that are up are full.
      kLater,   ///< Some have room, but are to be passed over: they have failed lately.
      kSoon,    ///< The same, as no local port was left for them.
      kOpen,    ///< Some could be entered now.
    } kind = Kind::kNobody;
    std::uint32_t places = 0;  ///< That could be entered now, up to those that were asked for.
  };
  [[nodiscard]] Room RoomIn(std::uint16_t pool, std::uint32_t places = 1,
                            std::size_t rows = kNoRow) const;
  void AddRoom(Room& room, std::span<const std::uint16_t> rows, std::uint32_t places,
               std::size_t& left) const;
  [[nodiscard]] std::uint32_t PlacesFor(std::uint16_t pool) const;
  [[nodiscard]] bool IsFull(std::uint16_t pool) const;
  [[nodiscard]] bool StandsBehind(Session& session) const;
  [[nodiscard]] static bool HasTurnIn(Session& session, std::uint16_t pool);
  [[nodiscard]] bool WaitForPlace(Session& session);
  [[nodiscard]] bool JoinQueue(Session& session, std::uint16_t pool);
  void WaitOn(Session& session, Room::Kind room);
  void LeaveQueue(Session& session, PoolQueue::Why why);
  void GiveBack(Session& session, std::uint16_t backend);
  void TellOfPlace(Session& session, std::uint16_t pool);
  [[nodiscard]] PoolQueue& QueueOf(std::uint16_t pool);

  [[nodiscard]] std::uint16_t PoolOf(const Session& session) override {
    return crew_.table.PoolOf(session.backend());
  }
  [[nodiscard]] bool TurnsBack(Session& session) override;
  void OnSetOut(int socket, const SocketAddress& to) override;
  void OnAttemptFailed(Session& session, const SocketAddress& address, int error) override;
  void OnNoPort(Session& session, const SocketAddress& address) override;
  [[nodiscard]] std::optional<std::uint32_t> NextSource(const Session& session,
                                                        std::uint32_t count) override {
    // The machine's clock, as for all that loops share: theirs differ by what each has stood still.
    return crew_.table.TurnsOf(session.backend()).Next(count, sys::NowMs());
  }
  void OnNoPortFrom(Session& session, std::uint32_t source) override;
  void OnNoSource(Session& session, const SocketAddress& source) override;
  void OnPauseOver(Session& session) override;
  void OnTurn(Session& session) override;
  void OnQueuedInVain(Session& session) override;
  void OnTimeToLook(Session& session) override;
  void OnWordOverdue(Session& session, bool is_late) override;
  void OnSearchOver(Session& session) override;
  void OnOutrun(Session& session, const SocketAddress& address) override;
  void OnOpened(Session& session) override;
  void OnSilentEnd(Session& session) override;
  void OnAnswered(Session& session) override;
  void OnFirstByte(Session& session) override;
  void OnEarlyReset(Session& session) override;
  [[nodiscard]] std::uint64_t HesitationMs() const override {
    return ring_guard_.HesitationMs(loop_->now_ms());
  }
  [[nodiscard]] bool HasCrowd() const override { return ring_guard_.HasCrowd(); }
  void OnClosed(Session& session, CloseReason reason, int error) override;

  std::optional<std::uint32_t> TakeSlot(std::uint16_t listener, int& error) override;
  void GiveSlotBack(std::uint32_t slot, std::uint16_t listener) override;
  void LeaveService(ServiceRow& service, std::uint32_t sessions = 1);
  void CountAnew(const Tables& next);
  void CountArrival(const StartCommand& command);
  void OnAccepted(std::uint32_t slot, UniqueFd client, const SocketAddress& address,
                  std::uint16_t listener, bool is_tcp) override;
  void OnPaused(std::uint16_t listener, int error) override;
  void OnResumed(std::uint16_t listener) override;
  void Refuse(std::uint32_t slot, const UniqueFd& client, std::uint16_t listener, bool is_tcp);
  /// Whether the owner is asked of each of its clients.
  [[nodiscard]] bool Holds(const ListenerOptions& options) const {
    return options.picks == Picks::kByOwner ||
           crew_.attention.load(std::memory_order_relaxed) == Attention::kHold;
  }
  void NoteUnreported(std::uint16_t listener);
  Worker& LessLoaded();

  std::size_t index_;
  Crew& crew_;
  std::unique_ptr<EventLoop> loop_;
  Mailbox<Command> mailbox_;
  HeldTables tables_;
  // Published, and not taken yet: the last of them, so that a loop that is late has few to take.
  std::mutex next_tables_mutex_;
  std::shared_ptr<const Tables> next_tables_;
  std::atomic<std::uint64_t> taken_generation_{0};
  std::atomic<std::uint64_t> passed_barrier_{0};
  std::atomic<std::uint64_t> sweeps_over_{0};
  PipePool pipes_;
  std::vector<std::byte> scratch_;
  SessionContext context_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  std::vector<std::unique_ptr<Acceptor>> closed_acceptors_;  // in this turn; events may name them
  // Sessions that ended in this turn. Their slots are given back when nothing of this turn can
  // touch them any more.
  std::vector<Closed> closed_;
  std::vector<Command> commands_;    // of one look into the mailbox, and some may be handled
  std::size_t next_command_ = 0;     // of these
  std::uint64_t tables_before_ = 0;  // generation, before the first of these
  SessionSweep sweep_;
  SessionLister lister_;
  // Whose backends are being tried, so that failures at once do not pile up calls.
  const Session* trying_ = nullptr;
  bool attempt_failed_ = false;
  Random random_;
  RingGuard ring_guard_;
  std::uint32_t connects_;  // since the last one that was noted as the engine's own
  std::atomic<std::size_t> sessions_alive_{0};
  std::atomic<bool> wants_slots_{false};
  std::atomic<bool> stopping_{false};
  std::optional<pthread_t> thread_;
};

}  // namespace spliceway
