#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "select/pick_plan.h"

namespace spliceway::testing {

/// All backends of a cycle take their turns.
inline PickPlan InTurn(std::vector<std::uint16_t> cycle) { return {.tiers = {std::move(cycle)}}; }

}  // namespace spliceway::testing
