#include "select/backend_table.h"

#include <utility>

namespace spliceway {

void BackendTable::SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order) {
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

void BackendTable::SetPool(std::uint16_t number, PickPlan plan) {
  const std::shared_ptr<const Tiers> before = latest().pools_[number].tiers;
  if (before && before->AreOf(plan)) return;
  auto tiers = std::make_shared<const Tiers>(std::move(plan), before.get());
  Next().pools_.Set(number, {.tiers = std::move(tiers), .serial = ++plans_});
}

void BackendTable::RemovePool(std::uint16_t number) {
  if (latest().pools_[number].tiers) Next().pools_.Set(number, {});
}

void BackendTable::SetListener(std::uint16_t listener, const ListenerOptions& options) {
  Next().listeners_.Set(listener, options);
}

bool BackendTable::Publish() {
  if (!next_) return false;
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
