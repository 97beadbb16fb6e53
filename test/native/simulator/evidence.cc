#include "evidence.h"

#include <algorithm>
#include <string>

namespace spliceway::simulator {
namespace {

/// Loops count in milliseconds: a time-out may seem so much too early.
constexpr std::uint64_t kClockStepUs = 2000;

}  // namespace

std::uint64_t Hurry(const Scene& scene) { return kClockStepUs + scene.longest_turn_us; }

std::string Name(const Peer& peer) { return "stream " + std::to_string(peer.stream()); }

std::uint64_t Held(const Peer& from, const Peer& to) {
  return Near(from).read + from.prefix() -
         std::min(Near(to).written, Near(from).read + from.prefix());
}

std::uint64_t LastMoved(const Pair& pair) {
  return std::max(Near(*pair.client).moved_us, Near(*pair.backend).moved_us);
}

bool ResetCame(const Pair& pair) {
  return Near(*pair.client).reset_came() || Near(*pair.backend).reset_came();
}

bool HasLeft(const Scene& scene, const Pair& pair) {
  const Socket& near = Near(*pair.client);
  return scene.timeouts.search.abort_on_close && near.fin_in && near.arrived == 0 &&
         near.in.empty() && pair.client->prefix() == 0;
}

bool IsSilent(const Pair& pair) {
  return Near(*pair.client).written == 0 && Near(*pair.backend).written == 0;
}

Ends EndsOf(const Pair& pair) {
  Ends ends;
  for (const Peer* peer : {pair.client.get(), pair.backend.get()}) {
    for (const std::uint64_t us : {Near(*peer).fin_in_us, Near(*peer).reset_came_us}) {
      if (us == kNever) continue;
      ends.first_us = std::min(ends.first_us, us);
      ends.last_us = std::max(ends.last_us, us);
    }
  }
  return ends;
}

bool UnixPeerLeft(const Pair& pair) {
  const auto left = [](const Peer& peer) { return !peer.socket().is_tcp && peer.socket().closed; };
  return left(*pair.client) || left(*pair.backend);
}

}  // namespace spliceway::simulator
