// Runs schedules of the simulated kernel, each from its seed, and shrinks what fails.
//
// simulator seeds FIRST COUNT [KIND]: what they came to; 1 at the first that fails. KIND: streams,
// stops or stayers, as in `Among`.
// simulator shrink SEED: the simplest schedule that fails as that seed's does, and its record.
// simulator replay SEED: one schedule, with everything that happens in it.
// simulator replay -: the same from a record of choices on standard input.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apart.h"
#include "choices.h"
#include "shrink.h"
#include "try.h"
#include "world.h"

namespace spliceway::simulator {
namespace {

/// That one seed may take: the longest take some tenths of one, and ten times that under
/// sanitizers.
constexpr unsigned kMostSeconds = 30;

unsigned long long Number(std::uint64_t value) { return value; }

std::optional<Among> KindNamed(std::string_view name) {
  if (name == "streams") return Among::kStreams;
  if (name == "stops") return Among::kStops;
  if (name == "stayers") return Among::kStayers;
  return std::nullopt;
}

int RunSeeds(std::uint64_t first, std::uint64_t count, Among among) {
  struct Progress {
    std::uint64_t seed, steps, calls, bytes, sessions;
    std::array<char, 256> failure;
  };
  const Shared<Progress> progress;
  std::string failure = RunApart([&] {
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      ExpectEndWithin(kMostSeconds);
      progress->seed = seed;
      Choices choices(seed);
      const Outcome outcome = World(choices, {.among = among}).Run();
      progress->steps += outcome.steps;
      progress->calls += outcome.calls;
      progress->bytes += outcome.bytes;
      progress->sessions += outcome.sessions;
      if (outcome.failure.empty()) continue;
      outcome.failure.copy(progress->failure.data(), progress->failure.size() - 1);
      return;
    }
  });
  if (failure.empty()) failure = progress->failure.data();
  if (!failure.empty()) {
    std::printf("seed %llu: %s\n", Number(progress->seed), failure.c_str());
    return 1;
  }
  std::printf("passed %llu schedules, %llu sessions, %llu steps, %llu calls, %llu bytes\n",
              Number(count), Number(progress->sessions), Number(progress->steps),
              Number(progress->calls), Number(progress->bytes));
  return 0;
}

int Replay(const Choices& choices) {
  const Tried tried = Try(choices, {.traces = true}, kMostSeconds);
  std::printf("%s\n", tried.failure.empty() ? "passed" : tried.failure.c_str());
  return tried.failure.empty() ? 0 : 1;
}

int ShrinkSeed(std::uint64_t seed) {
  const Tried tried = Try(Choices(seed), {}, kMostSeconds);
  if (tried.failure.empty()) {
    std::printf("seed %llu passes\n", Number(seed));
    return 0;
  }
  const std::vector<std::uint32_t> record = Shrink(tried);
  std::printf("Shrunk from %zu choices to %zu, which replay with:\necho", tried.record.size(),
              record.size());
  for (const std::uint32_t choice : record) std::printf(" %u", choice);
  std::printf(" | npm run -s simulate -- --replay -\n");
  return Replay(Choices(record));
}

std::vector<std::uint32_t> ReadRecord() {
  std::vector<std::uint32_t> record;
  unsigned choice = 0;
  while (std::scanf("%u", &choice) == 1) record.push_back(choice);
  return record;
}

int Main(const std::vector<std::string_view>& arguments) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // Nothing of a trace is lost in a crash.
  const auto number = [&](std::size_t index) {
    return std::strtoull(std::string(arguments[index]).c_str(), nullptr, 10);
  };
  if (arguments.size() == 4 && arguments[1] == "seeds") {
    return RunSeeds(number(2), number(3), Among::kAll);
  }
  if (arguments.size() == 5 && arguments[1] == "seeds") {
    const std::optional<Among> among = KindNamed(arguments[4]);
    if (among) return RunSeeds(number(2), number(3), *among);
  }
  if (arguments.size() == 3 && arguments[1] == "shrink") return ShrinkSeed(number(2));
  if (arguments.size() == 3 && arguments[1] == "replay") {
    return Replay(arguments[2] == "-" ? Choices(ReadRecord()) : Choices(number(2)));
  }
  std::fprintf(
      stderr, "usage: simulator seeds FIRST COUNT [KIND] | shrink SEED | replay SEED | replay -\n");
  return 2;
}

}  // namespace
}  // namespace spliceway::simulator

int main(int count, char** arguments) {
  return spliceway::simulator::Main({arguments, arguments + count});
}
