#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace spliceway::simulator {

/// A shorter and smaller record of choices that fails in the same way: its schedule is simpler,
/// since 0 is always the plainest of choices. Pieces are taken out, then numbers made smaller,
/// until nothing more helps (D. MacIver and A. Donaldson, "Test-case reduction via test-case
/// generation", ECOOP 2020).
std::vector<std::uint32_t> Shrink(std::vector<std::uint32_t> record, const std::string& failure);

}  // namespace spliceway::simulator
