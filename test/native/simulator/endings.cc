// Sessions of a backend, or of a listener, that the owner ends.

#include <algorithm>

#include "evidence.h"
#include "oracle.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint16_t kFirstClient = 40;

bool IsClients(const Socket& socket) { return socket.port >= kFirstClient; }

/// Whose sessions have this socket, or may have had: it is at the backend that is meant, or there
/// is none.
bool IsMeant(const Scene& scene, const EndSessionsCommand& asked, const Socket& socket) {
  if (asked.backend == kNoRow) {
    return IsClients(socket) &&
           scene.pairs[socket.port - std::size_t{kFirstClient}].service == asked.listener;
  }
  // Where both are said there is one listener, which is the first.
  if (asked.listener != kNoRow && asked.listener != 0) return false;
  return socket.connect_us != 0 && RowOf(socket.port) == asked.backend;
}

bool IsMeant(const Scene& scene, const Ended& ended, const Socket& socket) {
  return ended.Covers(socket) && IsMeant(scene, ended.asked, socket);
}

}  // namespace

/// Of one backend or of the listener, or of both; or of a listener that has none.
void World::EndSessions() {
  Ended ended;
  ended.began_us = kernel_.now_us();
  const bool of_backend = !choices_.OneIn(3);
  if (of_backend) {
    ended.asked.backend =
        scene_.rows[choices_.Below(static_cast<std::uint32_t>(scene_.rows.size()))];
  }
  if (!of_backend || (!scene_.has_changes && choices_.OneIn(3))) {
    ended.asked.listener = choices_.OneIn(3) ? std::uint16_t{1} : std::uint16_t{0};
  }
  // No choice of its own: the seeds that are kept are drawn as they were.
  const bool rebalances =
      !scene_.has_changes && of_backend && ended.asked.listener == kNoRow && endings_left_ % 2 == 0;
  if (rebalances) {
    ended.asked.quota = std::make_shared<SweepQuota>(kMostRebalanced);
    ended.asked.rest_ms = 20;
  }
  kernel_.Trace("sessions are to end: backend %d, listener %d", ended.asked.backend,
                ended.asked.listener);
  for (const auto& socket : kernel_.sockets()) {
    if (!rebalances && socket->is_core && socket->fd >= 0 &&
        IsMeant(scene_, ended.asked, *socket)) {
      ended.meant.push_back(socket.get());
    }
  }
  if (scene_.has_changes) ended.barrier = scene_.crew->PostBarrier();
  scene_.ended.push_back(std::move(ended));
  NoteEnded();
  scene_.crew->EndSessions(scene_.ended.back().asked);
  if (scene_.has_changes) return;
  // Often while the loops are at it; and some when a second address is tried.
  const std::uint64_t next_us =
      kernel_.now_us() + (choices_.OneIn(2) ? 0 : choices_.Below(400'000));
  ends_sessions_at_us_ = --endings_left_ == 0 ? kNever : next_us;
}

/// Whose sessions they may be: who was still on its way to a backend is not ended with the others.
void World::NoteEnded() {
  for (const Ended& ended : scene_.ended) {
    // Whom one that rebalances ends is judged by what both sides get.
    if (ended.over_us != kNever || ended.asked.quota) continue;
    for (const auto& socket : kernel_.sockets()) {
      if (!IsMeant(scene_, ended, *socket) || (!IsClients(*socket) && socket->peer == nullptr))
        continue;
      const auto client =
          std::find_if(kernel_.sockets().begin(), kernel_.sockets().end(), [&](const auto& other) {
            return other->is_core && IsClients(*other) && other->handler == socket->handler;
          });
      if (socket->handler == 0 || client == kernel_.sockets().end()) continue;
      scene_.pairs[(*client)->port - std::size_t{kFirstClient}].ended_by_owner = true;
    }
  }
}

void World::NoteLoopsSleep() {
  for (Ended& ended : scene_.ended) ended.over_us = std::min(ended.over_us, kernel_.now_us());
}

/// Nobody has anything left to do: those who were asked to are done.
void Oracle::CheckThatTheyHaveEnded() {
  for (const Ended& ended : scene_.ended) {
    for (const Socket* socket : ended.meant) {
      if (socket->fd < 0) continue;
      return kernel_.Fail(IsClients(*socket)
                              ? "a session of a listener goes on that was to end"
                              : "a session is still at a backend that it was to leave");
    }
  }
}

bool Oracle::WasTurnedBack(const Socket& socket) const {
  return std::any_of(scene_.ended.begin(), scene_.ended.end(),
                     [&](const Ended& ended) { return IsMeant(scene_, ended, socket); });
}

bool Oracle::IsTurnedBackFrom(std::uint16_t row) const {
  return std::any_of(scene_.ended.begin(), scene_.ended.end(),
                     [&](const Ended& ended) { return ended.asked.backend == row; });
}

bool Oracle::EndedListeners() const {
  return std::any_of(scene_.ended.begin(), scene_.ended.end(),
                     [](const Ended& ended) { return ended.asked.backend == kNoRow; });
}

}  // namespace spliceway::simulator
