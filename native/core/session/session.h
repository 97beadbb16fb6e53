#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>

#include "loop/event_loop.h"
#include "relay/endpoint.h"
#include "relay/relay.h"
#include "select/held_tables.h"
#include "select/listener_options.h"
#include "select/random.h"
#include "select/session_timeouts.h"
#include "select/walk.h"
#include "session/room_queue.h"
#include "stats/counters.h"
#include "stats/ends.h"
#include "sys/socket_address.h"
#include "sys/sys.h"

namespace spliceway {

class Session;

/// Why a session ended. The numbers are those of `closeReasons` in src/engine/native/binding.ts.
enum class CloseReason : std::uint8_t {
  kFinished = 0,  ///< Both sides ended their stream and all bytes were passed on.
  kReset = 1,     ///< One side was reset or lost; the other was reset, after what had come before.
  kIdleTimeout = 2,       ///< No byte moved for too long.
  kHalfCloseTimeout = 3,  ///< One side had ended its stream and the other was silent for too long.
  kHandshakeTimeout = 4,  ///< Neither side had said anything since they were joined.
  kEnded = 5,             ///< Ended from outside.
  kMaxAge = 6,            ///< It had lived for too long.
  kRebalanced = 7,        ///< Its client is to come back to a backend that has fewer.
};

/// Who keeps sessions. Called on the loop's thread.
class SessionOwner {
 public:
  /// A backend's socket is on its way to `to`, or connected.
  virtual void OnSetOut(int /*socket*/, const SocketAddress& /*to*/) {}
  /// The session has waited for what it takes to try an address of its backend. False where it goes
  /// on; true where it was to `TurnBack`, since the backend is to get no sessions any more.
  [[nodiscard]] virtual bool TurnsBack(Session& /*session*/) { return false; }
  /// An address of the backend refused, timed out or could not be reached; `error` is errno's
  /// number. Where the session `waits_for_backend`, it waits for another `TryNextAddress`,
  /// `Approach` or `Join`, or for `End`; else another attempt is under way.
  virtual void OnAttemptFailed(Session& session, const SocketAddress& address, int error) = 0;
  /// This machine has no local port left for the address, which has not failed. The session waits
  /// as after the last failure.
  virtual void OnNoPort(Session& /*session*/, const SocketAddress& /*address*/) {}
  /// Which of `count` source addresses the next connection comes from; nothing where each of them
  /// was without a port for its backend lately.
  [[nodiscard]] virtual std::optional<std::uint32_t> NextSource(const Session& /*session*/,
                                                                std::uint32_t /*count*/) {
    return 0;
  }
  /// From this one of them no port was left to the backend's one address.
  virtual void OnNoPortFrom(Session& /*session*/, std::uint32_t /*source*/) {}
  /// This machine does not have an address that connections to the backend are to come from.
  virtual void OnNoSource(Session& /*session*/, const SocketAddress& /*source*/) {}
  /// The time is over for which the session was to `Pause`.
  virtual void OnPauseOver(Session& /*session*/) {}
  /// The session that was to `Yield` has its turn.
  virtual void OnTurn(Session& /*session*/) {}
  /// The session that was to `WaitInQueue` has done so for as long as it may, and waits there no
  /// more.
  virtual void OnQueuedInVain(Session& /*session*/) {}
  /// The session that waits in a queue was to look again, for what nobody tells of.
  virtual void OnTimeToLook(Session& /*session*/) {}
  /// Nobody has said for `Session::kWordMs` what is to become of a session that was to `AwaitWord`,
  /// unless it has set out since.
  /// `is_late`: the loop comes much later than that, and may have stood still.
  virtual void OnWordOverdue(Session& /*session*/, bool /*is_late*/) {}
  /// The time of its search is over: while it was to `AwaitAnswer`, or before an address of the
  /// backend has had its own, which has not failed. The session waits as after the last failure.
  virtual void OnSearchOver(Session& /*session*/) {}
  /// The number of the pool in which a session is counted that has a backend.
  [[nodiscard]] virtual std::uint16_t PoolOf(const Session& /*session*/) { return 0; }
  /// An address of the backend was silent for so long that another one was tried beside it, which
  /// has answered. `OnOpened` follows.
  virtual void OnOutrun(Session& session, const SocketAddress& address) = 0;
  /// Client and backend are joined.
  virtual void OnOpened(Session& session) = 0;
  /// The client has ended its stream, and neither side has said a word.
  virtual void OnSilentEnd(Session& /*session*/) {}
  /// The backend's first bytes, of a session that is marked as `Route::ended_silently`.
  virtual void OnAnswered(Session& /*session*/) {}
  /// The backend's first byte, where `early_reset_ms` is set.
  virtual void OnFirstByte(Session& /*session*/) {}
  /// The backend has ended its stream, or reset the session, within that time, without a byte, and
  /// before the client has ended anything.
  virtual void OnEarlyReset(Session& /*session*/) {}
  /// Milliseconds by which sessions of clients of this machine are to set out later.
  [[nodiscard]] virtual std::uint64_t HesitationMs() const { return 0; }
  /// Whether sessions that are marked so are too many to wait for long.
  [[nodiscard]] virtual bool HasCrowd() const { return false; }
  /// The last call for a session; its descriptors are closed. It may `Begin` again, but not before
  /// the end of the loop's turn.
  virtual void OnClosed(Session& session, CloseReason reason, int error) = 0;

