#include "select/backend_table.h"

#include <utility>

namespace spliceway {

void BackendTable::SetAddresses(std::uint16_t row, Addresses addresses, AddressOrder order) {
  Tables& next = Next();
  const bool moves = !next.AddressesOf(row).AreThoseOf(addresses);
  next.backends_.Set(row, std::make_shared<const BackendAddresses>(std::move(addresses), order));
  if (moves) Row(row).NoteMoved(next.generation_);
}

void BackendTable::SetPool(std::uint16_t number, std::vector<std::uint16_t> rows) {
  Tables::Pool pool = latest().pools_[number];
  if (pool.cycle && pool.cycle->rows() == rows) return;
  if (pool.cycle) pool.cycle->GiveWay(*pool.turn);
  if (!pool.turn) pool.turn = std::make_shared<Turn>();
  pool.cycle = std::make_shared<const Cycle>(std::move(rows));
  pool.serial = ++cycles_;
  Next().pools_.Set(number, std::move(pool));
}

void BackendTable::RemovePool(std::uint16_t number) {
  if (latest().pools_[number].cycle) Next().pools_.Set(number, {});
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
