// An operator who lists the sessions that live, and ends some by their names.

#include "listing.h"

#include <algorithm>

#include "evidence.h"
#include "oracle.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint16_t kFirstClient = 40;
constexpr std::uint32_t kMostLists = 12;
constexpr std::uint32_t kStepsBetween = 60;

/// Its session has begun, and not ended.
bool Lives(const Pair& pair) {
  return pair.client && Near(*pair.client).fd >= 0 && Near(*pair.client).was_watched;
}

bool IsOpen(const SessionRecord& record) {
  return record.phase == static_cast<std::int32_t>(SessionPhase::kData) ||
         record.phase == static_cast<std::int32_t>(SessionPhase::kHalfClosed);
}

}  // namespace

/// Their choices are drawn apart, from what is known of the scene: so all others are drawn as they
/// were.
void World::SetUpListing() {
  std::uint64_t seed = scene_.pairs.size();
  for (const Pair& pair : scene_.pairs) {
    seed = seed * 31 + pair.client_habits.bytes + pair.starts_at_us;
  }
  list_choices_ = Choices(seed);
  lists_left_ = 1 + list_choices_.Below(kMostLists);
  lists_at_step_ = list_choices_.Below(kStepsBetween);
}

void World::ListOrEnd() {
  if (lists_left_ > 0 && outcome_.steps >= lists_at_step_) List();
  const auto is_due = [&](const NamedEnd& end) { return outcome_.steps >= end.at_step; };
  for (const NamedEnd& end : named_ends_) {
    if (is_due(end)) EndNamed(end);
  }
  std::erase_if(named_ends_, is_due);
}

void World::List() {
  kernel_.Trace("live sessions are listed");
  ++scene_.stimuli;
  --lists_left_;
  lists_at_step_ = outcome_.steps + list_choices_.Below(kStepsBetween);
  const ListOptions options{.figures = list_choices_.OneIn(2),
                            .most = list_choices_.OneIn(4) ? 1 + list_choices_.Below(4) : 0};
  Listing listing{
      .list = scene_.crew->ListSessions(options), .asked_us = kernel_.now_us(), .lived = {}};
  for (std::size_t index = 0; index < scene_.pairs.size(); ++index) {
    Pair& pair = scene_.pairs[index];
    if (!Lives(pair)) continue;
    pair.listed_since_us = std::min(pair.listed_since_us, kernel_.now_us());
    const Socket& client = Near(*pair.client);
    Listing::Living living{.client = &client};
    if (pair.backend && Near(*pair.backend).fd >= 0) {
      living.backend = &Near(*pair.backend);
      living.upstream = living.backend->written;
      living.downstream = client.written;
    }
    listing.lived[index] = living;
  }
  scene_.listings.push_back(std::move(listing));
}

/// Those that are complete are judged, and some of their sessions are to end.
void World::NoteListed() {
  for (const Listing& listing : scene_.listings) {
    if (!listing.list->is_complete()) continue;
    oracle_.CheckListing(listing);
    for (std::uint32_t slot = 0; slot < listing.list->slots(); ++slot) {
      const SessionRecord& record = listing.list->records()[slot];
      if (record.is_taken.load() == 0 || record.client.port < kFirstClient) continue;
      const SessionName name{.slot = slot, .generation = record.generation};
      Pair& pair = scene_.pairs[static_cast<std::size_t>(record.client.port) - kFirstClient];
      pair.listed_name = name;
      const std::optional<std::uint32_t> loop = scene_.crew->slab.LoopOf(name);
      if (!list_choices_.OneIn(8) || !loop || *loop == SessionSlab::kNoLoop) continue;
      named_ends_.push_back({.pair = static_cast<std::size_t>(&pair - scene_.pairs.data()),
                             .name = name,
                             .loop = *loop,
                             .at_step = outcome_.steps + list_choices_.Below(kStepsBetween)});
    }
  }
  std::erase_if(scene_.listings,
                [](const Listing& listing) { return listing.list->is_complete(); });
}

/// Also where it has ended meanwhile, and another one has its slot.
void World::EndNamed(const NamedEnd& end) {
  Pair& pair = scene_.pairs[end.pair];
  // Another end of it is under way, which counts as another one.
  if (Lives(pair) && (pair.left_alone || pair.is_sent_away)) return;
  kernel_.Trace("the session with stream %zu is to end", 2 * end.pair);
  ++scene_.stimuli;
  scene_.crew->workers[end.loop]->Post(EndCommand{.session = end.name, .ending = Ending::kReset});
  if (!Lives(pair)) return;
  // Nor does another one follow.
  pair.ended_by_owner = pair.is_sent_away = true;
  pair.word_at_us = kNever;
  scene_.named_ends.push_back(&Near(*pair.client));
}

