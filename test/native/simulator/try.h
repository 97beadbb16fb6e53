#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "choices.h"
#include "world.h"

namespace spliceway::simulator {

/// What one schedule came to.
struct Tried {
  std::string failure;                ///< Empty when it passed.
  std::vector<std::uint32_t> record;  ///< The choices that it made, which replay it.
};

/// Runs one schedule in a process of its own, for so many seconds at most.
Tried Try(Choices choices, const World::Options& options, unsigned most_seconds);

}  // namespace spliceway::simulator
