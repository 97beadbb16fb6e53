// Who counts as one client, and how many sessions that one may have.

#include "listen/client_table.h"

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "plans.h"

namespace spliceway::testing {
namespace {

SocketAddress At(const std::string& ip, std::uint16_t port = 1) {
  return *SocketAddress::FromIp(ip, port);
}

TEST("client table: an address may have so many sessions, whatever its ports; others have theirs") {
  ClientTable table(10);
  const ClientLimits limits{.remote = 2};
  CHECK(table.Enter(0, At("203.0.113.7", 1), limits));
  CHECK(table.Enter(1, At("203.0.113.7", 2), limits));
  CHECK(!table.Enter(2, At("203.0.113.7", 3), limits));
  CHECK(table.Enter(2, At("203.0.113.8", 3), limits));
  table.Leave(0);
  CHECK(table.Enter(3, At("203.0.113.7", 4), limits));
  CHECK(!table.Enter(0, At("203.0.113.7", 5), limits));
}

TEST("client table: each client counts at each service for itself") {
  ClientTable table(10);
  const ClientLimits limits{.remote = 1};
  CHECK(table.Enter(0, At("203.0.113.7"), limits, 1));
  CHECK(!table.Enter(1, At("203.0.113.7"), limits, 1));
  CHECK(table.Enter(1, At("203.0.113.7"), limits, 2));
  CHECK(table.Enter(2, At("203.0.113.8"), limits, 1));
  table.Leave(0);
  CHECK(table.Enter(3, At("203.0.113.7"), limits, 1));
  CHECK(!table.Enter(4, At("203.0.113.7"), limits, 2));
}

TEST("client table: IPv6 counts by the /64, and IPv4 is IPv4 however it is written") {
  ClientTable table(10);
  const ClientLimits limits{.remote = 1, .loopback = 1};
  CHECK(table.Enter(0, At("2001:db8:1:2::1"), limits));
  CHECK(!table.Enter(1, At("2001:db8:1:2:ffff::9"), limits));
  CHECK(table.Enter(1, At("2001:db8:1:3::1"), limits));
  CHECK(table.Enter(2, At("203.0.113.7"), limits));
  CHECK(!table.Enter(3, At("::ffff:203.0.113.7"), limits));
  CHECK(table.Enter(3, At("::ffff:203.0.113.8"), limits));
  CHECK(table.Enter(4, At("::1"), limits));
  CHECK(!table.Enter(5, At("::1"), limits));
}

TEST("client table: no IPv6 client shares the count of an IPv4 address") {
  ClientTable table(10);
  const ClientLimits limits{.remote = 1};
  CHECK(table.Enter(0, At("2001:db8:0:ffff::1"), limits));
  CHECK(table.Enter(1, At("184.13.1.32"), limits));  // b8.0d.01.20
  CHECK(table.Enter(2, At("32.1.13.184"), limits));  // 20.01.0d.b8
  CHECK(table.Enter(3, At("2001:db8:ffff:0::1"), limits));
  CHECK(table.Enter(4, At("0:0:0:ffff::1"), limits));
}

TEST("client table: loopback has a limit of its own, and Unix clients have none") {
  ClientTable table(10);
  const ClientLimits limits{.remote = 1, .loopback = 0};
  for (const char* ip : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    CHECK(table.Enter(0, At(ip), limits));
    CHECK(table.Enter(1, At(ip), limits));
  }
  const ClientLimits one{.remote = 1, .loopback = 1};
  CHECK(table.Enter(2, *SocketAddress::FromPath("/run/a"), one));
  CHECK(table.Enter(3, *SocketAddress::FromPath("/run/a"), one));
  // Nobody was counted, so nobody leaves.
  for (std::uint32_t slot = 0; slot < 4; ++slot) table.Leave(slot);
  CHECK(table.Enter(0, At("127.0.0.1"), one));
  CHECK(!table.Enter(1, At("127.0.0.1"), one));
}

TEST("client table: counts as a plain map does, with as many clients as there is room for") {
  constexpr std::uint32_t kSlots = 300;
  constexpr std::uint32_t kMost = 3;
  ClientTable table(kSlots);
  std::unordered_map<std::uint32_t, std::uint32_t> model;
  std::vector<std::uint32_t> holder(kSlots);  // 0: the slot is free
  std::uint32_t random = 1;
  const auto next = [&](std::uint32_t below) {
    random = random * 1664525U + 1013904223U;
    return (random >> 8) % below;
  };
  for (int step = 0; step < 50'000; ++step) {
    const std::uint32_t slot = next(kSlots);
    if (holder[slot] != 0) {
      --model[holder[slot]];
      holder[slot] = 0;
      table.Leave(slot);
      continue;
    }
    // At times everybody is somebody else, and at times few come again and again.
    const std::uint32_t who = 1 + next(step % 2 == 0 ? 100'000 : 50);
    const std::string ip = "10." + std::to_string(who >> 16) + "." +
                           std::to_string((who >> 8) & 255U) + "." + std::to_string(who & 255U);
    const bool may = model[who] < kMost;
    CHECK_EQUAL(table.Enter(slot, At(ip), {.remote = kMost}), may);
    if (!may) continue;
    ++model[who];
    holder[slot] = who;
  }
}

TEST("client table: many sessions are counted in 64 parts, with room for a client of each") {
  CHECK_EQUAL(ClientTable(2047).parts(), 1U);
  CHECK_EQUAL(ClientTable(10'000).parts(), 8U);
  constexpr std::uint32_t kSlots = 100'000;
  ClientTable table(kSlots);
  CHECK_EQUAL(table.parts(), 64U);
  const ClientLimits limits{.remote = 1};
  const auto client = [](std::uint32_t number) {
    return At("10." + std::to_string(number >> 16) + "." + std::to_string((number >> 8) & 255U) +
              "." + std::to_string(number & 255U));
  };
  std::uint32_t entered = 0;
  std::uint32_t refused = 0;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    entered += table.Enter(slot, client(slot), limits) ? 1U : 0U;
    refused += table.Enter(slot, client(slot), limits) ? 0U : 1U;
  }
  CHECK_EQUAL(entered, kSlots);
  CHECK_EQUAL(refused, kSlots);
  // Every other leaves, and those who stay are still counted.
  for (std::uint32_t slot = 0; slot < kSlots; slot += 2) table.Leave(slot);
  entered = 0;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    entered += table.Enter(slot, client(slot), limits) ? 1U : 0U;
  }
  CHECK_EQUAL(entered, kSlots / 2);
}

TEST("client table: the limit of a client is exact, on however many threads its sessions begin") {
  constexpr std::uint32_t kThreads = 4;
  constexpr std::uint32_t kSlots = 4096;  // of each thread
  constexpr std::uint32_t kMost = 5000;
  ClientTable table(std::size_t{kThreads} * kSlots);
  std::atomic<std::uint32_t> entered{0};
  const auto on_all_threads = [&](const std::function<void(std::uint32_t)>& work) {
    std::vector<std::thread> threads;
    for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint32_t slot = 0; slot < kSlots; ++slot) work(thread * kSlots + slot);
      });
    }
    for (std::thread& thread : threads) thread.join();
  };
  for (int round = 0; round < 3; ++round) {
    entered = 0;
    on_all_threads([&](std::uint32_t slot) {
      if (table.Enter(slot, At("203.0.113.7"), {.remote = kMost})) ++entered;
    });
    CHECK_EQUAL(entered.load(), kMost);
    on_all_threads([&](std::uint32_t slot) { table.Leave(slot); });
  }
}

