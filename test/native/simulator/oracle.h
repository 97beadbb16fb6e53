#pragma once

#include <cstdint>
#include <vector>

#include "kernel.h"
#include "scene.h"

namespace spliceway::simulator {

/// What must hold, whatever the schedule. It knows the rules from what both ends and the kernel
/// see, and asks the core only for what it tells its owner. The first rule that is broken is noted
/// with `Kernel::Fail`.
class Oracle {
 public:
  Oracle(Kernel& kernel, const Scene& scene) : kernel_(kernel), scene_(scene) {}

  /// Nothing will happen until then: nobody may wait for what could go on, and no time-out may be
  /// overdue before it.
  void CheckSilence(std::uint64_t until_us);
  /// A session asks for a backend.
  void CheckRequest(const Pair& pair);
  /// Another attempt has failed for it.
  void CheckAttemptsOf(const Pair& pair);
  /// A session tries no backend any more.
  void CheckGivenUp(const Pair& pair);
  /// A session has set out for a backend.
  void CheckSetOut(const Pair& pair);
  /// A loop has had a turn, before which the owner lagged or did not.
  void CheckLag(bool lagged_before);
  /// An attempt is reported to have failed.
  void CheckFailed(int error);
  /// No local port is reported to be left for an address.
  void CheckNoPort(std::uint16_t port);
  /// A loop has had a turn: it may have set out for a backend that is gone.
  void CheckRemoved();
  /// An attempt is reported to have timed out.
  void CheckTimedOut(const Pair& pair, std::int32_t port);
  /// A loop has had a turn: two attempts of one session may be under way.
  void CheckRaces();
  /// A session has opened.
  void CheckOutrun(const Pair& pair);
  /// The owner hears that a session has closed, and what it has moved.
  void CheckClosed(const Pair& pair, const SessionEvent::Moved& moved);
  /// The owner hears that the drain is over.
  void CheckDrained();
  /// A session has set out in the turn that was last; null where nobody knows whose it was.
  /// `generation` is of tables that all loops had before that.
  void CheckPicked(const Socket& socket, const Pair* pair, std::uint64_t generation);
  /// A loop has had a turn, in which some session has set out for a backend, or not.
  void CheckPlaces(bool has_set_out);
  /// Those that wait for a place; none where that is not known for sure.
  [[nodiscard]] std::vector<const Pair*> WhoWaits() const;
  /// A client has set out for the first time.
  void CheckOrder(const Pair& pair);
  void NoteServed();
  /// The queue is said to be full.
  void CheckQueueFull();
  /// A client is said to have waited for as long as it may.
  void CheckQueuedInVain(const Pair& pair);
  /// A client was accepted in that turn.
  void CheckAccepted(const Pair& pair);
  void CheckServiceLimit(const Socket& client, std::uint64_t taken_generation);
  /// A loop has had a turn.
  void CheckClosedListeners();
  /// The row of a backend is said to be vacant.
  void CheckVacant(std::uint16_t row);
  /// The row of a listener is said to be vacant.
  void CheckVacant(const Service& service);
  /// A list of live sessions is complete, in the turn that was last.
  void CheckListing(const Listing& listing);
  /// All is over, and the loops have had their turns.
  void CheckThatRowsAreVacant();
  /// All is over.
  void CheckResults();

