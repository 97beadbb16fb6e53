#include "engine/session_sweep.h"

namespace spliceway {

bool EndSessionsCommand::Means(const Session& session) const {
  if (!session.alive()) return false;
  if (listener != kNoRow && session.listener() != listener) return false;
  return backend == kNoRow || (session.route.has_place && session.backend() == backend);
}

void SessionSweep::Join(const EndSessionsCommand& asked, std::size_t slots) {
  slots_ = static_cast<std::uint32_t>(slots);
  if (slots == 0) {
    ++over_;
    return;
  }
  rounds_.push_back({.asked = asked, .from = slot_});
}

void SessionSweep::GoOn() {
  slot_ = (slot_ + 1) % slots_;
  over_ += std::erase_if(rounds_, [this](const Round& round) { return round.from == slot_; });
}

}  // namespace spliceway
