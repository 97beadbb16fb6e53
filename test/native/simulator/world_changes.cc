// An owner who changes everything while sessions live, of two listeners with a pool each.

#include <algorithm>
#include <utility>

#include "world.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint32_t kMostChanges = 24;
constexpr std::uint32_t kLongestPauseUs = 20'000;
/// Of a second listener: no backend has it.
constexpr std::uint16_t kSecondListenerPort = 36;

}  // namespace

/// The choices of these scenes alone come last, so that all others are drawn as they were.
void World::SetUpChanges() {
  scene_.services.push_back({.port = kSecondListenerPort, .pool = 1});
  Changes& changes = scene_.changes;
  changes.limits.swap(scene_.limits);
  for (const auto& [row, limit] : changes.limits) changes.touched.insert(row);
  for (const std::uint16_t row : scene_.rows) changes.pools[row % 2].push_back(row);
  changes.policies[1] = ChoosePolicy();
  if (choices_.OneIn(3)) {
    for (const std::uint16_t row : scene_.rows) {
      if (choices_.OneIn(2)) SetState(row, BackendState::kDown);
    }
  }
  for (std::uint16_t pool = 0; pool < changes.pools.size(); ++pool) SetPool(pool);
  changes_left_ = choices_.Below(kMostChanges);
  changes_at_us_ = changes_left_ == 0 ? kNever : kernel_.now_us() + choices_.Below(kLongestPauseUs);
  SetListener(scene_.services.front());
  Open(scene_.services.back());
  PublishChanges();
}

std::uint16_t World::RowOfService(const Service& service) const {
  return static_cast<std::uint16_t>(&service - scene_.services.data());
}

void World::SetListener(const Service& service) {
  scene_.crew->table.SetListener(RowOfService(service), {.pool = service.pool,
                                                         .picks = scene_.picks,
                                                         .timeouts = scene_.timeouts,
                                                         .clients = scene_.clients});
}

/// What holds for it is published first.
void World::Open(Service& service) {
  SetListener(service);
  PublishChanges();
  service.is_open = true;
  service.is_vacant = service.is_paused = false;
  service.first_socket = kernel_.sockets().size();
  scene_.crew->Listen(UniqueFd(kernel_.Listen(service.port, service.is_tcp)), RowOfService(service),
                      1);
}

void World::SetPool(std::uint16_t pool) {
  BackendTable& table = scene_.crew->table;
  const std::vector<std::uint16_t>& rows = scene_.changes.pools[pool];
  rows.empty() ? table.RemovePool(pool)
               : table.SetPool(pool, PlanOf(scene_.changes.policies[pool], rows));
}

Policy World::ChoosePolicy() {
  return {.entry = static_cast<PickEntry>(choices_.Below(5)),
          .tiers = 1 + choices_.Below(3),
          .tries_down = choices_.OneIn(2)};
}

/// The rows in their order, as many in each tier. By all policies but the plainest, some recur.
PickPlan World::PlanOf(const Policy& policy, const std::vector<std::uint16_t>& rows) {
  PickPlan plan{.entry = policy.entry, .tiers = {}, .tries_down = policy.tries_down};
  plan.tiers.resize(std::min<std::size_t>(policy.tiers, rows.size()));
  for (std::size_t index = 0; index < rows.size(); ++index) {
    const std::size_t weight = policy.entry == PickEntry::kTurn ? 1 : 1 + rows[index] % 3;
    std::vector<std::uint16_t>& tier = plan.tiers[index * plan.tiers.size() / rows.size()];
    tier.insert(tier.end(), weight, rows[index]);
  }
  return plan;
}

void World::ChangePolicy() {
  const auto pool = static_cast<std::uint16_t>(choices_.Below(2));
  scene_.changes.policies[pool] = ChoosePolicy();
  if (!scene_.changes.pools[pool].empty()) SetPool(pool);
}

