#include "select/tiers.h"

#include <memory>
#include <utility>

namespace spliceway {
namespace {

Cycle Make(PickPlan& plan, std::size_t tier, const Tiers* before) {
  const bool goes_on = before != nullptr && tier < before->size();
  const bool weighs = plan.entry == PickEntry::kLeast || plan.entry == PickEntry::kRandom;
  return {std::move(plan.tiers[tier]), weighs ? Weights::kKept : Weights::kNotKept,
          goes_on ? (*before)[tier].GiveWay() : std::make_shared<Turn>()};
}

}  // namespace

Tiers::Tiers(PickPlan plan, const Tiers* before)
    : entry_(plan.entry),
      tries_down_(plan.tries_down),
      hash_key_(plan.hash_key),
      first_(Make(plan, 0, before)) {
  for (std::size_t tier = 1; tier < plan.tiers.size(); ++tier) {
    others_.push_back(Make(plan, tier, before));
  }
}

bool Tiers::AreOf(const PickPlan& plan) const {
  if (entry_ != plan.entry || tries_down_ != plan.tries_down || hash_key_ != plan.hash_key ||
      size() != plan.tiers.size()) {
    return false;
  }
  for (std::size_t tier = 0; tier < size(); ++tier) {
    if ((*this)[tier].rows() != plan.tiers[tier]) return false;
  }
  return true;
}

}  // namespace spliceway
