// What a turn may cost: nobody waits for all the others.

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "harness.h"

namespace spliceway::testing {
namespace {

constexpr TurnBudget kBudget;
/// As the kernel's first windows are: each sender gets so much to the loop at once.
constexpr std::size_t kMessage = 120'000;
constexpr std::size_t kSenders = 200;

/// Somebody who has an event behind all the others.
struct Last final : EventHandler {
  std::function<void()> then;
  void OnEvents(unsigned /*token*/, std::uint32_t /*events*/) override { then(); }
};

TEST("a turn: a byte behind 200 senders waits for a few mebibytes, and all of theirs arrives") {
  Harness harness({.transfer = Transfer::kAuto});
  const PairOptions wide{.near_receive_buffer = 1 << 20, .near_send_buffer = 1 << 20};
  const PairOptions wide_peer{.peer_receive_buffer = 1 << 20, .near_send_buffer = 1 << 20};
  std::vector<std::unique_ptr<Joined>> joined;
  for (std::size_t index = 0; index < kSenders; ++index) {
    joined.push_back(std::make_unique<Joined>(harness, wide, wide_peer));
  }
  harness.RunFor(50);
  const std::string text = Pattern(kMessage);
  std::size_t waiting = 0;
  for (const auto& one : joined) waiting += WriteSome(one->client.get(), text);
  CHECK(waiting > 8U << 20);
  const auto moved = [&] { return harness.listener_row().bytes_upstream.value(); };
  Last last;
  std::uint64_t before_it = 0;
  bool was_met = false;
  last.then = [&] {
    if (!was_met) before_it = moved();
    was_met = true;
  };
  const UniqueFd event(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
  CHECK(harness.loop().Watch(event.get(), last, 0));
  std::uint64_t most_in_a_turn = 0;
  std::vector<std::string> got(kSenders);
  std::vector<std::size_t> written(kSenders);
  std::size_t arrived = 0;
  harness.RunUntil(
      [&] {
        const std::uint64_t start = moved();
        harness.RunOnce();
        most_in_a_turn = std::max(most_in_a_turn, moved() - start);
        for (std::size_t index = 0; index < kSenders; ++index) {
          while (ReadSome(joined[index]->backend.get(), got[index]) == 1) {
          }
        }
        arrived = 0;
        for (const std::string& one : got) arrived += one.size();
        return arrived == waiting;
      },
      "what was sent");
  CHECK(was_met);
  CHECK(before_it <= kBudget.events + kSenders * kBudget.crowded);
  CHECK(most_in_a_turn <=
        std::max(kBudget.turn, 2 * kBudget.events + kSenders * kBudget.crowded) + (128U << 10));
  for (const std::string& one : got) CHECK(one == text.substr(0, one.size()));
}

TEST("a turn: clients who wait at many listeners are taken in portions") {
  constexpr std::size_t kListeners = 8;
  constexpr std::size_t kClients = 40;  // at each
  std::atomic<std::size_t> accepted{0};
  std::atomic<std::size_t> in_this_turn{0};
  std::atomic<std::size_t> most{0};
  const HookScope hooks({.accept =
                             [&](int) {
                               ++accepted;
                               most = std::max(most.load(), ++in_this_turn);
                               return 0;
                             },
                         .wait = [&](int) { in_this_turn = 0; }});
  std::vector<Listener> listeners;
  std::vector<UniqueFd> clients;
  for (std::size_t listener = 0; listener < kListeners; ++listener) {
    listeners.push_back(ListenTcp(kClients));
    for (std::size_t client = 0; client < kClients; ++client) {
      clients.push_back(ConnectTo(listeners.back().address));
    }
  }
  EngineHarness engine({.threads = 1, .listeners = kListeners, .backends = 1});
  engine->Attend(Attention::kNone);
  for (std::size_t listener = 0; listener < kListeners; ++listener) {
    // One session, and the others are refused: nothing but accepting.
    engine.ListenOn(std::move(listeners[listener].fd),
                    {.timeouts = {}, .clients = {.remote = 0, .loopback = 1}},
                    static_cast<std::uint16_t>(listener));
  }
  AwaitThat([&] { return accepted >= kListeners * kClients; }, "all clients");
  // A budget of events, at 16 KiB a client; then four of each.
  CHECK(most.load() <= 64 + 16 + 4 * kListeners);
  engine.Stop();
}

TEST("a turn: of many commands it takes some, and the rest in the next ones, in their order") {
  constexpr std::size_t kMostInATurn = 160;
  const Listener backend = ListenTcp(2 * kSenders);
  Crew crew(2 * kSenders, 1, 1, std::make_shared<Counters>(1, 1, 1, 2 * kSenders),
            PipeLimits::ForThisMachine(1), 1, [] {});
  Worker& worker = AddWorker(crew);
  crew.attention.store(Attention::kHold);
  crew.table.SetAddresses(0, {backend.address}, AddressOrder::kAsGiven);
  crew.Publish();
  Listener listener = ListenTcp(2 * kSenders);
  ListenOn(crew, std::move(listener.fd), {.timeouts = {}});
  std::vector<UniqueFd> clients;
  for (std::size_t index = 0; index < kSenders; ++index) {
    clients.push_back(ConnectTo(listener.address));
    WriteSome(clients.back().get(), std::string(1, static_cast<char>(index)));
  }
  while (worker.sessions_alive() < kSenders) worker.RunTurn();
  std::vector<SessionEvent> events(4 * kSenders);
  events.resize(crew.events.Take(events));
  for (const SessionEvent& event : events) {
    if (event.kind != SessionEvent::Kind::kNeedBackend) continue;
    worker.Post(ConnectCommand{.session = NameOf(event), .backend = 0});
  }
  const BackendRow& row = crew.table.Row(0);
  for (std::size_t before = 0; before < kSenders; before = row.in_use()) {
    worker.RunTurn();
    CHECK(row.in_use() - before <= kMostInATurn);
  }
  for (std::size_t index = 0; index < kSenders; ++index) {
    const UniqueFd served = AwaitClient(backend);
    std::string got;
    while (ReadSome(served.get(), got) != 1) worker.RunTurn();
    CHECK_EQUAL(got, std::string(1, static_cast<char>(index)));
  }
}

}  // namespace
}  // namespace spliceway::testing
