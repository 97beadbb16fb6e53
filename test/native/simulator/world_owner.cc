// The program that owns the engine: what it does with what it is told.

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "evidence.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

/// A client that is held for longer is denied.
constexpr std::uint32_t kLongestHoldMs = 5000;

}  // namespace

void World::ServeOwner() {
  rung_ = false;
  serves_owner_at_us_ = kNever;
  scene_.owner_stands = false;
  // Who listens for clients comes and goes.
  if (scene_.holds && choices_.OneIn(8)) {
    const bool held = scene_.crew->attention.load() == Attention::kHold;
    scene_.crew->attention.store(held ? Attention::kNone : Attention::kHold);
  }
  std::array<SessionEvent, 4> events;
  std::size_t count = 0;
  do {
    count = scene_.crew->events.Take(events);
    for (std::size_t index = 0; index < count; ++index) HandleEvent(events[index]);
  } while (count == events.size());
  if (scene_.crew->events.lags()) kernel_.Fail("the owner has taken all, and is said to lag");
}

void World::HandleEvent(const SessionEvent& event) {
  const SessionName name = {.slot = static_cast<std::uint32_t>(event.slot),
                            .generation = event.generation};
  switch (event.kind) {
    case SessionEvent::Kind::kAccepted: {
      Pair& pair = scene_.pairs[static_cast<std::size_t>(event.port - kFirstClientPort)];
      pair.name = name;
      pair.is_told = true;
      pair.loop = scene_.crew->slab.LoopOf(name).value_or(0);
      pair.rows_left = scene_.rows;
      // Those that nobody was to be told of have set out already.
      pair.picked_by_loop = scene_.picks == Picks::kByCycle && event.reason != 2;
      return;
    }
    case SessionEvent::Kind::kAttemptFailed:
      scene_.failures[static_cast<std::uint16_t>(event.backend)] +=
          static_cast<std::uint64_t>(event.count);
      oracle_.CheckFailed(event.error);
      if (event.slot < 0) return;
      {
        // A Unix address has no port; its backend has no other.
        const std::int32_t port = event.port < 0 ? event.backend : event.port;
        Pair& pair = *PairNamed(name);
        ++pair.attempts_failed;
        pair.failed_ports.insert(port);
        pair.lately_failed_ports.insert(port);
        pair.has_set_out = true;
        oracle_.CheckSetOut(pair);
        oracle_.CheckAttemptsOf(pair);
        if (event.error == ETIMEDOUT) {
          pair.silent_rows.insert(static_cast<std::uint16_t>(event.backend));
          oracle_.CheckTimedOut(pair, port);
        }
      }
      return;
    case SessionEvent::Kind::kNeedBackend: {
      Pair& pair = *PairNamed(name);
      // Its end is on the way.
      if (pair.is_sent_away || pair.left_alone) return;
      if (scene_.queueing.is_on && AnswerAboutQueue(pair, event.reason)) return;
      const bool is_first = event.reason == 0;
      if (is_first && (pair.watched_us != kNever || (pair.is_held && pair.is_silent))) {
        return Judge(pair);
      }
      if (event.reason == 1) {
        oracle_.CheckGivenUp(pair);
        pair.rows_left.clear();
      } else {
        oracle_.CheckRequest(pair);
      }
      return GiveBackend(pair);
    }
    case SessionEvent::Kind::kOutrun:
      if (event.slot >= 0) PairNamed(name)->outrun_ports.insert(event.port);
      return;
    case SessionEvent::Kind::kOpened:
      oracle_.CheckSetOut(*PairNamed(name));
      oracle_.CheckOutrun(*PairNamed(name));
      if (!choices_.OneIn(64)) return;
      PairNamed(name)->ended_by_owner = true;
      return Post(*PairNamed(name), EndCommand{.session = name, .ending = Ending::kReset});
    case SessionEvent::Kind::kClosed: {
      Pair& pair = *PairNamed(name);
      pair.reason = static_cast<CloseReason>(event.reason);
      oracle_.CheckClosed(pair, event.moved());
      pair.name.reset();
      pair.word_at_us = kNever;
      return;
    }
    case SessionEvent::Kind::kDrained:
      drained_ = true;
      return oracle_.CheckDrained();
    case SessionEvent::Kind::kUnreported:
      scene_.unreported += static_cast<std::uint64_t>(event.count);
      return;
    case SessionEvent::Kind::kNoPort:
      return oracle_.CheckNoPort(static_cast<std::uint16_t>(event.port));
    case SessionEvent::Kind::kEarlyReset:
      scene_.early_resets[static_cast<std::uint16_t>(event.backend)] +=
          static_cast<std::uint64_t>(event.count);
      return;
    case SessionEvent::Kind::kRefused:
      scene_.refusals += static_cast<std::uint64_t>(event.count);
      return;
    default:
      return;
  }
}

