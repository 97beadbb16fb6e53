#include "engine/session_sweep.h"

#include <algorithm>

namespace spliceway {

bool EndSessionsCommand::Means(const Session& session) const {
  if (!session.alive()) return false;
  if (listener != kNoRow && session.listener() != listener) return false;
  if (quota && (quota->is_used_up() || !session.has_rested_for(rest_ms))) return false;
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
  for (Round& round : rounds_) {
    const bool is_done = round.asked.quota && round.asked.quota->is_used_up();
    if (round.from == slot_ || is_done) round.is_over = true;
  }
  // One that ends sooner waits for those before it: whoever counts goes by their order.
  const auto first_left = std::find_if(rounds_.begin(), rounds_.end(),
                                       [](const Round& round) { return !round.is_over; });
  over_ += static_cast<std::uint64_t>(first_left - rounds_.begin());
  rounds_.erase(rounds_.begin(), first_left);
}

}  // namespace spliceway