/// One change, which is published at once or waits for others.
void World::Change() {
  --changes_left_;
  ServeOwner();
  switch (choices_.Below(10)) {
    case 0:
      ChangeState();
      break;
    case 1:
      ChangeLimit();
      break;
    case 2:
      RemoveBackend();
      break;
    case 3:
      AddBackend();
      break;
    case 4:
      ChangePoolOfListener();
      break;
    case 5:
      RemovePool();
      break;
    case 6:
      PauseOrResume(AnyService());
      break;
    case 7:
      CloseOrOpen(AnyService());
      break;
    case 8:
      EndSessions();
      break;
    case 9:
      ChangePolicy();
      break;
  }
  const bool is_last = changes_left_ == 0;
  if (is_last) {
    for (Service& service : scene_.services) {
      if (service.is_paused) PauseOrResume(service);
    }
  }
  if (is_last || !choices_.OneIn(3)) PublishChanges();
  const std::uint64_t wait_us = choices_.OneIn(2) ? 0 : choices_.Below(kLongestPauseUs);
  changes_at_us_ = is_last ? kNever : kernel_.now_us() + wait_us;
}

std::uint16_t World::AnyRow() {
  return scene_.rows[choices_.Below(static_cast<std::uint32_t>(scene_.rows.size()))];
}

Service& World::AnyService() {
  return scene_.services[choices_.Below(static_cast<std::uint32_t>(scene_.services.size()))];
}

void World::ChangeState() {
  std::vector<std::uint16_t> rows = {AnyRow()};
  if (choices_.OneIn(3)) rows = scene_.changes.pools[rows[0] % 2];
  const auto state = static_cast<BackendState>(choices_.Below(3));
  for (const std::uint16_t row : rows) SetState(row, state);
}

void World::SetState(std::uint16_t row, BackendState state) {
  kernel_.Trace("backend %u gets state %d", row, static_cast<int>(state));
  scene_.changes.touched.insert(row);
  scene_.changes.states[row] = state;
  scene_.changes.states_since_us = kernel_.now_us();
  scene_.crew->table.Row(row).SetState(state);
}

void World::ChangeLimit() {
  const std::uint16_t row = AnyRow();
  const std::uint32_t limit = choices_.Below(3);
  kernel_.Trace("backend %u may have %u sessions", row, limit);
  scene_.changes.touched.insert(row);
  scene_.changes.limits[row] = limit;
  scene_.crew->table.Row(row).Limit(limit);
}

void World::RemoveBackend() {
  Changes& changes = scene_.changes;
  const std::uint16_t row = AnyRow();
  if (scene_.removed.contains(row)) return;
  for (std::uint16_t pool = 0; pool < changes.pools.size(); ++pool) {
    if (std::erase(changes.pools[pool], row) > 0) SetPool(pool);
    changes.moved_pools = changes.moved_pools || changes.pools[pool].empty();
  }
  BackendTable& table = scene_.crew->table;
  addresses_.try_emplace(row, table.published()->AddressesOf(row)[0]);
  table.RemoveAddresses(row);
  changes.touched.insert(row);
  scene_.removed[row] = {.generation = table.generation(), .is_vacant = false};
  kernel_.Trace("backend %u is to go, in tables %zu", row,
                static_cast<std::size_t>(table.generation()));
}

/// In a row that is vacant.
void World::AddBackend() {
  const auto vacant = std::find_if(scene_.removed.begin(), scene_.removed.end(),
                                   [](const auto& removed) { return removed.second.is_vacant; });
  if (vacant == scene_.removed.end()) return;
  const std::uint16_t row = vacant->first;
  scene_.removed.erase(vacant);
  const std::uint16_t pool = static_cast<std::uint16_t>(choices_.Below(2));
  kernel_.Trace("row %u gets another backend, in pool %u", row, pool);
  Changes& changes = scene_.changes;
  changes.states.erase(row);
  changes.states_since_us = kernel_.now_us();
  changes.limits.erase(row);
  changes.first_socket[row] = kernel_.sockets().size();
  scene_.failures.erase(row);
  for (Ended& ended : scene_.ended) {
    if (ended.asked.backend == row)
      ended.last_socket = std::min(ended.last_socket, kernel_.sockets().size());
  }
  scene_.crew->ResetBackend(row);
  scene_.crew->table.SetAddresses(row, addresses_.at(row), AddressOrder::kAsGiven);
  changes.waiting.insert(row);
  changes.pools[pool].push_back(row);
  SetPool(pool);
}

void World::ChangePoolOfListener() {
  Service& service = AnyService();
  if (!service.is_open) return;
  service.pool = static_cast<std::uint16_t>(1 - service.pool);
  scene_.changes.moved_pools = true;
  kernel_.Trace("listener %u is to have pool %u", RowOfService(service), service.pool);
  SetListener(service);
}

