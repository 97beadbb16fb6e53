#include "try.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "apart.h"

namespace spliceway::simulator {

Tried Try(Choices choices, const World::Options& options, unsigned most_seconds) {
  struct Left {
    Trail trail;
    std::array<char, 256> failure;
  };
  const Shared<Left> left;
  Tried tried;
  tried.failure = RunApart([&] {
    ExpectEndWithin(most_seconds);
    choices.LeaveTrail(left->trail);
    const Outcome outcome = World(choices, options).Run();
    outcome.failure.copy(left->failure.data(), left->failure.size() - 1);
  });
  if (tried.failure.empty()) tried.failure = left->failure.data();
  const auto begin = left->trail.choices.begin();
  tried.record.assign(begin, begin + static_cast<std::ptrdiff_t>(left->trail.count));
  return tried;
}

}  // namespace spliceway::simulator