 protected:
  ~SessionOwner() = default;
};

/// How a session is ended from outside.
enum class Ending : std::uint8_t {
  kReset,      ///< Both connections are reset.
  kNoBackend,  ///< No backend answered: the client's connection is closed, which TCP turns into a
               ///< reset where the client had sent something that nobody read.
  kDenied,     ///< The client is not to be served: it is counted as rejected, and reset.
};

/// What keeps accepting back: sessions, on whatever loop, come first.
struct Shortage {
  std::atomic<std::size_t> sessions{0};  ///< That wait for a descriptor for their backend.
  std::atomic<int> error{0};             ///< What the last of them was told; errno's number.
};

/// What the sessions of one loop share.
struct SessionContext {
  EventLoop& loop;
  RelayContext relay;
  SessionOwner& owner;
  Shortage& shortage;
  Counters& counters;
  std::size_t writer;  ///< Whose rows of the counters.
  /// Backend ports from here on could be the source port of a connect to themselves.
  std::uint16_t first_ephemeral_port;
  /// `sys::PacesUnlessTold`, as it was when the loop was made. What goes to a loopback address is
  /// not paced: there is no link whose queue that would spare, and the timers cost more than all
  /// the rest.
  bool paces_unless_told;
  /// After so many seconds of silence a backend is asked whether it is still there; 0 never asks.
  std::uint16_t keep_alive_s;
  /// Those of its sessions, each with how many sessions have it. A session has a pointer to its
  /// own.
  std::map<SessionTimeouts, std::size_t> timeouts;
  RoomQueues rooms;
  Random& random;
};

/// How a session comes to its backend: its owner's notes.
struct Route {
  std::uint32_t place : 20 = 0;  ///< In the tier that it has entered.
  bool by_cycle : 1 = false;     ///< The loop picks.
  bool reported : 1 = false;     ///< The engine's owner knows the session.
  bool has_place : 1 = false;    ///< Counted at its backend.
  bool takes_down : 1 = false;   ///< Its backend was down when it set out, and no other was up.
  bool is_remote : 1 = false;    ///< Its client is not at a loopback address, as far as is known.
  bool ended_silently : 1 = false;  ///< `OnAnswered` is to be told.
  bool awaits_word : 1 = false;     ///< Of the engine's owner, for the first time.
  bool waited_again : 1 = false;    ///< For that word.
  bool is_kept : 1 = false;         ///< The owner has a second descriptor of the client's socket.
  bool in_queue : 1 = false;        ///< Of a pool: it has a `QueuePlace`.
  bool has_turn : 1 = false;        ///< There: it looks for a place.

