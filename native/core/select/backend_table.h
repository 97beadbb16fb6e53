#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "sys/socket_address.h"

namespace spliceway {

/// The addresses of one backend, in the order to try them. Never changed once published.
using Addresses = std::vector<SocketAddress>;

/// First picks as a cycle of backend rows, which all loops walk together: with one shared position,
/// backends take their turns exactly, whatever loop a client came to.
class Cycle {
 public:
  explicit Cycle(std::vector<std::uint16_t> rows) : rows_(std::move(rows)) {}

  /// The position of the next first pick. Any thread.
  std::uint32_t Next() {
    return static_cast<std::uint32_t>(next_.fetch_add(1, std::memory_order_relaxed) % rows_.size());
  }
  [[nodiscard]] std::uint16_t RowAt(std::uint32_t position) const {
    return rows_[position % rows_.size()];
  }
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  std::vector<std::uint16_t> rows_;
  std::atomic<std::uint64_t> next_{0};
};

/// What a loop needs to pick backends: a snapshot, replaced as a whole. It holds as well for a
/// policy that picks by weight (a cycle in which rows recur) as it would for one that hashes (a
/// ring of rows, entered at the hash instead of at the shared position).
struct BackendTable {
  std::vector<std::shared_ptr<const Addresses>> backends;  ///< By row.
  std::shared_ptr<Cycle> cycle;                            ///< None before one is published.
};

}  // namespace spliceway