TEST("client limit: one more is reset and counted; its slot comes back, and so does its place") {
  for (const std::size_t threads : {1U, 3U}) {
    const Listener backend = ListenTcp();
    EngineHarness engine({.threads = threads, .listeners = 1, .backends = 1});
    engine->Attend(Attention::kNone);
    engine->SetBackend(0, {backend.address});
    engine->SetPool(0, InTurn({0}));
    const SocketAddress address =
        engine.Listen({.timeouts = {}, .clients = {.remote = 0, .loopback = 2}});
    const UniqueFd first = ConnectTo(address);
    UniqueFd first_served = AwaitClient(backend);
    UniqueFd second = ConnectTo(address);
    UniqueFd second_served = AwaitClient(backend);
    for (int index = 0; index < 5; ++index) CHECK_EQUAL(AwaitRefusal(address), -ECONNRESET);
    engine.TakeEvents();
    std::int32_t refused = 0;
    for (const SessionEvent& event : engine.events) {
      CHECK(event.kind == SessionEvent::Kind::kRefused);
      CHECK_EQUAL(event.listener, 0);
      CHECK_EQUAL(int{event.ip[12]}, 127);
      refused += event.count;
    }
    CHECK_EQUAL(refused, 5);
    std::uint64_t rejected = 0;
    for (std::size_t loop = 0; loop < threads; ++loop)
      rejected += engine->counters()->Listener(loop, 0).rejected.value();
    CHECK_EQUAL(rejected, 5U);
    CHECK_EQUAL(engine.FreeSlots(), engine->max_sessions() - 2);
    second.Reset();
    second_served.Reset();
    AwaitThat([&] { return engine.FreeSlots() == engine->max_sessions() - 1; }, "the slot");
    const UniqueFd next = ConnectTo(address);
    const UniqueFd next_served = AwaitClient(backend);
    CHECK(next_served.valid());
    CHECK_EQUAL(AwaitRefusal(address), -ECONNRESET);
  }
}

TEST("client limit: refusals wait joined in one event a listener, however many there are") {
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address =
      engine.Listen({.timeouts = {}, .clients = {.remote = 0, .loopback = 1}});
  const UniqueFd holds = ConnectTo(address);
  const UniqueFd served = AwaitClient(backend);
  for (int index = 0; index < 500; ++index) CHECK_EQUAL(AwaitRefusal(address), -ECONNRESET);
  engine.TakeEvents();
  CHECK_EQUAL(engine.events.size(), 1U);
  CHECK_EQUAL(engine.First(SessionEvent::Kind::kRefused).count, 500);
  CHECK_EQUAL(engine.rings.load(), 1);
}

}  // namespace
}  // namespace spliceway::testing