  /// `at` is below `kMostPlaces`.
  void EnterAt(std::uint32_t at) { place = at & (kMostPlaces - 1); }
};
static_assert(sizeof(Route) == 4 && kMostPlaces == 1 << 20);

/// Where a session waits for a place at a backend of a pool, or has waited.
struct QueuePlace {
  std::uint64_t ticket = 0;     ///< By which it comes to its place again; 0 for none.
  std::uint64_t waited_ms = 0;  ///< Before it has begun to wait as it does now.
  std::uint64_t noted_ms = 0;   ///< Of these, what was counted when it got places.
  // The session's own:
  std::uint64_t until_ms = 0;
  std::uint64_t looks_at_ms = 0;
  std::uint16_t pool = kNoPool;
  bool in_vain = false;  ///< It was full, or the wait has been too long.
};

/// Why a backend gets no attempt of a session.
enum class PassedOver : std::uint8_t {
  kUncounted,  ///< It is to get no sessions, or this machine lacks what it takes.
  kFull,       ///< It counts as rejected.
  kNowhere,    ///< It has no address, which counts as a failure.
};

/// How a session begins.
struct SessionStart {
  std::uint32_t slot = 0;  ///< Of its counters.
  UniqueFd client;
  PendingBytes client_prefix;
  SessionTimeouts timeouts;
  std::uint16_t listener = kNoRow;  ///< Row of the counters.
  /// The client is a TCP socket that inherited its options from its listener.
  bool accepted_tcp = false;
  Route route;
};

/// An attempt of a session to connect that runs beside another.
struct Rival {
  Endpoint endpoint;
  std::uint64_t since_ms = 0;
  std::uint8_t since_ticks = 0;
  std::uint8_t address = 0;  ///< Its index.
};

/// One client connection joined to one backend connection: two endpoints, two relays, and the rules
/// of closing.
///
///     kIdle ──Attempt──▶ kConnecting ──▶ kRelaying ──▶ kClosed
///     ▲  ▲ ▼                  │              │            ▲
///     │  └─┼─attempt failed───┘              └─ kResetting┘
///     └─ kPausing, kYielding, kQueued
///
/// While an address of the backend does not answer, the next one is tried beside it if it is of the
/// other IP family: a network without IPv6 costs a client a quarter of a second, and not the whole
/// time-out (RFC 8305, "Happy Eyeballs"). Addresses of one family never race: they may be different
/// servers, and a second SYN would add load where load is the cause.
///
/// How it ends, seen from one side X with the other side Y:
///
/// | X does           | Y gets                                                                  |
/// |------------------|-------------------------------------------------------------------------|
/// | ends its stream  | all bytes, then the FIN; Y may go on sending until it ends or times out |
/// | resets, is lost  | what X had sent, acknowledged by Y's kernel, then a reset               |
/// | is silent        | a FIN after the time-out, or a reset if bytes had not left this process |
///
/// Unix sockets know no reset: their survivor reads the end of the stream. docs/closing.md has
/// every case.
///
/// A session that has reached its age is *due*. It ends when it rests, as one that is silent; see
/// `rests`. One that does not ends with its grace, and is reset where bytes are moving still: a
/// clean end would hide that the stream was cut.
///
/// The object is used for one session after the other, each beginning with `Begin`, and lives as
/// long as the loops, so that an event that comes late finds an object that knows it for a
/// stranger.
///
/// One thread only: that of the loop, from `Begin` to the end of the turn of `OnClosed`.
class Session final : public EventHandler, public ReadyEntry, public Timer {
 public:
  Session() = default;
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Starts watching the client, on the loop of `context`. Ends the session at once when the kernel
  /// refuses to.
  void Begin(SessionStart start, SessionContext& context);
  /// Sets out for a backend, whose addresses `TryNextAddress` tries one after the other. They are
  /// what they are now, whatever is published meanwhile. `backend` is its row in the counters,
  /// which counts a failure when the last address has failed. `addresses` must not be empty.
  void Approach(HeldAddresses addresses, std::uint16_t backend);
  /// Notes that a backend is passed over: it has no address to try.
  void PassOver(std::uint16_t backend, PassedOver why);
  /// Lets others have their turn, then calls `SessionOwner::OnTurn`.
  void Yield();
  /// Waits until then for `SessionOwner::OnPauseOver`. False when its time to find a backend will
  /// be over before: nothing was done.
  [[nodiscard]] bool Pause(std::uint64_t until_ms);
  /// Waits until it is told to leave, or `SessionOwner::OnQueuedInVain`: for so many milliseconds,
  /// those that it has waited before included; 0 is any time. That is no part of its time to find a
  /// backend. After `looks_in_ms`, `SessionOwner::OnTimeToLook` is called; 0 is never.
  void WaitInQueue(std::uint32_t timeout_ms, std::uint64_t looks_in_ms);
  /// Waits there no more, but for a backend, as at first.
  void StopWaiting();
  /// Has `SessionOwner::OnWordOverdue` called after `kWordMs`, where it still `waits_for_backend`.
  void AwaitWord();
  /// Its owner looks for another backend, for which it has until the search is over.
  void AwaitAnswer();
  /// Longer than an owner takes that keeps up, though a crowd or a collection of garbage may come
  /// first.
  static constexpr std::uint64_t kWordMs = 250;
  /// Tries the next address; answers through `SessionOwner`. False when none is left: nothing was
  /// done.
  bool TryNextAddress();
  /// Leaves the backend that it is on its way to, which has not failed, for another one: as
  /// `Yield`, when it is not `is_open` yet.
  void TurnBack();
  /// Relays to a socket that is connected already; its bytes in `prefix` go to the client first.
  void Join(UniqueFd backend, PendingBytes prefix);
  /// Ends the session from outside.
  void End(Ending ending);
  /// Whether it has been at rest for so long: open, silent, and nobody waits for anything.
  [[nodiscard]] bool has_rested_for(std::uint64_t ms) const;
  /// Ends it in order, so that its client comes back to another backend. False where it has not
  /// rested for so long, by what the kernel says: nothing was done.
  bool EndAtRest(std::uint64_t ms);

