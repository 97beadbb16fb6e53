// The sessions of each client, counted by several loops at once.

#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "listen/client_table.h"
#include "measure.h"

namespace spliceway::testing {
namespace {

TEST("clients counted") {
  constexpr std::uint32_t kClients = 200'000;
  constexpr std::uint32_t kSlots = 1 << 17;
  for (const std::uint32_t loops : {1U, 2U, 4U}) {
    ClientTable table(kSlots);
    const double seconds = SecondsOf([&] {
      std::vector<std::thread> threads;
      for (std::uint32_t loop = 0; loop < loops; ++loop) {
        threads.emplace_back([&, loop] {
          const ClientLimits limits{.remote = 100};
          std::vector<SocketAddress> clients;
          for (std::uint32_t host = 0; host < 250; ++host) {
            clients.push_back(*SocketAddress::FromIp(
                "198.51." + std::to_string(loop) + "." + std::to_string(host), 1));
          }
          for (std::uint32_t index = 0; index < kClients; ++index) {
            if (table.Enter(loop * 64, clients[index % clients.size()], limits)) {
              table.Leave(loop * 64);
            }
          }
        });
      }
      for (std::thread& thread : threads) thread.join();
    });
    Report("a client counted in and out by " + std::to_string(loops) + " loops",
           seconds / kClients / loops * 1e9, "ns");
  }
}

}  // namespace
}  // namespace spliceway::testing