 private:
  [[nodiscard]] bool MayGoTo(std::uint16_t row, const PickPlan& plan, const Pair* pair,
                             const Socket& socket) const;
  [[nodiscard]] bool MayBePassedOver(std::uint16_t row, const Pair& pair,
                                     const Socket& socket) const;
  [[nodiscard]] std::size_t SessionsAt(std::uint16_t row) const;
  [[nodiscard]] bool HasPlace() const;
  [[nodiscard]] bool WaitsForPlace(const Pair& pair, std::uint64_t until_us);
  void CheckThatDownAreTried(const Pair& pair);
  void CheckThatNothingWaits(const Pair& pair, std::uint64_t for_us);
  void CheckThatItIsSearchedFor(const Pair& pair, std::uint64_t for_us);
  void CheckThatItsSearchEnds(const Pair& pair, std::uint64_t until_us);
  [[nodiscard]] bool GaveUpListener(const Pair& pair) const;
  void CheckThatNobodyWaits(std::uint64_t for_us);
  void CheckThatTheyHaveEnded();
  void CheckRecord(const Listing& listing, const Pair& pair, const SessionRecord& record,
                   const SessionName& name);
  void CheckAgeOf(const Listing& listing, const Pair& pair, const SessionRecord& record);
  void CheckLiving(const Listing::Living& living, const Pair& pair, const SessionRecord& record);
  void CheckThatListsAreComplete();
  [[nodiscard]] bool WasTurnedBack(const Socket& socket) const;
  [[nodiscard]] bool IsTurnedBackFrom(std::uint16_t row) const;
  [[nodiscard]] bool EndedListeners() const;
  /// The owner has asked for sessions to end, and some loop does not know.
  [[nodiscard]] bool IsToldLater(const Ended& ended) const;
  void CheckThatNoneIsOverdue(const Pair& pair, std::uint64_t until_us);
  void CheckThatItIsNotTooOld(const Pair& pair, std::uint64_t until_us);
  [[nodiscard]] bool MayBeOfAge(const Pair& pair) const;
  [[nodiscard]] bool WasCut(const Pair& pair) const;
  void CheckAge(const Pair& pair);
  [[nodiscard]] bool MayBeRebalanced(const Pair& pair) const;
  void CheckRebalanced(const Pair& pair);
  void CheckThatItsPeersAreAsked(const Pair& pair, std::uint64_t until_us);
  void CheckPair(const Pair& pair);
  void CheckLonely(const Pair& pair);
  void CheckDenied(const Pair& pair);
  void CheckEnd(const Pair& pair, const Peer& from, const Peer& to);
  void CheckReason(const Pair& pair, CloseReason reason);
  void CheckThatNothingWaited(const Pair& pair);
  void CheckThatItHasARival(const Socket& first, std::uint64_t until_us);
  [[nodiscard]] bool WasOutrun(const Socket& socket) const;
  void CheckFailures(std::uint16_t row, std::uint64_t failed, std::uint64_t opened);
  void CheckAttempts();
  void CheckLimits();
  void CheckServiceRow();
  void CheckReports();
  void CheckEarlyResets();
  void CheckSources();
  struct ListenerTotals {
    std::uint64_t begun = 0;
    std::uint64_t refused = 0;
    std::uint64_t denied = 0;
    std::uint64_t alone = 0;
    std::uint64_t upstream = 0;
    std::uint64_t downstream = 0;
  };
  [[nodiscard]] ListenerTotals TotalsOf(const Service& service) const;
  void CheckCounters();
  void Expect(const char* what, std::uint64_t counted, std::uint64_t expected);
  void CheckEnds();
  void CheckHistograms();
  void CheckLoops();
  void CheckCosts();
  /// `is_lost`: one side was, of which the kernel of a Unix socket tells by an error alone.
  [[nodiscard]] bool RanOutOfTime(const Pair& pair, bool is_lost) const;
  [[nodiscard]] bool TookTooLong(const Pair& pair, const Peer& from, const Peer& to) const;
  [[nodiscard]] bool MayHaveTimedOut(const Pair& pair) const;
  [[nodiscard]] bool TimedOutInQueue(const Pair& pair) const;
  [[nodiscard]] bool MayLackItsOwner(const Pair& pair) const;
  /// It is watched, and has waited for a word for as long as it was to.
  [[nodiscard]] bool HasWaited(const Pair& pair) const;
  [[nodiscard]] bool WasDisturbed(const Pair& pair) const;
  /// How late a time-out may come.
  [[nodiscard]] std::uint64_t Delay() const;

  Kernel& kernel_;
  const Scene& scene_;
  std::uint64_t served_before_ = 0;  // of those who waited
};

}  // namespace spliceway::simulator