  /// Its time to find a backend is over, or its attempts are used up: nothing is tried any more.
  [[nodiscard]] bool search_is_over() const;
  /// Nothing is under way: no attempt was made, or the last one failed.
  [[nodiscard]] bool waits_for_backend() const { return state_ == State::kIdle; }
  /// It has a backend, or had one until its reset was passed on.
  [[nodiscard]] bool is_open() const {
    return state_ == State::kRelaying || state_ == State::kResetting;
  }
  [[nodiscard]] bool alive() const { return state_ != State::kClosed; }
  [[nodiscard]] std::uint32_t slot() const { return slot_; }
  [[nodiscard]] std::uint16_t listener() const { return listener_; }
  /// How far it has come. It must be alive.
  [[nodiscard]] SessionPhase phase() const;
  /// Milliseconds since it began, on the clock of its loop.
  [[nodiscard]] std::uint64_t age_ms() const;
  /// Of one that is open: milliseconds since a byte moved, or one side ended, or else since it
  /// opened.
  [[nodiscard]] std::uint64_t quiet_ms() const;
  /// What it has passed on.
  [[nodiscard]] const SessionCounters& moved() const { return context_->counters.Session(slot_); }
  /// Of its backend, or where it is on its way to; of the family AF_UNSPEC where it is neither.
  [[nodiscard]] SocketAddress backend_address() const;
  /// As the kernel tells now; all 0 of a backend that has not answered.
  [[nodiscard]] sys::TcpFigures client_figures() const;
  [[nodiscard]] sys::TcpFigures backend_figures() const;
  /// Where the client is; of the family AF_UNSPEC when it is gone.
  [[nodiscard]] SocketAddress client_address() const;
  /// The row of the backend that it has, or set out for last; kNoRow for none.
  [[nodiscard]] std::uint16_t backend() const { return backend_row_; }
  /// Of that backend some addresses were not tried yet.
  [[nodiscard]] bool has_more_addresses() const {
    return addresses_ && next_address_ < addresses_->size();
  }
  /// The generation of the tables in which these are.
  [[nodiscard]] std::uint64_t generation() const { return addresses_.generation(); }
  /// No local port was left for that backend, or for one of its addresses.
  [[nodiscard]] bool lacks_port() const { return search_ && search_->lacks_port; }
  /// Other source addresses may have one: so many are asked in one attempt.
  [[nodiscard]] bool has_more_sources() const { return search_ && search_->has_more_sources; }

  /// The owner's, as `route` is: how far it has looked for a backend.
  [[nodiscard]] Walk& walk() { return search().walk; }
  /// The pool in whose queue it waits; `kNoPool` where it does not.
  [[nodiscard]] std::uint16_t queued_in() const {
    return route.in_queue && search_ ? search_->queue_place.pool : kNoPool;
  }
  /// As well: where it waits, if it is `in_queue`, or has waited.
  [[nodiscard]] QueuePlace& queue_place() { return search().queue_place; }
  Route route;

 private:
  enum class State : std::uint8_t {
    kIdle,
    kPausing,
    kYielding,
    kQueued,
    kConnecting,
    kRelaying,
    kResetting,
    kClosed
  };

  static constexpr unsigned kClientToken = 0;
  static constexpr unsigned kBackendToken = 1;
  static constexpr unsigned kSecondBackendToken = 2;
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
  /// That a session has room for, on the clock of its loop: 139 years.
  static constexpr unsigned kMsBits = 42;
  static constexpr std::uint64_t kLatestMs = (std::uint64_t{1} << kMsBits) - 1;
  static constexpr unsigned kSlotBits = 24;
  /// What is measured is as coarse as this.
  static constexpr unsigned kTickUs = 16;
  /// Between two attempts to get from a system what it has not at the moment: a descriptor, or
  /// memory.
  static constexpr std::uint64_t kExhaustedRetryMs = 50;

