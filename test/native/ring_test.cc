// Two balancers that are each other's backend.

#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "check.h"
#include "engine/ring_guard.h"
#include "engine/session_slab.h"
#include "engine_harness.h"
#include "plans.h"
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
  first->SetPool(0, InTurn({0}));
  const auto open = [](EngineHarness& engine) {
    return engine->counters()->Listener(0, 0).open.value();
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
    "clients that end their stream in silence wait for an answer, but not for long in the last "
    "slots") {
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 100});
  const Listener backend = ListenTcp();
  const SocketAddress address = engine.ListenFor(backend);
  std::vector<Waiting> all;
  for (int i = 0; i < 49; ++i) {
    all.push_back(EndSilently(address, backend));
    CHECK_EQUAL(AwaitEnd(all.back().backend), 0);
  }
  // As many as slots are left.
  const Waiting last = EndSilently(address, backend);
  CHECK_EQUAL(AwaitEnd(last.client), -ECONNRESET);
  for (const Waiting& waiting : all) {
    CHECK_EQUAL(WriteSome(waiting.backend.get(), "x"), 1U);
    CHECK_EQUAL(Await(waiting.client, 1), "x");
  }
}

TEST("clients that ended their stream in silence and are answered, or gone, are in no crowd") {
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .max_sessions = 100});
  const Listener backend = ListenTcp();
  const SocketAddress address = engine.Listen({.timeouts = {.handshake_ms = 2000}});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  // Each time as many as are no crowd, unless those before are still counted.
  for (const bool is_answered : {true, false, true}) {
    std::vector<Waiting> all;
    for (int i = 0; i < 31; ++i) {
      all.push_back(EndSilently(address, backend));
      if (!is_answered) continue;
      CHECK_EQUAL(WriteSome(all.back().backend.get(), "x"), 1U);
      CHECK_EQUAL(Await(all.back().client, 1), "x");
    }
    // At the handshake time-out, or by their backend; in a crowd it would be a reset.
    for (const Waiting& waiting : all) {
      if (is_answered) ::shutdown(waiting.backend.get(), SHUT_WR);
      CHECK_EQUAL(AwaitEnd(waiting.client), 0);
    }
  }
}

TEST("ring guard: few are no crowd, nor are many while slots are free") {
  for (const std::size_t capacity : {4U, 64U, 1000U}) {
    SessionSlab slab(capacity);
    std::atomic<std::size_t> waiting{0};
    RingGuard guard(slab, waiting);
    const std::size_t many = std::min<std::size_t>(32, capacity / 2);
    int error = 0;
    for (std::size_t taken = 1; taken <= capacity; ++taken) {
      CHECK(slab.Take(error).has_value());
      CHECK(!guard.HasCrowd());
      if (taken < many) guard.NoteSilentEnd();
    }
    // No slot is free.
    guard.NoteSilentEnd();
    CHECK(guard.HasCrowd());
    guard.SilentEndIsOver();
    CHECK(!guard.HasCrowd());
  }
}

}  // namespace
}  // namespace spliceway::testing
