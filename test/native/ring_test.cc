// Two balancers that are each other's backend.

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "sockets.h"

namespace spliceway::testing {
namespace {

/// Has a client go round between two engines, for some of their sessions and for all, and leave.
void ExpectRingToEnd(void (*leave)(UniqueFd& client)) {
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
    leave(client);
    AwaitThat([&] { return open(first) == 0 && open(second) == 0; }, "the end of the ring");
  }
}

TEST("a ring of two engines ends when its client has reset its connection") {
  ExpectRingToEnd([](UniqueFd& client) { ResetPeer(client); });
}

TEST("a ring of two engines ends when its client has closed its connection, and had said nothing") {
  ExpectRingToEnd([](UniqueFd& client) { client.Reset(); });
}

struct Waiting {
  UniqueFd client;
  UniqueFd backend;
};

/// One more client that has ended its stream and said nothing.
Waiting EndSilently(const SocketAddress& address, const Listener& backend) {
  Waiting waiting{.client = ConnectTo(address), .backend = AwaitClient(backend)};
  ::shutdown(waiting.client.get(), SHUT_WR);
  return waiting;
}

TEST(
    "clients that end their stream and say nothing wait for an answer, but not in the last slots") {
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 100});
  const Listener backend = ListenTcp();
  const SocketAddress address = engine.ListenFor(backend);
  std::vector<Waiting> all;
  for (int i = 0; i < 49; ++i) {
    all.push_back(EndSilently(address, backend));
    CHECK(AwaitEnd(all.back().backend) == 0);
  }
  // As many as slots are left.
  const Waiting last = EndSilently(address, backend);
  CHECK(AwaitEnd(last.client) == -ECONNRESET);
  // Who has been answered waits no more.
  for (const Waiting& waiting : all) {
    CHECK(WriteSome(waiting.backend.get(), "x") == 1);
    CHECK(Await(waiting.client, 1) == "x");
  }
  const Waiting another = EndSilently(address, backend);
  CHECK(AwaitEnd(another.backend) == 0);
  CHECK(WriteSome(another.backend.get(), "x") == 1);
  CHECK(Await(another.client, 1) == "x");
}

}  // namespace
}  // namespace spliceway::testing
