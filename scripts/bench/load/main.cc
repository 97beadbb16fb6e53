/// The load that iperf3, wrk and redis-benchmark do not make. Modes and arguments: see kUsage.

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include "hold.h"
#include "pace.h"
#include "server.h"
#include "sockets.h"
#include "transfer.h"

namespace {

constexpr const char* kUsage =
    "load serve HOST\n"
    "load hold HOST PORT SESSIONS\n"
    "load pace HOST PORT SECONDS INTERVAL_MS LATE_MS\n"
    "load transfer HOST PORT SECONDS BYTES\n";

int UsageError() {
  std::fputs(kUsage, stderr);
  return 2;
}

uint64_t Number(const char* text) { return std::strtoull(text, nullptr, 10); }

}  // namespace

int main(int count, char** values) {
  const std::span<char*> args(values, static_cast<size_t>(count));
  if (args.size() < 3) return UsageError();
  const std::string_view mode = args[1];
  const uint16_t port = args.size() > 3 ? static_cast<uint16_t>(Number(args[3])) : uint16_t{0};
  const auto address = load::ParseAddress(args[2], port);
  if (!address) return UsageError();

  if (mode == "serve" && args.size() == 3) return load::Serve(args[2], *address);
  if (mode == "hold" && args.size() == 5) return load::Hold(*address, Number(args[4]));
  if (mode == "pace" && args.size() == 7) {
    const load::Pace pace{.seconds = std::strtod(args[4], nullptr),
                          .interval = std::chrono::milliseconds(Number(args[5])),
                          .late = std::chrono::milliseconds(Number(args[6]))};
    return load::RunPace(*address, pace);
  }
  if (mode == "transfer" && args.size() == 6) {
    return load::RunTransfers(*address, std::strtod(args[4], nullptr), Number(args[5]));
  }
  return UsageError();
}
