// The tables that the loops pick by: what a change costs, what a loop keeps, and when a row is
// free.

#include "select/tables.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "engine_harness.h"
#include "plans.h"
#include "select/backend_table.h"
#include "select/held_tables.h"
#include "sockets.h"

namespace spliceway::testing {
namespace {

SocketAddress At(std::uint16_t port) { return *SocketAddress::FromIp("192.0.2.1", port); }

void Publish(BackendTable& table, std::uint16_t row, std::uint16_t port) {
  table.SetAddresses(row, {At(port)}, AddressOrder::kAsGiven);
  table.Publish();
}

TEST("tables: what was lent stays as it was, and what nobody has any more goes") {
  BackendTable table(2);
  Publish(table, 1, 80);
  HeldTables held(table.published());
  HeldAddresses first = held.Lend(1, table.Row(1));
  HeldAddresses second = held.Lend(1, table.Row(1));
  const std::weak_ptr<const Tables> before = table.published();
  Publish(table, 1, 81);
  CHECK_EQUAL(held.Lend(1, table.Row(1))->front().port(), 80);
  held.Take(table.published());
  CHECK_EQUAL(held.Lend(1, table.Row(1))->front().port(), 81);
  CHECK_EQUAL(first->front().port(), 80);
  first.reset();
  HeldAddresses moved = std::move(second);
  CHECK_EQUAL(moved->front().port(), 80);
  CHECK(!before.expired());
  {
    HeldAddresses last;
    last = held.Lend(1, table.Row(1));
    CHECK_EQUAL(last->front().port(), 81);
  }
  CHECK(!before.expired());
  moved.reset();
  CHECK(before.expired());
}

TEST("tables: a loop that lends counts nothing that another one sees") {
  BackendTable table(1);
  Publish(table, 0, 80);
  HeldTables held(table.published());
  const long holders = table.published().use_count();
  std::vector<HeldAddresses> lent;
  lent.reserve(100);
  for (int session = 0; session < 100; ++session) lent.push_back(held.Lend(0, table.Row(0)));
  CHECK_EQUAL(table.published().use_count(), holders);
}

TEST("tables: a change of one backend among 10,000 copies none of the others") {
  constexpr std::uint16_t kRows = 10'000;
  BackendTable table(kRows);
  for (std::uint16_t row = 0; row < kRows; ++row) Publish(table, row, row);
  const std::shared_ptr<const Tables> before = table.published();
  Publish(table, 5000, 1);
  const Tables& after = *table.published();
  CHECK_EQUAL(after.generation(), before->generation() + 1);
  for (std::uint16_t row = 0; row < kRows; ++row) {
    CHECK_EQUAL(&before->AddressesOf(row) == &after.AddressesOf(row), row != 5000);
  }
}

TEST("tables: nobody enters a backend that is out of service and was found to be empty") {
  constexpr int kEntries = 100'000;
  BackendRow row;
  PoolRow pool;
  std::atomic<bool> is_over{false};
  std::atomic<bool> was_empty{false};
  std::atomic<int> entered{0};
  std::atomic<int> late{0};
  std::thread sessions([&] {
    while (!is_over) {
      if (row.Enter(pool) != BackendRow::Entry::kCounted) continue;
      ++entered;
      if (was_empty) ++late;
      row.Leave(pool);
    }
  });
  while (entered < kEntries) {
    row.SetState(BackendState::kDrain);
    while (row.in_use() > 0) {
    }
    was_empty = true;
    was_empty = false;
    row.SetState(BackendState::kUp);
  }
  is_over = true;
  sessions.join();
  CHECK_EQUAL(late.load(), 0);
}

TEST("tables: a row is vacant when every loop knows and the last session has left, not before") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 2});
  engine->SetBackend(0, {first.address});
  engine->SetBackend(1, {second.address});
  engine->SetPool(0, InTurn({0}));
  const SocketAddress address = engine.Listen();
  UniqueFd client = ConnectTo(address);
  UniqueFd backend = AwaitClient(first);
  CHECK(backend.valid());

  // One loop stands still when it has reported a client, and before it picks for it.
  std::binary_semaphore stands(0);
  std::binary_semaphore goes_on(0);
  std::atomic<bool> is_first{true};
  engine.WaitFor(SessionEvent::Kind::kOpened, 1);
  engine.on_ring = [&] {
    if (!is_first.exchange(false)) return;
    stands.release();
    goes_on.acquire();
  };
  UniqueFd late = ConnectTo(address);
  stands.acquire();
  engine->SetPool(0, InTurn({1}));
  const std::uint64_t removed = engine->RemoveBackend(0);
  CHECK_EQUAL(removed, engine->generation());
  CHECK(engine->taken_generation() < removed);
  CHECK(!engine->IsVacant(0, removed));
  goes_on.release();
  AwaitThat([&] { return engine->taken_generation() == removed; }, "the loops to take the tables");
  // It picked by the tables that it had. Both sessions go on.
  UniqueFd late_backend = AwaitClient(first);
  CHECK(late_backend.valid());
  CHECK(!engine->IsVacant(0, removed));
  client.Reset();
  backend.Reset();
  CHECK(!engine->IsVacant(0, removed));
  late.Reset();
  late_backend.Reset();
  AwaitThat([&] { return engine->IsVacant(0, removed); }, "the row to be vacant");
  engine.Stop();
}

