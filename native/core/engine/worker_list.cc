// How a loop lists its sessions.

#include "engine/worker.h"

namespace spliceway {
namespace {

/// In bytes that could be moved meanwhile, as those of a sweep: a slot that is not this loop's, and
/// a session, of which the kernel is asked for two addresses.
constexpr std::size_t kCostOfLook = 512;
constexpr std::size_t kCostOfRecord = 4 * 1024;
/// The kernel looks at both connections as well.
constexpr std::size_t kCostOfFigures = 4 * 1024;

}  // namespace

void Worker::Handle(ListSessionsCommand& command) {
  lister_.Join(std::move(command));
  loop_->Enqueue(*this);
}

/// Looks at one slot. Returns what that has cost.
std::size_t Worker::ListNext() {
  if (!lister_.has_slot()) {
    lister_.Finish();
    return kCostOfLook;
  }
  const std::uint32_t slot = lister_.slot();
  lister_.GoOn();
  // As for a sweep: one that is on its way to this loop has not begun.
  if (!crew_.slab.IsOn(slot, index_)) return kCostOfLook;
  const Session& session = crew_.slab.At(slot);
  if (!session.alive()) return kCostOfLook;
  lister_.list().Write(slot, crew_.slab.NameOf(slot).generation, session);
  lister_.NoteWritten();
  const bool with_figures = lister_.list().options().figures;
  return kCostOfLook + kCostOfRecord + (with_figures ? kCostOfFigures : 0);
}

}  // namespace spliceway
