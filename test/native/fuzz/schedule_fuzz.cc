// Schedules of the simulator, with the choices made by the fuzzer: coverage of the core leads it to
// places that random choices rarely reach.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "choices.h"
#include "world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using spliceway::simulator::Choices;
  using spliceway::simulator::World;
  // Two bytes a choice: enough for all but the largest sizes, which would be slow.
  std::vector<std::uint32_t> record(size / 2);
  for (std::size_t index = 0; index < record.size(); ++index) {
    std::uint16_t choice = 0;
    std::memcpy(&choice, data + 2 * index, sizeof choice);
    record[index] = choice;
  }
  Choices choices(record);
  const auto outcome = World(choices, {.most_bytes = 200'000}).Run();
  if (outcome.failure.empty()) return 0;
  std::printf("%s; replay with:\necho", outcome.failure.c_str());
  for (const std::uint32_t choice : record) std::printf(" %u", choice);
  std::printf(" | npm run -s simulate -- --replay -\n");
  std::fflush(stdout);
  std::abort();
}
