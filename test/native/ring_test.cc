// Two balancers that are each other's backend.

#include <cstdint>

#include "check.h"
#include "engine_harness.h"
#include "sockets.h"

namespace spliceway::testing {
namespace {

TEST("a ring of two engines ends when its client has reset its connection") {
  const Engine::Options options{.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 400};
  EngineHarness first(options);
  EngineHarness second(options);
  const SocketAddress address = first.Listen();
  first->Attend(Attention::kNone);
  first->SetBackend(0, {second.ListenFor({.fd = UniqueFd(), .address = address})});
  first->SetCycle({0});
  const auto open = [](EngineHarness& engine) {
    return engine->max_sessions() - engine.FreeSlots();
  };
  for (const std::size_t rounds : {1U, 100U, 400U}) {
    UniqueFd client = ConnectTo(address);
    AwaitThat([&] { return open(first) >= rounds && open(second) >= rounds; }, "some rounds");
    ResetPeer(client);
    AwaitThat([&] { return open(first) == 0 && open(second) == 0; }, "the end of the ring");
  }
}

}  // namespace
}  // namespace spliceway::testing
