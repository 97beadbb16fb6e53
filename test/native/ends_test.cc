// How the ends of sessions are counted: why, by whom, and how far they had come.

#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "harness.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

/// Of one session, which has ended.
void CheckEnd(Harness& harness, EndReason reason, EndSide side, SessionPhase phase) {
  harness.RunUntil([&] { return harness.closed == 1; }, "the end");
  CHECK_EQUAL(harness.ends().total(), 1U);
  CHECK_EQUAL(harness.ends().At(reason, side, phase).value(), 1U);
}

/// The end of a stream has come through.
void AwaitEndAt(Harness& harness, const UniqueFd& fd) {
  std::string got;
  harness.RunUntil([&] { return ReadSome(fd.get(), got) == 0; }, "the end of the stream");
}

TEST("ends: of two sides that end their streams, the first one has ended the session") {
  for (const bool client_first : {true, false}) {
    Harness harness;
    Joined joined(harness);
    const UniqueFd& first = client_first ? joined.client : joined.backend;
    const UniqueFd& second = client_first ? joined.backend : joined.client;
    EndStream(first);
    AwaitEndAt(harness, second);
    CHECK_EQUAL(harness.ends().total(), 0U);
    EndStream(second);
    CheckEnd(harness, EndReason::kFinished, client_first ? EndSide::kClient : EndSide::kBackend,
             SessionPhase::kHalfClosed);
  }
}

TEST("ends: a reset is of the side that was lost") {
  for (const bool of_client : {true, false}) {
    Harness harness;
    Joined joined(harness);
    ResetPeer(of_client ? joined.client : joined.backend);
    CheckEnd(harness, EndReason::kReset, of_client ? EndSide::kClient : EndSide::kBackend,
             SessionPhase::kData);
  }
}

TEST("ends: a reset after the other side's end is one of a session that was half-closed") {
  Harness harness;
  Joined joined(harness);
  EndStream(joined.backend);
  AwaitEndAt(harness, joined.client);
  ResetPeer(joined.client);
  CheckEnd(harness, EndReason::kReset, EndSide::kClient, SessionPhase::kHalfClosed);
}

TEST("ends: time-outs are the proxy's") {
  {
    Harness harness({.timeouts = {.idle_ms = 20}});
    Joined joined(harness);
    CheckEnd(harness, EndReason::kIdleTimeout, EndSide::kProxy, SessionPhase::kData);
  }
  {
    Harness harness({.timeouts = {.handshake_ms = 20}});
    Joined joined(harness);
    CheckEnd(harness, EndReason::kHandshakeTimeout, EndSide::kProxy, SessionPhase::kData);
  }
  {
    Harness harness({.timeouts = {.half_close_ms = 20}});
    Joined joined(harness);
    EndStream(joined.client);
    CheckEnd(harness, EndReason::kHalfCloseTimeout, EndSide::kProxy, SessionPhase::kHalfClosed);
  }
}

TEST("ends: what the owner ends is what it says, in the phase in which it says so") {
  const std::vector<std::pair<Ending, EndReason>> all = {
      {Ending::kReset, EndReason::kDestroyed},
      {Ending::kNoBackend, EndReason::kNoBackend},
      {Ending::kDenied, EndReason::kDenied}};
  for (const auto& [ending, reason] : all) {
    Harness harness;
    Pair client = TcpPair();
    harness.Start(std::move(client.near)).End(ending);
    CheckEnd(harness, reason, EndSide::kProxy, SessionPhase::kRoute);
  }
  Harness harness;
  Pair client = TcpPair();
  Pair backend = TcpPair();
  harness.Join(std::move(client.near), std::move(backend.near)).End(Ending::kReset);
  CheckEnd(harness, EndReason::kDestroyed, EndSide::kProxy, SessionPhase::kData);
}

TEST("ends: a session without a backend that has tried one had come to connect") {
  Harness harness;
  const SocketAddress nobody = ListenTcp().address;
  Pair client = TcpPair();
  Session& session = harness.Start(std::move(client.near));
  Connect(session, {nobody});
  harness.RunUntil([&] { return harness.failed_attempts.size() == 1; }, "the refusal");
  session.End(Ending::kNoBackend);
  CheckEnd(harness, EndReason::kNoBackend, EndSide::kProxy, SessionPhase::kConnect);
}

TEST("ends: a client that leaves before there is a backend has ended it there") {
  {
    Harness harness;
    Pair client = TcpPair();
    harness.Start(std::move(client.near));
    ResetPeer(client.peer);
    CheckEnd(harness, EndReason::kReset, EndSide::kClient, SessionPhase::kRoute);
  }
  Harness harness;
  // A queue of one that is full: the kernel answers no further SYN.
  const Listener silent = ListenTcp(0);
  std::vector<UniqueFd> waiting;
  for (int index = 0; index < 4; ++index) {
    waiting.push_back(std::move(sys::OpenSocket(AF_INET).fd));
    sys::Connect(waiting.back().get(), silent.address);
  }
  Pair client = TcpPair();
  Connect(harness.Start(std::move(client.near)), {silent.address});
  ResetPeer(client.peer);
  CheckEnd(harness, EndReason::kReset, EndSide::kClient, SessionPhase::kConnect);
}

TEST("ends: they are those of a listener, and are cleared for the next one") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 2, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  engine->Attend(Attention::kNone);
  const SocketAddress first = engine.Listen({.pool = 0}, 0);
  const SocketAddress second = engine.Listen({.pool = 0}, 1);
  const auto total = [&](std::size_t listener) {
    std::uint64_t sum = 0;
    for (std::size_t writer = 0; writer < 3; ++writer) {
      sum += engine->counters()->Ends(writer, listener).total();
    }
    return sum;
  };
  for (const SocketAddress& address : {first, first, second}) {
    UniqueFd client = ConnectTo(address);
    UniqueFd served = AwaitClient(backend);
    ResetPeer(client);
    CHECK_EQUAL(AwaitEnd(served), -ECONNRESET);
  }
  AwaitThat([&] { return total(0) == 2 && total(1) == 1; }, "the ends");
  engine->CloseListener(0);
  AwaitThat([&] { return engine->IsListenerVacant(0); }, "the end of the listener");
  engine->ResetListener(0);
  CHECK_EQUAL(total(0), 0U);
  CHECK_EQUAL(total(1), 1U);
}

}  // namespace
}  // namespace spliceway::testing