TEST("tables: a loop that was sent to a row by name does so before it acknowledges its removal") {
  const Listener listener = ListenTcp();
  std::function<void()> on_ring;
  Crew crew(4, 1, 1, std::make_shared<Counters>(1, 1, 1, 4), PipeLimits::ForThisMachine(1), 1, [&] {
    if (on_ring) on_ring();
  });
  Worker& worker = AddWorker(crew);
  int error = 0;
  const SessionName session = crew.slab.NameOf(crew.TakeSlot(error).value());
  crew.slab.SetLoop(session.slot, 0);
  Pair client = TcpPair();
  worker.Start({.start = {.slot = session.slot,
                          .client = std::move(client.near),
                          .client_prefix = {},
                          .timeouts = {},
                          .listener = 0,
                          .route = {.reported = true}}});
  worker.RunTurn();
  crew.table.SetAddresses(0, {listener.address}, AddressOrder::kAsGiven);
  crew.Publish();
  worker.Post(ConnectCommand{.session = session, .backend = 0});
  crew.table.RemoveAddresses(0);
  crew.Publish();
  const std::uint64_t removed = crew.table.published()->generation();
  // It has gone there when it asks for another one.
  bool was_vacant = false;
  int asked = 0;
  on_ring = [&] {
    ++asked;
    was_vacant = crew.IsVacant(0, removed);
  };
  worker.RunTurn();
  CHECK_EQUAL(asked, 1);
  CHECK(!was_vacant);
  CHECK(crew.IsVacant(0, removed));
}

TEST("tables: other ones are published again and again while clients come, who are all served") {
  constexpr int kClients = 200;
  const Listener up = ListenTcp(kClients);
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 2});
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {up.address});
  engine->SetBackend(1, {up.address});
  engine->SetPool(0, InTurn({0, 1}));
  const SocketAddress address = engine.Listen();
  std::atomic<int> served{0};
  std::atomic<bool> is_over{false};
  std::thread clients([&] {
    while (served < kClients) {
      const UniqueFd client = ConnectTo(address);
      if (!AwaitClient(up).valid()) break;
      ++served;
    }
    is_over = true;
  });
  while (!is_over) {
    engine->SetPool(0, InTurn({1}));
    // Nobody goes there.
    engine->SetBackend(0, {});
    CHECK(engine->taken_generation() <= engine->generation());
    engine->SetBackend(0, {up.address}, AddressOrder::kInTurn);
    engine->SetPool(0, InTurn({0, 1, 0}));
  }
  clients.join();
  CHECK_EQUAL(served.load(), kClients);
  AwaitThat([&] { return engine->taken_generation() == engine->generation(); }, "both loops");
}

}  // namespace
}  // namespace spliceway::testing
