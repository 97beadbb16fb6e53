// How a loop ends many of its sessions.

#include "engine/worker.h"

namespace spliceway {
namespace {

/// The part of a turn that may be spent on it, so that streams have the rest.
constexpr std::size_t kPartOfTurn = 4;
/// In bytes that could be moved meanwhile: a slot and its session are in two cache lines that
/// nobody has looked at lately.
constexpr std::size_t kCostOfLook = 512;
constexpr std::size_t kCostOfRound = 8;

}  // namespace

void Worker::Handle(EndSessionsCommand& command) {
  sweep_.Join(command, crew_.slab.high_water());
  NoteSweepsOver();
  if (!sweep_.is_over()) loop_->Enqueue(*this);
}

/// After whatever was done in them.
void Worker::NoteSweepsOver() { sweeps_over_.store(sweep_.over(), std::memory_order_release); }

void Worker::OnReady() {
  const std::size_t most = loop_->allowance() / kPartOfTurn;
  HandleCommands(most);
  std::size_t spent = 0;
  while (!sweep_.is_over() && spent < most) spent += SweepNext();
  while (!lister_.is_over() && spent < most) spent += ListNext();
  loop_->Spend(spent);
  NoteSweepsOver();
  if (!sweep_.is_over() || !lister_.is_over()) loop_->Enqueue(*this);
}

/// Looks at one slot. Returns what that has cost.
std::size_t Worker::SweepNext() {
  const std::uint32_t slot = sweep_.slot();
  std::size_t cost = kCostOfLook + kCostOfRound * sweep_.rounds();
  // A session that is on its way to this loop has not begun, and its slot holds one that is over.
  if (crew_.slab.IsOn(slot, index_)) {
    Session& session = crew_.slab.At(slot);
    sweep_.ForEachThatMeans(session, [&](const EndSessionsCommand& asked) {
      cost += kCostOfEnding;
      if (asked.quota) {
        if (!asked.quota->Take()) return;
        return session.EndAtRest(asked.rest_ms) ? asked.quota->Use() : asked.quota->GiveBack();
      }
      if (asked.backend == kNoRow || session.is_open()) return session.End(asked.ending);
      session.TurnBack();
      GiveUpPlace(session);
    });
  }
  sweep_.GoOn();
  return cost;
}

/// By each loop, at once with the others: whoever waits for the threads waits the shorter. Sessions
/// that are under way to this loop have not begun; see `ResetWhatIsPosted`.
void Worker::ResetSessions() {
  EventLoop::Dequeue(*this);
  sweep_ = {};
  sweep_.Join({.ending = Ending::kReset}, crew_.slab.high_water());
  while (!sweep_.is_over()) SweepNext();
}

}  // namespace spliceway
