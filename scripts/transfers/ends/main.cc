/// The two ends of transfers through the proxy, and the pipes that it cannot have. Modes and
/// arguments: see kUsage.

#include <cstdio>
#include <cstdlib>
#include <span>
#include <string_view>

#include "ends.h"
#include "pipes.h"
#include "sockets.h"

namespace {

constexpr const char* kUsage =
    "ends connect HOST PORT\n"
    "ends serve HOST\n"
    "ends hold-pipes\n";

int UsageError() {
  std::fputs(kUsage, stderr);
  return 2;
}

}  // namespace

int main(int count, char** values) {
  const std::span<char*> args(values, static_cast<size_t>(count));
  if (args.size() < 2) return UsageError();
  const std::string_view mode = args[1];
  if (mode == "hold-pipes") return load::HoldPipes();
  if (args.size() < 3) return UsageError();
  const auto port = static_cast<uint16_t>(args.size() > 3 ? std::strtoul(args[3], nullptr, 10) : 0);
  const auto address = load::ParseAddress(args[2], port);
  if (!address) return UsageError();
  if (mode == "connect" && args.size() == 4) return load::RunClients(*address);
  if (mode == "serve" && args.size() == 3) return load::RunServers(args[2], *address);
  return UsageError();
}
