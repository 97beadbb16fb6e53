#include "select/backend_table.h"

#include <utility>
#include <vector>

namespace spliceway {

void BackendTable::SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order,
                                std::uint16_t pool) {
  pool_of_[row].store(pool, std::memory_order_relaxed);
  NoteMember(row, pool, !addresses.empty());
  changed_pools_.insert(pool);
  Tables& next = Next();
  const bool moves = !next.AddressesOf(row).AreThoseOf(addresses);
  next.backends_.Set(row, std::make_shared<const BackendAddresses>(std::move(addresses), order));
  if (moves) Row(row).NoteMoved(next.generation_);
}

void BackendTable::SetSources(std::uint16_t row, const Addresses& sources) {
  if (sources.empty()) {
    if (latest().SourcesOf(row) != nullptr) Next().sources_.Set(row, nullptr);
    return;
  }
  Sources wanted(sources);
  if (!last_sources_ || *last_sources_ != wanted) {
    last_sources_ = std::make_shared<const Sources>(std::move(wanted));
  }
  if (latest().SourcesOf(row) == last_sources_.get()) return;
  Next().sources_.Set(row, last_sources_);
}

void BackendTable::RemoveAddresses(std::uint16_t row) {
  SetAddresses(row, {}, AddressOrder::kAsGiven, PoolOf(row));
}

void BackendTable::SetPool(std::uint16_t number, PickPlan plan) {
  const std::shared_ptr<const Tiers> before = latest().pools_[number].tiers;
  if (before && before->AreOf(plan)) return;
  changed_pools_.insert(number);
  auto tiers = std::make_shared<const Tiers>(std::move(plan), before.get());
  Next().pools_.Set(number, {.tiers = std::move(tiers), .serial = ++plans_});
}

void BackendTable::RemovePool(std::uint16_t number) {
  if (!latest().pools_[number].tiers) return;
  changed_pools_.insert(number);
  Next().pools_.Set(number, {});
}

void BackendTable::SetListener(std::uint16_t listener, const ListenerOptions& options) {
  const std::uint16_t pool = latest().OptionsOf(listener).pool;
  if (pool != options.pool && pool != kNoPool) changed_pools_.insert(pool);
  Next().listeners_.Set(listener, options);
}

void BackendTable::NoteMember(std::uint16_t row, std::uint16_t pool, bool is_there) {
  const bool has_changed =
      is_there ? members_[pool].insert(row).second : members_[pool].erase(row) > 0;
  if (has_changed) changed_members_.insert(pool);
}

bool BackendTable::Publish() {
  if (!next_) return false;
  for (const std::uint16_t pool : changed_members_) {
    const std::set<std::uint16_t>& rows = members_[pool];
    next_->members_.Set(
        pool, std::make_shared<const std::vector<std::uint16_t>>(rows.begin(), rows.end()));
    if (rows.empty()) members_.erase(pool);
  }
  changed_members_.clear();
  published_ = std::move(next_);
  return true;
}

Tables& BackendTable::Next() {
  if (!next_) {
    next_ = std::make_shared<Tables>(*published_);
    ++next_->generation_;
  }
  return *next_;
}

}  // namespace spliceway