void World::RemovePool() {
  const std::uint16_t pool = static_cast<std::uint16_t>(choices_.Below(2));
  Changes& changes = scene_.changes;
  changes.moved_pools = true;
  if (changes.pools[pool].empty()) {
    // It has those again that the other one does not have.
    for (const std::uint16_t row : scene_.rows) {
      const std::vector<std::uint16_t>& others = changes.pools[1 - pool];
      const bool is_there = std::find(others.begin(), others.end(), row) != others.end();
      if (!is_there && !scene_.removed.contains(row)) changes.pools[pool].push_back(row);
    }
  } else {
    changes.pools[pool].clear();
  }
  kernel_.Trace("pool %u is to have %zu backends", pool, changes.pools[pool].size());
  SetPool(pool);
}

void World::PauseOrResume(Service& service) {
  if (!service.is_open || scene_.drain_asked) return;
  service.is_paused = !service.is_paused;
  kernel_.Trace("listener %u %s", RowOfService(service), service.is_paused ? "pauses" : "resumes");
  scene_.crew->PauseListener(RowOfService(service), service.is_paused);
  service.barrier = scene_.crew->PostBarrier();
}

void World::CloseOrOpen(Service& service) {
  if (scene_.drain_asked) return;
  const std::uint16_t row = RowOfService(service);
  if (service.is_open) {
    kernel_.Trace("listener %u is to close", row);
    service.is_open = service.is_paused = false;
    service.was_closed = true;
    scene_.crew->CloseListener(row);
    service.barrier = scene_.crew->PostBarrier();
  } else if (service.is_vacant) {
    kernel_.Trace("listener %u opens", row);
    scene_.crew->ResetListener(row);
    for (Ended& ended : scene_.ended) {
      if (ended.asked.listener == row)
        ended.last_socket = std::min(ended.last_socket, kernel_.sockets().size());
    }
    Open(service);
  }
}

/// Of each listener and backend, whether it could be picked there from now on.
void World::PublishChanges() {
  scene_.crew->Publish();
  scene_.changes.waiting.clear();
  const std::uint64_t generation = scene_.crew->table.generation();
  NotePublished();
  for (std::size_t listener = 0; listener < scene_.services.size(); ++listener) {
    const std::vector<std::uint16_t>& rows = scene_.changes.pools[scene_.services[listener].pool];
    for (const std::uint16_t row : scene_.rows) {
      if (std::find(rows.begin(), rows.end(), row) != rows.end()) {
        scene_.changes.missing_since.erase({listener, row});
      } else {
        scene_.changes.missing_since.try_emplace({listener, row}, generation);
      }
    }
  }
}

void World::NotePublished() {
  Changes& changes = scene_.changes;
  Plans& plans = changes.published[scene_.crew->table.generation()];
  plans.clear();
  for (const Service& service : scene_.services) {
    plans.push_back(PlanOf(changes.policies[service.pool], changes.pools[service.pool]));
  }
}

void World::NoteVacantListeners() {
  for (Service& service : scene_.services) {
    if (service.is_open || service.is_vacant || !service.was_closed) continue;
    service.is_vacant = scene_.crew->IsListenerVacant(RowOfService(service));
    if (service.is_vacant) oracle_.CheckVacant(service);
  }
}

/// Who has set out in the last turn.
void World::NotePicked() {
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->connect_us == 0 || socket->was_judged) continue;
    socket->was_judged = true;
    oracle_.CheckPicked(*socket, PairOf(*socket), generation_before_turn_);
  }
}

void World::NotePauses() {
  for (Service& service : scene_.services) {
    service.pause_is_heard = service.is_paused && scene_.crew->HavePassed(service.barrier);
  }
}

/// Rows that were given up are vacant, when the loops have had their turns.
void World::CheckThatRowsAreVacant() {
  scene_.crew->Publish();  // What waits for it.
  for (int round = 0; round < 4; ++round) {
    NoteVacant();
    for (std::size_t worker = 0; worker < scene_.epolls.size(); ++worker) {
      if (kernel_.is_ready(scene_.epolls[worker])) Turn(worker);
    }
  }
  oracle_.CheckThatRowsAreVacant();
}

}  // namespace spliceway::simulator