/// Also where the session has ended and another one has its slot: `Engine` looks whether it has,
/// but it may end between that look and the loop's.
void World::Post(const Pair& pair, Command command) {
  scene_.crew->workers[pair.loop]->Post(std::move(command));
}

/// One that nobody else has, so that it is known who is joined to whom.
void World::GiveBackend(Pair& pair) {
  pair.is_silent = false;
  if (scene_.has_changes) {
    std::erase_if(pair.rows_left, [&](std::uint16_t row) {
      return scene_.removed.contains(row) || scene_.changes.waiting.contains(row);
    });
  }
  if (pair.rows_left.empty()) {
    pair.left_alone = true;
    return Post(pair, EndCommand{.session = *pair.name, .ending = Ending::kNoBackend});
  }
  pair.lately_failed_ports.clear();
  pair.outrun_ports.clear();
  const std::uint16_t row = pair.rows_left.front();
  pair.rows_left.erase(pair.rows_left.begin());
  pair.owner_rows.insert(row);
  pair.row_named = row;
  Post(pair, ConnectCommand{.session = *pair.name, .backend = row});
}

/// A client is held for the owner's word, which comes at once, later, or not in time.
void World::Judge(Pair& pair) {
  pair.lets_in = !choices_.OneIn(3);
  if (!choices_.OneIn(2)) return GiveWord(pair);
  const std::uint32_t after_ms = choices_.Below(kLongestHoldMs + kLongestHoldMs / 4);
  if (after_ms > kLongestHoldMs) pair.lets_in = false;
  pair.word_at_us = kernel_.now_us() + std::uint64_t{std::min(after_ms, kLongestHoldMs)} * 1000;
}

void World::GiveWord(Pair& pair) {
  kernel_.Trace("the client with stream %td is %s", 2 * (&pair - scene_.pairs.data()),
                pair.lets_in ? "let in" : "denied");
  pair.word_at_us = kNever;
  pair.is_sent_away = !pair.lets_in;
  if (!pair.lets_in && pair.watched_us != kNever) {
    pair.ended_by_owner = true;
    // The loop meets the word in the turn in which the wait is over, at the latest.
    pair.is_kept_out =
        pair.is_silent && kernel_.now_us() + Hurry(scene_) < pair.watched_us + Us(Session::kWordMs);
    return Post(pair, EndCommand{.session = *pair.name, .ending = Ending::kReset});
  }
  if (!pair.lets_in) {
    pair.denied = true;
    return Post(pair, EndCommand{.session = *pair.name, .ending = Ending::kDenied});
  }
  if (scene_.picks == Picks::kByOwner) return GiveBackend(pair);
  pair.is_silent = false;
  pair.picked_by_loop = true;
  Post(pair, ConnectCommand{.session = *pair.name, .backend = kNoRow});
}

void World::Drain() {
  kernel_.Trace("drain");
  scene_.drain_asked = true;
  for (Service& service : scene_.services) service.is_paused = false;
  scene_.crew->draining.store(true);
  for (const auto& worker : scene_.crew->workers) worker->Post(CloseListenersCommand{});
  for (Pair& pair : scene_.pairs) {
    if (pair.word_at_us == kNever || !choices_.OneIn(2)) continue;
    pair.lets_in = false;
    GiveWord(pair);
  }
}

Pair* World::PairNamed(const SessionName& name) {
  for (Pair& pair : scene_.pairs) {
    if (pair.name && pair.name->slot == name.slot && pair.name->generation == name.generation) {
      return &pair;
    }
  }
  kernel_.Fail("an event of a session that nobody knows");
  return scene_.pairs.data();
}

}  // namespace spliceway::simulator
