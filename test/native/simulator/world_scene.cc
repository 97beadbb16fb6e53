// The scene of a schedule, as its choices set it.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "world.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint16_t kListenerPort = 1;
constexpr std::uint16_t kFirstBackendPort = 2;
constexpr std::size_t kMostPairs = 4;
constexpr std::uint32_t kSlots = 16;
constexpr std::uint32_t kMostLoops = 2;

}  // namespace

void World::SetUp() {
  Conditions& conditions = kernel_.conditions;
  constexpr std::array<std::size_t, 4> kSegments = {65536, 1448, 536, 16384};
  conditions.segment = kSegments[choices_.Below(4)];
  conditions.pipe_slots = choices_.OneIn(2) ? 256 : 16;
  conditions.signals = choices_.OneIn(4);
  conditions.races = choices_.OneIn(2);
  if (options_.among == Among::kStops) conditions.signals = conditions.races = true;
  conditions.hesitates = choices_.OneIn(6);
  conditions.refuses_splice = choices_.OneIn(12);
  // No choice of its own: the seeds that are kept are drawn as they were.
  conditions.stops = conditions.signals && conditions.races;
  // Nor here.
  conditions.local_clients = conditions.segment == 16384;
  if (conditions.hesitates) conditions.port_shortages = 4;
  if (choices_.OneIn(6)) conditions.shortages = 1 + static_cast<int>(choices_.Below(20));
  if (choices_.OneIn(8)) conditions.bytes_per_us = 100;
  const Transfer transfer = static_cast<Transfer>(choices_.Below(3));
  scene_.few_descriptors = choices_.OneIn(6);
  // Without it, sessions may wait for descriptors that others like them hold.
  scene_.timeouts.connect_ms = scene_.few_descriptors || choices_.OneIn(2) ? 1000 : 0;
  scene_.timeouts.handshake_ms = choices_.OneIn(6) ? 2000 : 0;
  scene_.timeouts.idle_ms = choices_.OneIn(3) ? 3000 : 0;
  scene_.timeouts.half_close_ms = choices_.OneIn(4) ? 1500 : 0;
  // No choices of their own, as above.
  if (conditions.pipe_slots > 16) scene_.timeouts.search.budget_ms = 1200;
  if ((conditions.segment + conditions.pipe_slots) % 5 == 0) scene_.timeouts.search.attempts = 3;
  scene_.timeouts.search.abort_on_close = conditions.segment == 16384 || conditions.segment == 536;
  // Longer than a schedule lasts in which the process does not stand still.
  if (!conditions.stops && conditions.pipe_slots == 16) {
    scene_.timeouts.early_reset_ms = 3'600'000;
  }
  if (conditions.segment == 1448 && !conditions.signals) scene_.timeouts.max_age_ms = 500;
  may_stay_ = choices_.OneIn(4);
  if (options_.among == Among::kStayers) {
    may_stay_ = true;
    scene_.timeouts.idle_ms = scene_.timeouts.half_close_ms = scene_.timeouts.max_age_ms = 0;
  }
  // Only those who stay are silent for so long.
  scene_.keep_alive_s = may_stay_ ? 6 : 0;

  // No choice of its own, as above.
  scene_.few_events = conditions.segment == 16384;
  MakeWorkers(1 + choices_.Below(kMostLoops), transfer);
  const Attention attention = choices_.OneIn(3) ? Attention::kNone : Attention::kReport;
  // No choice of its own, as above.
  scene_.holds = attention == Attention::kNone && conditions.pipe_slots > 16;
  scene_.watches =
      attention == Attention::kReport && conditions.pipe_slots > 16 && conditions.segment >= 16384;
  scene_.crew->attention.store(scene_.holds     ? Attention::kHold
                               : scene_.watches ? Attention::kWatch
                                                : attention);
  // No choice of its own, as above.
  if (conditions.hesitates && conditions.races) {
    scene_.sources = {11, 12, 13};
    if (conditions.pipe_slots == 16) conditions.missing_source = 12;
  }
  MakePairs();
  MakeBackends();
  scene_.picks = choices_.OneIn(3) ? Picks::kByOwner : Picks::kByCycle;
  if (choices_.OneIn(8)) scene_.clients.remote = 1 + choices_.Below(2);
  scene_.clients.loopback = scene_.clients.remote;
  scene_.services = {{.port = kListenerPort, .is_tcp = !choices_.OneIn(6)}};
  const int listener = kernel_.Listen(kListenerPort, scene_.services[0].is_tcp);
  // No choice of its own, as above.
  scene_.has_changes = conditions.segment == 1448 && conditions.pipe_slots == 16;
  const bool all_accept =
      scene_.has_changes || (conditions.segment == 536 && conditions.pipe_slots == 16);
  const std::size_t acceptors = all_accept ? scene_.crew->workers.size() : 1;
  scene_.crew->table.SetListener(
      0,
      {.pool = 0, .picks = scene_.picks, .timeouts = scene_.timeouts, .clients = scene_.clients});
  scene_.crew->Publish();
  const auto socket = std::make_shared<ListeningSocket>(UniqueFd(listener), 0, false,
                                                        scene_.keep_alive_s, acceptors, 1);
  for (std::size_t worker = 0; worker < acceptors; ++worker) {
    scene_.crew->open_listeners.fetch_add(1);
    scene_.crew->workers[worker]->Post(ListenCommand{.socket = socket});
  }
  if (scene_.has_changes) SetUpChanges();
  base_descriptors_ = kernel_.open_descriptors();
  if (scene_.few_descriptors) conditions.descriptors = base_descriptors_ + 2 + choices_.Below(8);
  if (choices_.OneIn(6)) drains_at_us_ = kernel_.now_us() + choices_.Below(100'000);
  // No choice of its own, as above.
  if (conditions.segment == 1448 && conditions.pipe_slots > 16) {
    publications_left_ = 1 + choices_.Below(6);
    publishes_at_us_ = kernel_.now_us() + choices_.Below(50'000);
  }
  // No choice of its own, as above. Some have small turns, or backends of two addresses.
  const bool queues =
      conditions.segment == 65536 && conditions.pipe_slots == 16 && !conditions.signals;
  const bool ends = queues || conditions.segment == (conditions.signals ? 65536 : 16384);
  if ((ends || conditions.segment == 536) && conditions.pipe_slots == 16 && !conditions.races) {
    endings_left_ = 1 + choices_.Below(6);
    ends_sessions_at_us_ = kernel_.now_us() + choices_.Below(50'000);
  }
  if (queues) SetUpQueue();
  // No choice of its own, as above. All kinds of scenes are among them.
  const bool lists = conditions.hesitates || (conditions.segment == 536 && !all_accept);
  if (lists) SetUpListing();
  // No choice of its own, as above. In some of these all loops accept, in others sessions are
  // ended.
  const bool limits = conditions.segment == 16384 || (conditions.segment == 536 && all_accept);
  if (limits && !scene_.has_changes) SetUpServiceLimits();
}

void World::MakeWorkers(std::size_t count, Transfer transfer) {
  const std::uint32_t slots = choices_.OneIn(4) ? 1 + choices_.Below(3) : kSlots;
  PipeLimits pipes{.large_bytes = 1 << 20, .default_bytes = 65536, .idle = 2};
  std::array<std::uint32_t, kMostLoops> busy_poll_us{};
  // Drawn as when each loop had a budget of its own.
  for (std::size_t index = 0; index < count; ++index) {
    pipes.total_bytes += choices_.OneIn(8) ? std::size_t{65536} : 8U << 20;
    pipes.pipes += choices_.OneIn(8) ? 1U : 8U;
    busy_poll_us[index] = choices_.OneIn(16) ? 20U : 0U;
  }
  scene_.crew = std::make_unique<Crew>(
      slots, kFirstClientPort, 2, std::make_shared<Counters>(count, 2, kFirstClientPort, slots),
      pipes, count, [this] { rung_ = true; }, scene_.few_events ? 2 : EventQueue::kMostWaiting);
  TurnBudget turn;
  // No choice of its own: the seeds that are kept are drawn as they were.
  const Conditions& conditions = kernel_.conditions;
  if ((conditions.segment == 16384 ||
       (conditions.segment == 1448 && conditions.pipe_slots == 16)) &&
      !conditions.signals) {
    turn = {.turn = 16 * 1024, .events = 4 * 1024, .crowded = 2 * 1024};
  }
  for (std::size_t index = 0; index < count; ++index) {
    int error = 0;
    scene_.epolls.push_back(static_cast<int>(3 + kernel_.open_descriptors()));
    scene_.crew->workers.push_back(Worker::Create({.index = index,
                                                   .transfer = transfer,
                                                   .busy_poll_us = busy_poll_us[index],
                                                   .keep_alive_s = scene_.keep_alive_s,
                                                   .turn = turn},
                                                  *scene_.crew, error));
  }
  vigils_.resize(count);
}

void World::MakePairs() {
  const bool much = choices_.OneIn(64) || options_.among == Among::kStreams;
  const std::size_t wanted = much ? 6U << 20 : choices_.OneIn(4) ? 400'000 : 20'000;
  const std::size_t most = std::min(wanted, options_.most_bytes);
  // Slowly enough for a stream to last, and fast enough to count as one.
  if (much) kernel_.conditions.bytes_per_us = 100;
  kernel_.conditions.largest_buffer = much ? 4U << 20 : 400'000;
  // A byte at a time, of many, takes long and shows nothing more.
  kernel_.conditions.smallest_buffer = most / 256 + 1;
  scene_.pairs.resize(1 + choices_.Below(kMostPairs));
  for (Pair& pair : scene_.pairs) {
    pair.client_habits = Habits::Choose(choices_, most, may_stay_);
    pair.client_habits.answers = false;
    pair.backend_habits = Habits::Choose(choices_, most, may_stay_);
    pair.starts_at_us = kernel_.now_us() + (choices_.OneIn(2) ? choices_.Below(50'000) : 0);
    pair.by_owner = choices_.OneIn(4);
    pair.joins = pair.by_owner && choices_.OneIn(2);
  }
}

void World::MakeBackends() {
  // No choice of its own, as above. Then many searches go on while the cycle becomes another.
  const Conditions& conditions = kernel_.conditions;
  const bool many_are_down =
      conditions.segment == 1448 && conditions.pipe_slots > 16 && conditions.signals;
  // Two for each client, some of them down.
  const std::size_t count = 2 * scene_.pairs.size();
  std::vector<std::uint16_t> cycle;
  for (std::size_t index = 0; index < count; ++index) {
    const auto port = static_cast<std::uint16_t>(kFirstBackendPort + index);
    Backend& backend = kernel_.backends[port];
    backend = Backend::kAccepts;
    const std::uint32_t drawn = choices_.Below(6);
    if (many_are_down ? drawn > 1 : drawn == 1) {
      constexpr std::array<Backend, 3> kDown = {Backend::kRefuses, Backend::kUnreachable,
                                                Backend::kSilent};
      backend = kDown[choices_.Below(scene_.timeouts.connect_ms > 0 ? 3 : 2)];
    }
    const bool is_unix = choices_.OneIn(6);
    const SocketAddress address = is_unix ? *SocketAddress::FromPath(std::to_string(port))
                                          : *SocketAddress::FromIp("192.0.2.2", port);
    if (choices_.OneIn(8)) {
      scene_.limits[port] = 1 + choices_.Below(2);
      scene_.crew->table.Row(port).Limit(scene_.limits[port]);
    }
    Addresses addresses = {address};
    // Scenes without it are drawn as they were.
    if (kernel_.conditions.segment == 536 && !is_unix && !scene_.limits.contains(port) &&
        choices_.OneIn(2)) {
      addresses.push_back(SecondAddress(port));
    }
    scene_.crew->table.SetAddresses(port, addresses, AddressOrder::kAsGiven);
    if (!scene_.sources.empty()) scene_.crew->table.SetSources(port, SourceAddresses());
    cycle.push_back(port);
    scene_.rows.push_back(port);
  }
  scene_.changes.policies[0] = ChoosePolicy();
  scene_.crew->table.SetPool(0, PlanOf(scene_.changes.policies[0], cycle));
}

Addresses World::SourceAddresses() const {
  Addresses addresses;
  for (const std::uint8_t source : scene_.sources) {
    addresses.push_back(*SocketAddress::FromIp("192.0.2." + std::to_string(source), 0));
  }
  return addresses;
}

/// Every backend anew, at the same addresses, but perhaps for one that goes; and the cycle begins
/// somewhere else.
void World::Publish() {
  std::vector<std::uint16_t>& rows = scene_.rows;
  BackendTable& table = scene_.crew->table;
  const auto addresses_of = [&](std::uint16_t row) -> const Addresses& {
    return table.published()->AddressesOf(row)[0];
  };
  std::optional<std::uint16_t> goes;
  if (rows.size() > 2 && choices_.OneIn(2)) {
    const auto at = rows.begin() + choices_.Below(static_cast<std::uint32_t>(rows.size()));
    goes = *at;
    rows.erase(at);
  }
  for (const std::uint16_t row : rows) {
    table.SetAddresses(row, Addresses(addresses_of(row)), AddressOrder::kAsGiven);
  }
  std::vector<std::uint16_t> cycle = rows;
  std::rotate(cycle.begin(),
              cycle.begin() + choices_.Below(static_cast<std::uint32_t>(cycle.size())),
              cycle.end());
  table.SetPool(0, PlanOf(scene_.changes.policies[0], cycle));
  if (goes) {
    table.RemoveAddresses(*goes);
    scene_.removed[*goes] = {.generation = table.generation(), .is_vacant = false};
  }
  kernel_.Trace("tables %zu are published%s", static_cast<std::size_t>(table.generation()),
                goes ? ", without a backend" : "");
  scene_.crew->Publish();
  NoteVacant();
  publishes_at_us_ = --publications_left_ == 0 ? kNever : kernel_.now_us() + choices_.Below(50'000);
}

/// Of the other family. Either may be down, the first by being silent more often than not.
SocketAddress World::SecondAddress(std::uint16_t first) {
  const auto port = static_cast<std::uint16_t>(first + kSecondAddress);
  scene_.pairs_of_addresses.insert(first);
  Backend& second = kernel_.backends[port];
  second = kernel_.backends[first];
  kernel_.backends[first] = Backend::kAccepts;
  // Without a time-out, one of them has to answer, and there has to be a descriptor for it.
  const bool may_be_silent = scene_.timeouts.connect_ms > 0 ||
                             (second == Backend::kAccepts && kernel_.conditions.shortages == 0);
  if (may_be_silent && !choices_.OneIn(3)) kernel_.backends[first] = Backend::kSilent;
  return *SocketAddress::FromIp("2001:db8::2", port);
}

}  // namespace spliceway::simulator
