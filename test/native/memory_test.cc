// What a session costs in memory, and that nothing is allocated while it runs.

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "engine/session_slab.h"
#include "engine_harness.h"
#include "meter.h"
#include "plans.h"

namespace spliceway::testing {
namespace {

/// What an engine keeps for a session whose sockets are idle: the object, its counters, which one
/// it is and the loop that it is on, and where clients are counted, who it is and the entry of its
/// address.
constexpr std::size_t kSessionBytes =
    sizeof(Session) + sizeof(SessionCounters) + sizeof(std::uint64_t) + sizeof(std::uint64_t) + 16;
static_assert(kSessionBytes <= 256);

/// One loop that accepts for a backend; its sessions are short.
struct Service {
  explicit Service(bool observed) : engine(1) {
    engine->Attend(observed ? Attention::kReport : Attention::kNone);
    engine->SetBackend(0, {backend.address});
    engine->SetPool(0, InTurn({0}));
    // With limits, which are as dear as anything else or cheaper.
    engine->LimitBackend(0, 1000);
    address = engine.Listen({.timeouts = {.connect_ms = 5000, .idle_ms = 60'000},
                             .clients = {.remote = 0, .loopback = 1000}});
  }

  void Exchange(const UniqueFd& client, const UniqueFd& served) {
    WriteSome(client.get(), "a question");
    CHECK_EQUAL(Await(served, 10), "a question");
    WriteSome(served.get(), "an answer");
    CHECK_EQUAL(Await(client, 9), "an answer");
  }

  /// Whole sessions, one after the other.
  void Run(int sessions) {
    for (int index = 0; index < sessions; ++index) {
      UniqueFd client = ConnectTo(address);
      UniqueFd served = AwaitClient(backend);
      Exchange(client, served);
      shutdown(served.get(), SHUT_WR);
      CHECK_EQUAL(AwaitEnd(client), 0);
      client.Reset();
      CHECK_EQUAL(AwaitEnd(served), 0);
      engine.TakeEvents();
      engine.events.clear();
    }
  }

  Listener backend = ListenTcp();
  EngineHarness engine;
  SocketAddress address;
};

TEST("memory: a session takes at most 256 bytes besides what the kernel holds") {
  CHECK(kSessionBytes <= 256);
  // As measured: a slab of them grows by no more than the object itself.
  constexpr std::size_t kSessions = 64 * 16;
  SessionSlab slab(kSessions);
  const std::uint64_t before = AllocatedBytesSoFar();
  {
    const MeasuredScope measured;
    int error = 0;
    for (std::size_t index = 0; index < kSessions; ++index) CHECK(slab.Take(error).has_value());
  }
  CHECK((AllocatedBytesSoFar() - before) / kSessions <= sizeof(Session) + 1);
}

TEST("memory: a thousand exchanges of an open session allocate nothing") {
  Service service(false);
  const UniqueFd client = ConnectTo(service.address);
  const UniqueFd served = AwaitClient(service.backend);
  service.Exchange(client, served);
  const std::uint64_t before = AllocationsSoFar();
  for (int exchange = 0; exchange < 1000; ++exchange) service.Exchange(client, served);
  CHECK_EQUAL(AllocationsSoFar() - before, 0U);
}

TEST("memory: a thousand sessions, one after the other, allocate nothing for each") {
  for (const bool observed : {false, true}) {
    Service service(observed);
    service.Run(100);
    const std::uint64_t before = AllocationsSoFar();
    service.Run(1000);
    // A list of events or commands that has never been as long before grows, perhaps.
    CHECK(AllocationsSoFar() - before <= 4);
  }
}

TEST("memory: megabytes in bulk allocate nothing once there is a pipe") {
  Service service(false);
  const UniqueFd client = ConnectTo(service.address);
  const UniqueFd served = AwaitClient(service.backend);
  const std::string text = Pattern(4 << 20);
  const auto move = [&] {
    std::size_t written = 0;
    std::string got;
    AwaitThat(
        [&] {
          while (written < text.size()) {
            const std::size_t some = WriteSome(client.get(), text, written);
            if (some == 0) break;
            written += some;
          }
          while (ReadSome(served.get(), got) == 1) {
          }
          return got.size() == text.size();
        },
        "4 MiB");
    CHECK(got == text);
  };
  move();
  const std::uint64_t before = AllocationsSoFar();
  for (int round = 0; round < 5; ++round) move();
  // A pipe that nobody needed for a second was closed, perhaps, and one was made again.
  CHECK(AllocationsSoFar() - before <= 2);
}

}  // namespace
}  // namespace spliceway::testing
