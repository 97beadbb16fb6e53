#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "select/cycle.h"
#include "select/pick_plan.h"

namespace spliceway {

/// How the loops pick from a pool: cycles of its backends, which a client goes round one after the
/// other until it has found one. Immutable.
class Tiers {
 public:
  /// As `plan` says. The turns go on at the part of the round where they are in `before`, which
  /// gives way; null for none.
  Tiers(PickPlan plan, const Tiers* before);

  [[nodiscard]] std::size_t size() const { return 1 + others_.size(); }
  [[nodiscard]] const Cycle& operator[](std::size_t tier) const {
    return tier == 0 ? first_ : others_[tier - 1];
  }
  [[nodiscard]] PickEntry entry() const { return entry_; }
  [[nodiscard]] const HashKey& hash_key() const { return hash_key_; }
  [[nodiscard]] bool tries_down() const { return tries_down_; }
  /// Whether they are what a plan says.
  [[nodiscard]] bool AreOf(const PickPlan& plan) const;

 private:
  PickEntry entry_;
  bool tries_down_;
  HashKey hash_key_;
  Cycle first_;  // Here, so that a pick of a healthy pool finds it beside the entry.
  std::vector<Cycle> others_;
};

}  // namespace spliceway
