#include "select/held_tables.h"

namespace spliceway {

void KeptTables::Drop() {
  if (--holders == 0) delete this;
}

HeldAddresses::HeldAddresses(KeptTables& kept, const Addresses& addresses)
    : addresses_(&addresses), kept_(&kept) {
  ++kept.holders;
}

void HeldTables::Take(std::shared_ptr<const Tables> tables) {
  std::exchange(latest_, new KeptTables{.tables = std::move(tables)})->Drop();
}

HeldAddresses HeldTables::Lend(std::uint16_t row, BackendRow& shared) {
  const BackendAddresses& orders = latest().AddressesOf(row);
  // Most have one order, and no turn that the loops would share.
  const std::size_t order = orders.size() == 1 ? 0 : shared.NextTurn() % orders.size();
  return {*latest_, orders[order]};
}

}  // namespace spliceway
