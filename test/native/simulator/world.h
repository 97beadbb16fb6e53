#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "choices.h"
#include "kernel.h"
#include "oracle.h"
#include "scene.h"

namespace spliceway::simulator {

/// What a run came to.
struct Outcome {
  std::string failure;  ///< Empty when all that must hold did.
  std::uint64_t steps = 0;
  std::uint64_t calls = 0;  ///< Of the core.
  std::uint64_t bytes = 0;  ///< Read by the core.
  std::uint64_t sessions = 0;
};

/// Which schedules are drawn. Of some kinds there are few among all of them.
enum class Among : std::uint8_t {
  kAll,
  kStreams,  ///< Of peers that send fast and much.
  kStops,    ///< In which the process stands still now and then.
  kStayers,  ///< Of peers that may be silent for ever, without a time-out that would end them.
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
    Among among = Among::kAll;
  };
  World(Choices& choices, const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Outcome Run();

 private:
  static constexpr std::uint16_t kFirstClientPort = 40;

  enum class Step : std::uint8_t {
    kTurn,
    kPass,
    kTell,
    kPeer,
    kStart,
    kOwner,
    kWord,
    kPublish,
    kChange,
    kLimit,
    kEndSessions,
    kDrain
  };
  struct Possible {
    Step step;
    std::size_t which;
  };
  /// Turns of a loop that brought nothing.
  struct Vigil {
    int idle_turns = 0;               // in a row, that were asked for at once
    std::uint64_t idle_wake_ups = 0;  // in a row, by its timers
    std::uint64_t since_us = 0;       // of the latter
  };

  void SetUp();
  void MakeWorkers(std::size_t count, Transfer transfer);
  void MakeBackends();
  SocketAddress SecondAddress(std::uint16_t first);
  [[nodiscard]] Addresses SourceAddresses() const;
  void MakePairs();

  void CollectPossible();
  void Take(const Possible& possible);
  void Turn(std::size_t worker);
  void Tell(Socket& socket);
  void SettleRaces();
  void StartClient(Pair& pair);
  void ServeOwner();
  void HandleEvent(const SessionEvent& event);
  void Post(const Pair& pair, Command command);
  void GiveBackend(Pair& pair);
  void Judge(Pair& pair);
  void GiveWord(Pair& pair);
  void NoteAccepted();
  void NoteAccepted(Pair& pair) const;
  void Publish();
  void NoteVacant();
  void SetUpChanges();
  [[nodiscard]] std::uint16_t RowOfService(const Service& service) const;
  void SetListener(const Service& service);
  void Open(Service& service);
  void SetPool(std::uint16_t pool);
  [[nodiscard]] Policy ChoosePolicy();
  [[nodiscard]] static PickPlan PlanOf(const Policy& policy,
                                       const std::vector<std::uint16_t>& rows);
  void ChangePolicy();
  void Change();
  void SetUpQueue();
  void LimitPool();
  void ChangeLimits();
  void NotePlaces();
  [[nodiscard]] bool AnswerAboutQueue(Pair& pair, std::int32_t reason);
  std::uint16_t AnyRow();
  Service& AnyService();
  void ChangeState();
  void SetState(std::uint16_t row, BackendState state);
  void ChangeLimit();
  void RemoveBackend();
  void AddBackend();
  void ChangePoolOfListener();
  void RemovePool();
  void PauseOrResume(Service& service);
  void CloseOrOpen(Service& service);
  void PublishChanges();
  void NotePublished();
  void NoteVacantListeners();
  void NotePauses();
  void NotePicked();
  void CheckThatRowsAreVacant();
  void EndSessions();
  void SetUpListing();
  void ListOrEnd();
  void SetUpServiceLimits();
  void LimitService();
  void List();
  void NoteListed();
  void EndNamed(const NamedEnd& end);
  void NoteEnded();
  void NoteLoopsSleep();
  void Drain();
  /// False when nothing will ever happen any more.
  bool LetTimePass();
  [[nodiscard]] bool IsOver() const;
  void GiveUp();
  void Finish();

  Pair* PairOf(const Socket& backend_socket);
  /// The one that the owner knows by this name: nothing may be told of a session before it is, nor
  /// after its end.
  Pair* PairNamed(const SessionName& name);

  Choices& choices_;
  Options options_;
  Kernel kernel_;
  Scene scene_;
  Oracle oracle_{kernel_, scene_};
  std::vector<Vigil> vigils_;  // of the workers
  std::vector<Possible> possible_;
  std::size_t base_descriptors_ = 0;
  std::uint64_t drains_at_us_ = kNever;
  std::uint64_t publishes_at_us_ = kNever;
  std::uint64_t serves_owner_at_us_ = kNever;
  std::uint32_t publications_left_ = 0;
  std::uint64_t changes_at_us_ = kNever;
  std::uint32_t changes_left_ = 0;
  std::uint64_t limits_at_us_ = kNever;
  std::uint32_t limits_left_ = 0;
  std::uint32_t places_in_use_ = 0;
  std::uint64_t generation_before_turn_ = 0;      // that all loops had taken
  std::map<std::uint16_t, Addresses> addresses_;  // of backends that were removed
  std::uint64_t ends_sessions_at_us_ = kNever;
  std::uint32_t endings_left_ = 0;
  Choices list_choices_{0};
  std::uint32_t lists_left_ = 0;
  std::uint64_t lists_at_step_ = 0;
  std::vector<NamedEnd> named_ends_;
  Choices service_choices_{0};
  std::uint32_t service_limits_left_ = 0;
  std::uint64_t service_limit_at_step_ = 0;
  std::uint64_t gives_up_at_us_ = kNever;
  bool listeners_closed_ = false;
  bool drained_ = false;
  bool rung_ = false;
  bool may_stay_ = false;
  Outcome outcome_;
};

}  // namespace spliceway::simulator
