#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "select/backend_row.h"
#include "select/tables.h"

namespace spliceway {

/// Tables that a loop keeps, and for how many: itself, while they are its latest, and those who
/// have something of them. One thread counts, so no other loop pays for it.
struct KeptTables {
  std::shared_ptr<const Tables> tables;
  std::size_t holders = 1;

  /// Of one of the holders.
  void Drop();
};

/// The addresses of a backend as they were when they were lent; or none. They stay what they are
/// for as long as it has them, whatever is published. Of the thread of the loop that lent it.
class HeldAddresses {
 public:
  HeldAddresses() = default;
  /// `addresses` are in the tables of `kept`.
  HeldAddresses(KeptTables& kept, const Addresses& addresses);
  ~HeldAddresses() { reset(); }
  HeldAddresses(HeldAddresses&& other) noexcept
      : addresses_(std::exchange(other.addresses_, nullptr)),
        kept_(std::exchange(other.kept_, nullptr)) {}
  HeldAddresses& operator=(HeldAddresses&& other) noexcept {
    std::swap(addresses_, other.addresses_);
    std::swap(kept_, other.kept_);
    return *this;
  }

  void reset() {
    addresses_ = nullptr;
    if (kept_ != nullptr) std::exchange(kept_, nullptr)->Drop();
  }
  explicit operator bool() const { return addresses_ != nullptr; }
  /// Of the tables that they are in; 0 for none.
  [[nodiscard]] std::uint64_t generation() const {
    return kept_ == nullptr ? 0 : kept_->tables->generation();
  }
  /// Where connections to an address of that family come from, of the backend in this row; none
  /// where the kernel is to pick. In the same tables.
  [[nodiscard]] std::span<const SocketAddress> SourcesFor(std::uint16_t row, int family) const {
    const Sources* const sources = kept_ == nullptr ? nullptr : kept_->tables->SourcesOf(row);
    if (sources == nullptr) return {};
    return sources->Of(family);
  }
  const Addresses& operator*() const { return *addresses_; }
  const Addresses* operator->() const { return addresses_; }

 private:
  const Addresses* addresses_ = nullptr;
  KeptTables* kept_ = nullptr;
};

/// What one loop picks by: the latest tables that it has taken. One thread's.
class HeldTables {
 public:
  explicit HeldTables(std::shared_ptr<const Tables> tables)
      : latest_(new KeptTables{.tables = std::move(tables)}) {}
  ~HeldTables() { latest_->Drop(); }
  HeldTables(const HeldTables&) = delete;
  HeldTables& operator=(const HeldTables&) = delete;

  /// From now on these are picked by. Those before go when nobody has anything of them any more.
  void Take(std::shared_ptr<const Tables> tables);
  [[nodiscard]] const Tables& latest() const { return *latest_->tables; }

  /// The addresses of a backend for its next session.
  [[nodiscard]] HeldAddresses Lend(std::uint16_t row, BackendRow& shared);

 private:
  KeptTables* latest_;
};

}  // namespace spliceway
