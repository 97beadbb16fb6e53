// How long things take in a session, and what its loop does for it.

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "engine_harness.h"
#include "faults.h"
#include "harness.h"
#include "plans.h"

namespace spliceway::testing {
namespace {

/// The core's clock, which the test moves.
struct Clock {
  std::uint64_t now_us = 1'000'000'000;
  HookScope hooks{{.now_us = [this] { return now_us; }}};
};

/// A session on its way to a backend.
struct Sought {
  Sought() {
    Pair pair = TcpPair();
    client = std::move(pair.peer);
    Connect(harness.Start(std::move(pair.near)), {listener.address});
  }
  void Open() {
    harness.RunUntil([&] { return harness.opened == 1; }, "the opening");
    backend = Accept(listener);
  }
  void Say(const UniqueFd& from, const UniqueFd& to) {
    CHECK_EQUAL(Transfer(harness, from, to, "word", 4, "a word"), std::string("word"));
  }
  void End() {
    ResetPeer(client);
    harness.RunUntil([&] { return harness.closed == 1; }, "the end");
  }

  Clock clock;
  Listener listener = ListenTcp();
  Harness harness;
  UniqueFd client;
  UniqueFd backend;
};

TEST("figures: a connect lasts until the loop knows that its address has answered") {
  Sought session;
  session.clock.now_us += 3200;
  session.Open();
  HistogramRow& row = session.harness.histograms();
  CHECK_EQUAL(row.count(Measured::kConnect), 1U);
  CHECK_EQUAL(row.sum(Measured::kConnect), 3200U);
}

TEST("figures: the first byte of a backend that speaks first counts from the opening") {
  Sought session;
  session.Open();
  session.clock.now_us += 5008;
  session.Say(session.backend, session.client);
  session.clock.now_us += 1'000'000;
  session.Say(session.backend, session.client);
  HistogramRow& row = session.harness.histograms();
  CHECK_EQUAL(row.count(Measured::kFirstByte), 1U);
  CHECK_EQUAL(row.sum(Measured::kFirstByte), 5008U);
}

TEST("figures: where the client speaks, the first byte counts from its last word") {
  Sought session;
  session.Open();
  session.clock.now_us += 60'000'000;
  session.Say(session.client, session.backend);
  session.clock.now_us += 700'000;
  session.Say(session.client, session.backend);
  session.clock.now_us += 5008;
  session.Say(session.backend, session.client);
  CHECK_EQUAL(session.harness.histograms().sum(Measured::kFirstByte), 5008U);
}

TEST("figures: the first byte counts from the client's end, where that is its last word") {
  Sought session;
  session.Open();
  session.Say(session.client, session.backend);
  session.clock.now_us += 700'512;
  EndStream(session.client);
  std::string none;
  CHECK_EQUAL(ReadToTheEnd(session.harness, session.backend, none), 0);
  session.clock.now_us += 5008;
  session.Say(session.backend, session.client);
  CHECK_EQUAL(session.harness.histograms().sum(Measured::kFirstByte), 5008U);
}

TEST("figures: a session that has opened has a duration and a size, once it has ended") {
  Sought session;
  session.Open();
  session.Say(session.client, session.backend);
  session.Say(session.backend, session.client);
  HistogramRow& row = session.harness.histograms();
  CHECK_EQUAL(row.count(Measured::kDuration), 0U);
  session.clock.now_us += 61'000'000;
  session.harness.RunOnce();
  session.End();
  CHECK_EQUAL(row.count(Measured::kDuration), 1U);
  CHECK_EQUAL(row.sum(Measured::kDuration), 61'000'000U);
  CHECK_EQUAL(row.count(Measured::kBytes), 1U);
  CHECK_EQUAL(row.sum(Measured::kBytes), 8U);
}

TEST("figures: a session that has not opened has none of them, nor has a join") {
  Sought session;
  session.End();
  HistogramRow& row = session.harness.histograms();
  CHECK_EQUAL(
      row.count(Measured::kConnect) + row.count(Measured::kDuration) + row.count(Measured::kBytes),
      0U);

  Harness harness;
  Joined joined(harness);
  Transfer(harness, joined.backend, joined.client, "word", 4, "a word");
  ResetPeer(joined.client);
  harness.RunUntil([&] { return harness.closed == 1; }, "the end");
  HistogramRow& none = harness.histograms();
  CHECK_EQUAL(none.count(Measured::kConnect) + none.count(Measured::kFirstByte) +
                  none.count(Measured::kDuration),
              0U);
}

TEST("figures: those of a pool are of all its backends and loops, and cleared for the next pool") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 2});
  engine->Attend(Attention::kNone);
  for (std::uint16_t row = 0; row < 2; ++row) {
    engine->SetBackend(row, {backend.address}, AddressOrder::kAsGiven, 7);
  }
  engine->SetPool(7, InTurn({0, 1}));
  const SocketAddress address = engine.Listen({.pool = 7});
  HistogramRows& histograms = engine->counters()->histograms();
  const auto ended = [&] {
    std::uint64_t count = 0;
    for (const HistogramRow& row : histograms.Of(7)) count += row.count(Measured::kDuration);
    return count;
  };
  for (int session = 0; session < 4; ++session) {
    UniqueFd client = ConnectTo(address);
    const UniqueFd served = AwaitClient(backend);
    // It has opened, as far as the loop knows, where something comes through.
    WriteSome(client.get(), "x");
    CHECK_EQUAL(Await(served, 1), "x");
    ResetPeer(client);
    CHECK_EQUAL(AwaitEnd(served), -ECONNRESET);
  }
  AwaitThat([&] { return ended() == 4; }, "the ends");
  CHECK(histograms.Of(0).empty());
  CHECK_EQUAL(histograms.Of(7).size(), 3U);
  engine->ResetPool(7);
  CHECK_EQUAL(ended(), 0U);
}

TEST("figures: a loop tells how it has moved its bytes, and of its turns") {
  for (const auto transfer : {spliceway::Transfer::kCopy, spliceway::Transfer::kSplice}) {
    const Listener backend = ListenTcp();
    EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1, .transfer = transfer});
    const SocketAddress address = engine.ListenFor(backend);
    const UniqueFd client = ConnectTo(address);
    const UniqueFd served = AwaitClient(backend);
    WriteSome(client.get(), "a question");
    CHECK_EQUAL(Await(served, 10), "a question");
    WriteSome(served.get(), "an answer");
    CHECK_EQUAL(Await(client, 9), "an answer");
    const LoopRow& row = engine->counters()->Loop(0);
    const bool copies = transfer == spliceway::Transfer::kCopy;
    // Told at the end of the turn that has moved them.
    AwaitThat([&] { return row.bytes_copied.value() + row.bytes_spliced.value() == 19; },
              "the bytes");
    CHECK_EQUAL(row.bytes_copied.value(), copies ? 19U : 0U);
    CHECK(row.turns.count() > 0);
    CHECK(row.wake_ups.value() > 0);
    // Told in this order, while turns go on.
    const std::uint64_t longest_us = row.longest_turn_us.value();
    AwaitThat([&] { return row.busy_us.value() >= longest_us; }, "the time of that turn");
  }
}

}  // namespace
}  // namespace spliceway::testing