  /// How long an address may be silent before another one is tried beside it: RFC 8305 section 8,
  /// "Connection Attempt Delay".
  static constexpr std::uint64_t kAttemptDelayMs = 250;

  /// How long a backend is sought for a client that has ended its stream without a word.
  static constexpr std::uint64_t kListensForMs = 1000;

  /// In the queue for room at an address.
  class Place final : public RoomWaiter {
   public:
    explicit Place(Session& session) : session_(session) {}

   private:
    void OnTurnToTry() override { session_.TryConnect(); }
    Session& session_;
  };

  /// What few sessions need on their way to a backend; and those that it may still reset early, of
  /// which only their beginning counts.
  struct Search {
    Walk walk;
    std::optional<Rival> rival;
    std::optional<Place> place;
    /// When the first attempt began, or the search for a backend to try; or when the session
    /// opened.
    QueuePlace queue_place;
    /// When the first attempt began, or the search for a backend to try.
    std::uint64_t began_ms = 0;
    std::uint16_t attempts = 0;
    /// No address has been silent for long enough before: one was waited for, or a rival could not
    /// begin.
    std::uint64_t races_not_before_ms = 0;
    bool lacks_port = false;
    bool has_more_sources = false;   ///< Not all of the backend's were asked for a port.
    bool client_has_spoken = false;  ///< And then ended its stream.
  };

  /// Whether its peers are still there: how far it has come with asking them.
  struct KeepAlive {
    enum Stage : std::uint8_t {
      kNobody,  ///< It has none to ask.
      kNotYet,  ///< The kernel knows nothing of it yet, but of a client.
      kAsking,  ///< The kernel was told to ask at once.
      kAsked,   ///< And then to wait.
    };
    static constexpr std::uint16_t kMask = (1 << 14) - 1;
    Stage stage : 2;
    std::uint16_t periods : 14;  ///< Of silence, when it was looked at last; see `AskingPeriodMs`.
  };

  /// Which side has ended its stream before the other, unless one was lost before that.
  enum class FirstEnd : std::uint8_t { kNone, kClient, kBackend, kLost };

  /// For want of what the address is tried again later; or whether the client is about to leave.
  enum class Postponed : std::uint8_t { kNo, kForDescriptor, kForRoom, kForClient };

  void OnEvents(unsigned token, std::uint32_t events) override;
  void OnReady() override;
  void OnTimer() override;

  /// Whose events come with `token`; null for a socket that the session has let go of.
  [[nodiscard]] Endpoint* EndpointOf(unsigned token);
  static void NoteEvents(Endpoint& endpoint, std::uint32_t events);
  void NoteWhatIsNeverTold();
  void MoveWhatWaits();

  /// `most`: of source addresses that are tried.
  sys::Result SetOut(Endpoint& endpoint, const SocketAddress& to, std::size_t most);
  sys::Result SetOutFrom(Endpoint& endpoint, const SocketAddress& to, const SocketAddress* source);
  void TryConnect();
  void Postpone(Postponed why);
  void BeginTimeOfAddress();
  [[nodiscard]] bool has_place() const { return search_ && search_->place; }
  [[nodiscard]] std::uint64_t ConnectDeadline(std::uint64_t since_ms) const;
  [[nodiscard]] bool MayTry() const;
  [[nodiscard]] std::uint64_t SearchBegan() const;
  [[nodiscard]] std::uint64_t BudgetDeadline() const;
  [[nodiscard]] std::uint64_t AttemptDeadline() const;
  [[nodiscard]] bool MayHaveLeft() const;
  [[nodiscard]] std::uint64_t LeaveDeadline() const;
  [[nodiscard]] bool HasLeft();
  void Leave();
  void OnIdleTimer();
  void ArmQueueTimer();
  void OnQueueTimer();
  [[nodiscard]] std::uint64_t RaceBegins() const;
  void StartRival();
  void ArmConnectTimer();
  void OnConnectTimer();
  [[nodiscard]] static bool AnswerWaits(Endpoint& endpoint);
  void FinishConnect(Endpoint& endpoint);
  void FailConnect(const Endpoint& endpoint, int error);
  void LeaveForWantOfPort();
  [[nodiscard]] bool IsCutShort() const;
  void CutShort();
  void StopAttempts();
  void FailAttempt(int error);
  void FailRival(Rival& other, int error);
  void TakeRival(Rival& other);
  void Drop(Endpoint& endpoint);
  [[nodiscard]] const SocketAddress& address() const { return (*addresses_)[address_]; }
  [[nodiscard]] const SocketAddress& AddressOf(const Rival& other) const {
    return (*addresses_)[other.address];
  }
  [[nodiscard]] Search& search();
  /// Null when there is none.
  [[nodiscard]] Rival* rival() const;
  void NoteBeginning();
  void Open();

