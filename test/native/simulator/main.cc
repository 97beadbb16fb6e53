// Runs schedules of the simulated kernel, each from its seed, and shrinks what fails.
//
//   simulator seeds FIRST COUNT   what they came to; 1 at the first that fails
//   simulator shrink SEED         the simplest schedule that fails as that seed's does, and its
//   record simulator replay SEED         one schedule, with everything that happens in it simulator
//   replay -            the same from a record of choices on standard input

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "choices.h"
#include "shrink.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

int RunSeeds(std::uint64_t first, std::uint64_t count) {
  Outcome total;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    Choices choices(seed);
    const Outcome outcome = World(choices, {}).Run();
    if (!outcome.failure.empty()) {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(seed),
                  outcome.failure.c_str());
      return 1;
    }
    total.steps += outcome.steps;
    total.calls += outcome.calls;
    total.bytes += outcome.bytes;
    total.sessions += outcome.sessions;
  }
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("passed %llu schedules, %llu sessions, %llu steps, %llu calls, %llu bytes\n",
              number(count), number(total.sessions), number(total.steps), number(total.calls),
              number(total.bytes));
  return 0;
}

int ShrinkSeed(std::uint64_t seed) {
  Choices choices(seed);
  const Outcome outcome = World(choices, {}).Run();
  if (outcome.failure.empty()) {
    std::printf("seed %llu passes\n", static_cast<unsigned long long>(seed));
    return 0;
  }
  const std::vector<std::uint32_t> record = Shrink(choices.record(), outcome.failure);
  std::printf("Shrunk from %zu choices to %zu, which replay with:\necho", choices.used(),
              record.size());
  for (const std::uint32_t choice : record) std::printf(" %u", choice);
  std::printf(" | npm run -s simulate -- --replay -\n");
  Choices replayed(record);
  World(replayed, {.traces = true}).Run();
  return 1;
}

int Replay(Choices choices) {
  const Outcome outcome = World(choices, {.traces = true}).Run();
  std::printf("%s\n", outcome.failure.empty() ? "passed" : outcome.failure.c_str());
  return outcome.failure.empty() ? 0 : 1;
}

std::vector<std::uint32_t> ReadRecord() {
  std::vector<std::uint32_t> record;
  unsigned choice = 0;
  while (std::scanf("%u", &choice) == 1) record.push_back(choice);
  return record;
}

int Main(const std::vector<std::string_view>& arguments) {
  const auto number = [&](std::size_t index) {
    return std::strtoull(std::string(arguments[index]).c_str(), nullptr, 10);
  };
  if (arguments.size() == 4 && arguments[1] == "seeds") return RunSeeds(number(2), number(3));
  if (arguments.size() == 3 && arguments[1] == "shrink") return ShrinkSeed(number(2));
  if (arguments.size() == 3 && arguments[1] == "replay") {
    return Replay(arguments[2] == "-" ? Choices(ReadRecord()) : Choices(number(2)));
  }
  std::fprintf(stderr,
               "usage: simulator seeds FIRST COUNT | shrink SEED | replay SEED | replay -\n");
  return 2;
}

}  // namespace
}  // namespace spliceway::simulator

int main(int count, char** arguments) {
  return spliceway::simulator::Main({arguments, arguments + count});
}
