#pragma once

#include <cstdint>
#include <vector>

#include "try.h"

namespace spliceway::simulator {

/// A shorter and smaller record of choices that fails in the same way: its schedule is simpler,
/// since 0 is always the plainest of choices. Pieces are taken out, then numbers made smaller,
/// until nothing more helps (D. MacIver and A. Donaldson, "Test-case reduction via test-case
/// generation", ECOOP 2020).
std::vector<std::uint32_t> Shrink(const Tried& failed);

}  // namespace spliceway::simulator