  /// Moves what can be moved.
  void Advance();
  [[nodiscard]] bool streams() const;
  void Account(std::size_t upstream, std::size_t downstream);
  void NoteFirstByte();
  void JudgeBeginning();
  void AnswerFailure(bool more);
  void ArmRelayTimer();
  void LookAgain();
  /// For how long no byte may move, and what it is called when none has.
  struct Patience {
    std::uint64_t ms;
    CloseReason reason;
    bool resets;  ///< Though nothing would be lost by a clean end.
  };
  [[nodiscard]] bool half_closed() const;
  [[nodiscard]] bool silent() const;
  [[nodiscard]] Patience patience() const;
  [[nodiscard]] std::uint64_t PatienceDeadline() const;
  [[nodiscard]] bool rests() const;
  [[nodiscard]] std::uint64_t DrawDue() const;
  [[nodiscard]] bool ages() const { return due_ms_ != 0; }
  [[nodiscard]] std::uint64_t AgeDeadline() const;
  [[nodiscard]] std::uint64_t NextLookAtAge() const;
  [[nodiscard]] bool moved_lately() const;
  [[nodiscard]] std::uint64_t RelayDeadline() const;
  void BeginToKeepAlive();
  [[nodiscard]] std::uint64_t SilentPeriods() const;
  [[nodiscard]] std::uint64_t KeepAliveDeadline() const;
  void KeepPeersAlive();
  void TellOfSilence(int seconds) const;
  void GiveUpRelaying();
  void ResetWhenDelivered(Endpoint& survivor);
  void Close(CloseReason reason, int error, bool reset, Ending ending = Ending::kReset);
  void NoteEnd(CloseReason reason, int error, Ending ending);
  [[nodiscard]] EndSide SideOfEnd(CloseReason reason, int error) const;
  [[nodiscard]] SessionPhase PhaseOfEnd(EndReason reason) const;

  void NoteNow();
  [[nodiscard]] std::uint8_t TicksNow() const;
  [[nodiscard]] std::uint64_t MicrosecondsSince() const;

  [[nodiscard]] HistogramRow* histograms() const;
  [[nodiscard]] CounterRow* listener_counters() const;
  [[nodiscard]] CounterRow* backend_counters() const;

  // In this order, which leaves no gap.
  std::uint32_t slot_ : kSlotBits = 0;
  std::uint8_t since_ticks_ : 6 = 0;  // of `since_ms_`, while something is measured from there
  FirstEnd first_end_ : 2 = FirstEnd::kNone;
  const SessionTimeouts* timeouts_ = nullptr;
  SessionContext* context_ = nullptr;
  Relay upstream_;
  Relay downstream_;
  Endpoint client_;
  Endpoint backend_;
  HeldAddresses addresses_;         // of the backend that is being tried
  std::unique_ptr<Search> search_;  // while open: for as long as it is on trial
  // The beginning is in two halves: so three times and a bit take the room of two times.
  std::uint64_t since_ms_ : kMsBits = 0;  // last byte moved, or start of the state
  std::uint64_t began_high_ : kMsBits / 2 = 0;
  std::uint64_t due_ms_ : kMsBits = 0;  // has reached its age then, while it relays; 0 for never
  std::uint64_t began_low_ : kMsBits / 2 = 0;
  bool client_spoke_last_ : 1 = false;
  std::uint16_t listener_ = kNoRow;
  std::uint16_t backend_row_ = kNoRow;
  std::uint8_t next_address_ = 0;  // index
  State state_ : 3 = State::kClosed;
  bool looks_again_ : 1 = false;  // in the next millisecond, at marked sources
  bool starved_ : 1 = false;      // a relay is tried again once the kernel may have memory
  Postponed postponed_ : 2 = Postponed::kNo;
  union {
    // While connecting: the index of the address that `backend_` is for.
    std::uint16_t address_ = 0;
    // While relaying.
    KeepAlive keep_alive_;
    // While resetting: KiB that the survivor had not acknowledged when last looked at.
    std::uint16_t kib_left_;
  };
};
/// Not more than 256 bytes of user memory for an idle session, with 16 of its counters and the few
/// of its slot.
static_assert(sizeof(Session) <= 208);

}  // namespace spliceway
