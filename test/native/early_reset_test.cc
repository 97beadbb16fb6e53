// Backends that end a session soon after it began, without a byte.

#include <cstdint>
#include <string>
#include <utility>

#include "engine_harness.h"
#include "harness.h"
#include "plans.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// Longer than any test takes.
constexpr std::uint32_t kLongMs = 3'600'000;

/// A session that has opened, on a loop of the test's own.
struct Opened {
  explicit Opened(std::uint32_t early_reset_ms = kLongMs)
      : harness({.timeouts = {.early_reset_ms = early_reset_ms}}) {
    Pair pair = TcpPair();
    client = std::move(pair.peer);
    Connect(harness.Start(std::move(pair.near)), {listener.address});
    harness.RunUntil([&] { return harness.opened == 1; }, "the opening");
    backend = Accept(listener);
    CHECK(backend.valid());
  }
  void RunToItsEnd() {
    harness.RunUntil([&] { return harness.closed == 1; }, "the end");
  }

  Listener listener = ListenTcp();
  Harness harness;
  UniqueFd client;
  UniqueFd backend;
};

TEST("early reset: a backend that resets a session without a byte is told of, once") {
  Opened session;
  WriteSome(session.client.get(), "a question");
  session.harness.RunUntil(
      [&] { return session.harness.session_counters().bytes_upstream.value() > 0; },
      "the question");
  ResetPeer(session.backend);
  session.RunToItsEnd();
  CHECK_EQUAL(session.harness.early_resets, 1);
  CHECK_EQUAL(session.harness.first_bytes, 0);
}

TEST("early reset: a backend that ends its stream without a byte is told of, once") {
  Opened session;
  EndStream(session.backend);
  session.harness.RunUntil([&] { return session.harness.early_resets == 1; }, "the early end");
  ResetPeer(session.backend);
  session.RunToItsEnd();
  CHECK_EQUAL(session.harness.early_resets, 1);
}

TEST("early reset: a client that resets, or ends its stream, is nobody's failure") {
  for (const bool resets : {true, false}) {
    Opened session;
    if (resets) {
      ResetPeer(session.client);
    } else {
      EndStream(session.client);
      std::string got;
      session.harness.RunUntil([&] { return ReadSome(session.backend.get(), got) == 0; },
                               "its end");
      ResetPeer(session.backend);
    }
    session.RunToItsEnd();
    CHECK_EQUAL(session.harness.early_resets, 0);
  }
}

TEST("early reset: a backend that has answered has not failed") {
  Opened session;
  WriteSome(session.backend.get(), "an answer");
  ResetPeer(session.backend);
  session.RunToItsEnd();
  CHECK_EQUAL(session.harness.early_resets, 0);
  CHECK_EQUAL(session.harness.first_bytes, 1);
}

TEST("early reset: only the first byte of a session is told of") {
  Opened session;
  for (int answer = 0; answer < 3; ++answer) {
    WriteSome(session.backend.get(), "an answer");
    std::string got;
    session.harness.RunUntil([&] { return ReadSome(session.client.get(), got) == 1; }, "an answer");
  }
  CHECK_EQUAL(session.harness.first_bytes, 1);
}

TEST("early reset: one that comes late is none, and none is without the setting") {
  Opened late(1);
  late.harness.RunFor(20);
  Opened unset(0);
  for (Opened* session : {&late, &unset}) {
    ResetPeer(session->backend);
    session->RunToItsEnd();
    CHECK_EQUAL(session->harness.early_resets, 0);
  }
}

TEST("early reset: those in a row are counted for all loops, and a first byte forgets them") {
  const Listener backend = ListenTcp();
  EngineHarness engine(2);
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen({.timeouts = {.early_reset_ms = kLongMs}});
  for (int client = 1; client <= 3; ++client) {
    const UniqueFd held = ConnectTo(address);
    UniqueFd served = AwaitClient(backend);
    ResetPeer(served);
    CHECK(AwaitEnd(held) < 0);
  }
  std::int32_t told = 0;
  AwaitThat(
      [&] {
        engine.TakeEvents();
        told = 0;
        for (const SessionEvent& event : engine.events) {
          if (event.kind == Kind::kEarlyReset) told += event.count;
        }
        return told == 3;
      },
      "all three");
  CHECK_EQUAL(engine.First(Kind::kEarlyReset).backend, 0);
  CHECK_EQUAL(engine.First(Kind::kEarlyReset).slot, -1);
  CHECK_EQUAL(engine->EarlyResets(0), 3U);
  const UniqueFd client = ConnectTo(address);
  const UniqueFd served = AwaitClient(backend);
  CHECK_EQUAL(engine->EarlyResets(0), 3U);
  WriteSome(served.get(), "!");
  CHECK_EQUAL(Await(client, 1), "!");
  AwaitThat([&] { return engine->EarlyResets(0) == 0; }, "them to be forgotten");
}

}  // namespace
}  // namespace spliceway::testing