/// All loops are done: what is listed lives, or did until a moment ago, and whoever lived all the
/// while is listed once.
void Oracle::CheckListing(const Listing& listing) {
  std::map<std::size_t, const SessionRecord*> found;
  for (std::uint32_t slot = 0; slot < listing.list->slots(); ++slot) {
    const SessionRecord& record = listing.list->records()[slot];
    if (record.is_taken.load() == 0) continue;
    if (record.client.port < kFirstClient) return kernel_.Fail("a session is listed of no client");
    const std::size_t index = static_cast<std::size_t>(record.client.port) - kFirstClient;
    if (!found.emplace(index, &record).second) return kernel_.Fail("a session is listed twice");
    const SessionName name{.slot = slot, .generation = record.generation};
    CheckRecord(listing, scene_.pairs[index], record, name);
  }
  const std::size_t most = listing.list->options().most;
  if (most != 0 && found.size() > most * scene_.epolls.size()) {
    return kernel_.Fail("a sample has more sessions than it may");
  }
  for (const auto& [index, living] : listing.lived) {
    if (living.client->fd < 0) continue;
    const auto record = found.find(index);
    if (record == found.end()) {
      if (most != 0 && found.size() >= most) continue;
      return kernel_.Fail("a session lives, and is not listed");
    }
    CheckLiving(living, scene_.pairs[index], *record->second);
  }
}

void Oracle::CheckRecord(const Listing& listing, const Pair& pair, const SessionRecord& record,
                         const SessionName& name) {
  if (!pair.client) return kernel_.Fail("a session is listed of nobody");
  const Socket& client = Near(*pair.client);
  if (!client.was_watched || (client.fd < 0 && client.closed_us < listing.asked_us)) {
    return kernel_.Fail("a session is listed that does not live");
  }
  const auto is_other = [&](const std::optional<SessionName>& other) {
    return other && (other->slot != name.slot || other->generation != name.generation);
  };
  if (is_other(pair.name) || is_other(pair.listed_name)) {
    return kernel_.Fail("a session is listed by another name than before");
  }
  if (record.listener != static_cast<std::int32_t>(pair.service)) {
    return kernel_.Fail("a session is listed at another listener");
  }
  if (record.phase == static_cast<std::int32_t>(SessionPhase::kQueue) && record.pool < 0) {
    return kernel_.Fail("a session is listed as waiting in the queue of no pool");
  }
  CheckAgeOf(listing, pair, record);
  const bool with_figures = listing.list->options().figures;
  const auto are_of = [&](const sys::TcpFigures& figures, const Socket& socket) {
    const sys::TcpFigures told = with_figures ? FiguresOf(socket) : sys::TcpFigures{};
    return figures.round_trip_us == told.round_trip_us && figures.sent == told.sent &&
           figures.retransmitted == told.retransmitted;
  };
  if (!are_of(record.client_figures, client)) {
    return kernel_.Fail("a session is listed with the figures of another connection");
  }
  const bool has_socket =
      std::any_of(kernel_.sockets().begin(), kernel_.sockets().end(), [&](const auto& socket) {
        return socket->is_core && socket.get() != &client && socket->handler == client.handler &&
               (!IsOpen(record) || are_of(record.backend_figures, *socket)) &&
               socket->port == record.backend_address.port &&
               (record.backend < 0 || RowOf(socket->port) == record.backend) &&
               (socket->fd >= 0 || socket->closed_us >= listing.asked_us);
      });
  if (IsOpen(record) && !has_socket) {
    return kernel_.Fail("a session is listed at a backend that it does not have");
  }
}

/// The clocks of loops leave out what the process has stood still.
void Oracle::CheckAgeOf(const Listing& listing, const Pair& pair, const SessionRecord& record) {
  if (kernel_.stopped_us() > 0) return;
  const std::uint64_t age_us = record.age_ms * 1000;
  const std::uint64_t slack_us = Hurry(scene_) + scene_.longest_turn_us + 2000;
  if (age_us > kernel_.now_us() - Near(*pair.client).made_us + slack_us) {
    return kernel_.Fail("a session is listed as older than it is");
  }
  if (pair.listed_since_us > listing.asked_us) return;
  if (age_us + slack_us < listing.asked_us - pair.listed_since_us) {
    return kernel_.Fail("a session is listed as younger than it is");
  }
}

/// One that lived all the while.
void Oracle::CheckLiving(const Listing::Living& living, const Pair& pair,
                         const SessionRecord& record) {
  if (living.backend == nullptr || &Near(*pair.backend) != living.backend) return;
  const bool has_moved = living.upstream + living.downstream > 0;
  if (has_moved && !IsOpen(record)) {
    return kernel_.Fail("an open session is listed as one without a backend");
  }
  const std::int32_t row = pair.joins ? -1 : RowOf(living.backend->port);
  if (has_moved && record.backend != row) {
    return kernel_.Fail("an open session is listed at another backend");
  }
  if (record.bytes_upstream < living.upstream || record.bytes_downstream < living.downstream ||
      record.bytes_upstream > living.backend->written ||
      record.bytes_downstream > living.client->written) {
    kernel_.Fail("a session is listed with other bytes than were written");
  }
}

/// The loops sleep.
void Oracle::CheckThatListsAreComplete() {
  if (!scene_.listings.empty()) {
    return kernel_.Fail("a list of sessions is not complete, and the loops sleep");
  }
  for (const Socket* client : scene_.named_ends) {
    if (client->fd >= 0) return kernel_.Fail("a session goes on that was to end by its name");
  }
}

}  // namespace spliceway::simulator
