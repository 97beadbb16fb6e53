// The limit of a pool, and the queue of those who wait for a place at its backends.

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "engine/pool_queue.h"
#include "engine_harness.h"
#include "faults.h"
#include "plans.h"
#include "select/backend_table.h"
#include "sockets.h"
#include "steady_clock.h"
#include "sys/sys.h"
#include "turns.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// Pool 0 with some backends, and clients of listener 0, each with a letter for a name, which is
/// the first that its backend hears.
class Queueing {
 public:
  explicit Queueing(std::size_t backends, std::size_t loops = 1,
                    const ListenerOptions& options = {})
      : turns(loops, 64), listener_address(turns.Listen(0, options)) {
    turns.crew.attention.store(Attention::kNone);
    std::vector<std::uint16_t> rows;
    while (backends_.size() < backends) {
      rows.push_back(static_cast<std::uint16_t>(backends_.size()));
      backends_.push_back(ListenTcp());
      turns.SetBackend(rows.back(), {backends_.back().address});
    }
    turns.SetPool(0, InTurn(rows));
  }

  /// It takes a place, waits for one, or is asked about, before this returns.
  void Come(char name) {
    const UniqueFd& client = clients_[name] = ConnectTo(listener_address);
    CHECK_EQUAL(send(client.get(), &name, 1, MSG_NOSIGNAL), 1);
    Run();
  }
  void ComeOneByOne(const std::string& names) {
    for (const char name : names) Come(name);
  }
  void ResetClient(char name) { ResetPeer(clients_.at(name)); }
  /// Its session ends.
  void Leave(char name) { ResetPeer(served_.at(name)); }

  /// Some turns of each loop: whatever can happen now happens.
  void Run() {
    for (int turn = 0; turn < 12; ++turn) {
      for (std::size_t loop = 0; loop < turns.crew.workers.size(); ++loop) turns.Run(loop);
    }
  }
  /// Those whom a backend has heard since this was asked last, in that order.
  std::string Served() {
    Run();
    std::string names;
    for (const Listener& backend : backends_) {
      while (ClientWaits(backend, 0)) {
        UniqueFd fd = Accept(backend);
        char name = 0;
        while (recv(fd.get(), &name, 1, MSG_DONTWAIT) != 1) Run();
        names.push_back(name);
        served_[name] = std::move(fd);
      }
    }
    return names;
  }
  [[nodiscard]] std::uint32_t waiting() { return turns.crew.table.PoolRowOf(0).waiting(); }
  [[nodiscard]] std::uint32_t in_use() { return turns.crew.table.PoolRowOf(0).sessions.in_use(); }
  [[nodiscard]] QueueFigures figures() {
    const PoolQueue* const queue = turns.crew.queues.Find(0);
    return queue == nullptr ? QueueFigures{} : queue->figures();
  }
  /// Why the owner was asked, each time since this was asked last.
  std::vector<std::int32_t> Asked() {
    Run();
    std::vector<std::int32_t> reasons;
    for (const SessionEvent& event : turns.Told()) {
      if (event.kind != Kind::kNeedBackend) continue;
      reasons.push_back(event.reason);
      asked = NameOf(event);
    }
    return reasons;
  }
  void Post(Command command) {
    turns.crew.workers.front()->Post(std::move(command));
    Run();
  }

  Turns turns;
  const SocketAddress listener_address;
  SessionName asked{};  ///< Of whom the owner was asked last.

 private:
  std::vector<Listener> backends_;
  std::map<char, UniqueFd> clients_;
  std::map<char, UniqueFd> served_;
};

using Reasons = std::vector<std::int32_t>;

// ── The limit of a pool ──

TEST(
    "waiting: the sessions of all backends count in their pool, and a full pool passes them over") {
  Queueing queueing(2);
  queueing.turns.crew.LimitPool(0, 3, 0, 0);
  queueing.ComeOneByOne("abc");
  CHECK_EQUAL(queueing.Served().size(), 3U);
  CHECK_EQUAL(queueing.in_use(), 3U);
  const auto rejected = [&] {
    Counters& counters = *queueing.turns.crew.counters;
    return counters.Backend(0, 0).rejected.value() + counters.Backend(0, 1).rejected.value();
  };
  const std::uint64_t before = rejected();
  queueing.Come('d');
  CHECK(queueing.Asked() == Reasons{2});
  // By the one whose turn it was, and not by each.
  CHECK_EQUAL(rejected(), before + 1);
  CHECK_EQUAL(queueing.waiting(), 0U);
  queueing.Leave('b');
  queueing.Come('e');
  CHECK_EQUAL(queueing.Served(), "e");
  CHECK_EQUAL(queueing.in_use(), 3U);
}

TEST("waiting: who is not counted at a backend is not counted in its pool") {
  BackendTable table(2);
  table.SetAddresses(0, {ListenTcp().address}, AddressOrder::kAsGiven, 7);
  table.SetAddresses(1, {ListenTcp().address}, AddressOrder::kAsGiven, 7);
  PoolRow& pool = table.PoolRowOf(7);
  table.Row(0).Limit(1);
  CHECK(table.Enter(0) == BackendRow::Entry::kCounted);
  CHECK(table.Enter(0) == BackendRow::Entry::kFull);
  table.Row(1).SetState(BackendState::kDrain);
  CHECK(table.Enter(1) == BackendRow::Entry::kNotUp);
  CHECK_EQUAL(pool.sessions.in_use(), 1U);
  table.Row(1).SetState(BackendState::kUp);
  pool.sessions.Limit(1);
  CHECK(table.Enter(1) == BackendRow::Entry::kFull);
  CHECK_EQUAL(table.Row(1).in_use(), 0U);
  // A backend that has no address any more has the sessions that it had, and so has its pool.
  table.RemoveAddresses(0);
  CHECK_EQUAL(pool.sessions.in_use(), 1U);
  table.Leave(0);
  CHECK_EQUAL(pool.sessions.in_use(), 0U);
}

// ── Who waits, and in which order ──

TEST(
    "waiting: those for whom all backends are full are served as they came, and nobody before "
    "them") {
  Queueing queueing(1);
  queueing.turns.crew.table.Row(0).Limit(1);
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  queueing.ComeOneByOne("abcd");
  CHECK_EQUAL(queueing.Served(), "a");
  CHECK_EQUAL(queueing.waiting(), 3U);
  queueing.Leave('a');
  CHECK_EQUAL(queueing.Served(), "b");
  queueing.Leave('b');
  // There is a place as this one comes, and it is not for it.
  queueing.Come('e');
  CHECK_EQUAL(queueing.Served(), "c");
  queueing.Leave('c');
  CHECK_EQUAL(queueing.Served(), "d");
  queueing.Leave('d');
  CHECK_EQUAL(queueing.Served(), "e");
  CHECK_EQUAL(queueing.waiting(), 0U);
  CHECK_EQUAL(queueing.figures().served, 4U);
  CHECK(queueing.Asked().empty());
}

TEST(
    "waiting: each wait that a place has ended is measured, and an end in the queue is told "
    "apart") {
  Queueing queueing(1);
  queueing.turns.crew.table.Row(0).Limit(1);
  queueing.turns.crew.LimitPool(0, 0, 1, 0);
  const auto waits = [&] {
    return queueing.turns.crew.counters->histograms().Row(0, 0).count(Measured::kQueue);
  };
  queueing.ComeOneByOne("ab");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.Come('c');
  CHECK(queueing.Asked() == Reasons{3});
  queueing.Post(EndCommand{.session = queueing.asked, .ending = Ending::kNoBackend});
  EndRow& ends = queueing.turns.crew.counters->Ends(0, 0);
  CHECK_EQUAL(ends.total(), 1U);
  CHECK_EQUAL(ends.At(EndReason::kNoBackend, EndSide::kProxy, SessionPhase::kQueue).value(), 1U);
  CHECK_EQUAL(waits(), 0U);
  queueing.Leave('a');
  CHECK_EQUAL(queueing.Served(), "b");
  CHECK_EQUAL(waits(), 1U);
  CHECK_EQUAL(queueing.figures().served, 1U);
}

TEST("waiting: it is one for all loops") {
  Queueing queueing(2, 3);
  for (std::uint16_t row = 0; row < 2; ++row) queueing.turns.crew.table.Row(row).Limit(1);
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  queueing.ComeOneByOne("abcdefgh");
  std::string served = queueing.Served();
  CHECK_EQUAL(served.size(), 2U);
  for (std::size_t index = 0; index < 6; ++index) {
    queueing.Leave(served[index]);
    const std::string next = queueing.Served();
    CHECK_EQUAL(next.size(), 1U);
    served += next;
  }
  CHECK_EQUAL(served.substr(2), "cdefgh");
}

TEST("waiting: where several places come free at once, as many are served") {
  Queueing queueing(2);
  queueing.turns.crew.LimitPool(0, 3, 10, 0);
  queueing.ComeOneByOne("abcdefg");
  CHECK_EQUAL(queueing.Served().size(), 3U);
  for (const char name : {'a', 'b', 'c'}) queueing.Leave(name);
  CHECK_EQUAL(queueing.Served().size(), 3U);
  CHECK_EQUAL(queueing.waiting(), 1U);
  CHECK_EQUAL(queueing.in_use(), 3U);
}

TEST("waiting: who finds it full is the owner's, and so is who has waited in vain") {
  const SteadyClock clock;
  Queueing queueing(1, 1, {.timeouts = {.connect_ms = 1000, .search = {.budget_ms = 20}}});
  queueing.turns.crew.LimitPool(0, 1, 1, 60);
  queueing.ComeOneByOne("ab");
  CHECK_EQUAL(queueing.Served(), "a");
  CHECK_EQUAL(queueing.waiting(), 1U);
  queueing.Come('c');
  CHECK(queueing.Asked() == Reasons{3});
  CHECK_EQUAL(queueing.waiting(), 1U);
  // The wait is no part of its search, which is not over.
  Reasons reasons;
  while (reasons.empty()) reasons = queueing.Asked();
  while (reasons.size() < 2 && reasons.back() == 1) {
    for (const std::int32_t reason : queueing.Asked()) reasons.push_back(reason);
  }
  CHECK_EQUAL(reasons.back(), 4);
  CHECK_EQUAL(queueing.waiting(), 0U);
  const QueueFigures figures = queueing.figures();
  CHECK_EQUAL(figures.refused, 1U);
  CHECK_EQUAL(figures.timed_out, 1U);
  CHECK_EQUAL(figures.served, 0U);
}

TEST("waiting: where it is off, nobody waits") {
  Queueing queueing(1);
  queueing.turns.crew.LimitPool(0, 1, 0, 0);
  queueing.ComeOneByOne("ab");
  CHECK(queueing.Asked() == Reasons{2});
  CHECK_EQUAL(queueing.waiting(), 0U);
}

TEST("waiting: nobody waits where no backend is up") {
  Queueing queueing(2);
  queueing.turns.crew.LimitPool(0, 1, 10, 0);
  queueing.ComeOneByOne("ab");
  CHECK_EQUAL(queueing.Served(), "a");
  CHECK_EQUAL(queueing.waiting(), 1U);
  for (std::uint16_t row = 0; row < 2; ++row) {
    queueing.turns.crew.table.Row(row).SetState(row == 0 ? BackendState::kDown
                                                         : BackendState::kDrain);
    queueing.turns.crew.TellQueue(0);
  }
  // Who waits is told so.
  CHECK(queueing.Asked() == Reasons{2});
  queueing.Come('c');
  CHECK(queueing.Asked() == Reasons{2});
  CHECK_EQUAL(queueing.waiting(), 0U);
}

TEST("waiting: who has failed elsewhere waits for those that are full") {
  Queueing queueing(1);
  const Refusing refusing;
  queueing.turns.SetBackend(1, {refusing.address});
  queueing.turns.SetPool(0, InTurn({0, 1}));
  queueing.turns.crew.table.Row(0).Limit(1);
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  queueing.ComeOneByOne("abc");
  CHECK_EQUAL(queueing.Served(), "a");
  CHECK_EQUAL(queueing.waiting(), 2U);
  queueing.Leave('a');
  CHECK_EQUAL(queueing.Served(), "b");
  CHECK(queueing.Asked().empty());
}

// ── Who leaves ──

TEST("waiting: who leaves while it waits gives its place up at once") {
  Queueing queueing(1, 2);
  queueing.turns.crew.LimitPool(0, 1, 3, 0);
  queueing.ComeOneByOne("abcd");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.ResetClient('b');
  queueing.ResetClient('c');
  queueing.Run();
  CHECK_EQUAL(queueing.waiting(), 1U);
  CHECK_EQUAL(queueing.figures().left, 2U);
  queueing.Come('e');
  queueing.Leave('a');
  CHECK_EQUAL(queueing.Served(), "d");
}

TEST("waiting: a turn is not lost with who had it") {
  Queueing queueing(1, 2);
  queueing.turns.crew.LimitPool(0, 1, 3, 0);
  queueing.ComeOneByOne("abc");
  CHECK_EQUAL(queueing.Served(), "a");
  // Both are met in the same turn of its loop.
  queueing.ResetClient('b');
  queueing.Leave('a');
  CHECK_EQUAL(queueing.Served(), "c");
  CHECK_EQUAL(queueing.waiting(), 0U);
}

TEST("waiting: it ends for a client that has left without a word") {
  const SteadyClock clock;
  Queueing queueing(1, 1, {.timeouts = {.search = {.abort_on_close = true}}});
  queueing.turns.crew.LimitPool(0, 1, 3, 0);
  queueing.Come('a');
  CHECK_EQUAL(queueing.Served(), "a");
  const UniqueFd silent = ConnectTo(queueing.listener_address);
  queueing.Run();
  CHECK_EQUAL(queueing.waiting(), 1U);
  shutdown(silent.get(), SHUT_WR);
  while (queueing.waiting() > 0) queueing.Run();
  CHECK_EQUAL(queueing.figures().left, 1U);
}

TEST("waiting: a sweep ends those of a listener who wait") {
  Queueing queueing(1, 2);
  queueing.turns.crew.LimitPool(0, 1, 5, 0);
  queueing.ComeOneByOne("abcd");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.turns.crew.EndSessions({.listener = 0});
  queueing.Run();
  CHECK_EQUAL(queueing.waiting(), 0U);
  CHECK_EQUAL(queueing.in_use(), 0U);
  CHECK_EQUAL(queueing.figures().left, 0U);
}

// ── Changes ──

TEST("waiting: who waits looks at once when there may be room") {
  Queueing queueing(2);
  BackendTable& table = queueing.turns.crew.table;
  table.Row(0).Limit(1);
  table.Row(1).SetState(BackendState::kDown);
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  queueing.ComeOneByOne("abcdefg");
  CHECK_EQUAL(queueing.Served(), "a");
  // It may have more.
  table.Row(0).Limit(2);
  queueing.turns.crew.TellQueue(0);
  CHECK_EQUAL(queueing.Served(), "b");
  // Another one is up again.
  table.Row(1).Limit(1);
  table.Row(1).SetState(BackendState::kUp);
  queueing.turns.crew.TellQueue(0);
  CHECK_EQUAL(queueing.Served(), "c");
  // Of its pool the limit is another one.
  table.Row(1).Limit(0);
  queueing.turns.crew.LimitPool(0, 4, 10, 0);
  CHECK_EQUAL(queueing.Served(), "d");
  // There is another backend.
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  CHECK_EQUAL(queueing.Served(), "efg");
}

TEST("waiting: who waits gets a backend that is added") {
  Queueing queueing(1);
  const Listener added = ListenTcp();
  queueing.turns.crew.table.Row(0).Limit(1);
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  queueing.ComeOneByOne("ab");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.turns.SetBackend(1, {added.address});
  queueing.turns.SetPool(0, InTurn({0, 1}));
  queueing.Run();
  CHECK(ClientWaits(added, 0));
  CHECK_EQUAL(queueing.waiting(), 0U);
}

TEST("waiting: those who wait go on to where it is made shorter, and have the new time-out") {
  const SteadyClock clock;
  Queueing queueing(1);
  queueing.turns.crew.LimitPool(0, 1, 10, 0);
  queueing.ComeOneByOne("abc");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.turns.crew.LimitPool(0, 1, 0, 0);
  queueing.Run();
  CHECK_EQUAL(queueing.waiting(), 2U);
  // Nobody waits behind them any more: there is no room.
  queueing.Come('d');
  CHECK(queueing.Asked() == Reasons{2});
  queueing.Leave('a');
  CHECK_EQUAL(queueing.Served(), "b");
  queueing.turns.crew.LimitPool(0, 1, 0, 1);
  Reasons reasons;
  while (reasons.empty()) reasons = queueing.Asked();
  CHECK(reasons == Reasons{4});
}

TEST("waiting: a pool that is gone has its clients asked about, and all of them") {
  Queueing queueing(1, 2);
  queueing.turns.crew.LimitPool(0, 1, 10, 0);
  queueing.ComeOneByOne("abcd");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.turns.crew.table.RemovePool(0);
  queueing.turns.crew.Publish();
  CHECK_EQUAL(queueing.Asked().size(), 3U);
  CHECK_EQUAL(queueing.waiting(), 0U);
}

TEST("waiting: clients of a listener that gets another pool go there") {
  Queueing queueing(1, 2);
  const Listener other = ListenTcp();
  queueing.turns.crew.table.SetAddresses(3, {other.address}, AddressOrder::kAsGiven, 1);
  queueing.turns.SetPool(1, InTurn({3}));
  queueing.turns.crew.LimitPool(0, 1, 10, 0);
  queueing.ComeOneByOne("abcd");
  CHECK_EQUAL(queueing.Served(), "a");
  queueing.turns.crew.table.SetListener(0, {.pool = 1});
  queueing.turns.crew.Publish();
  queueing.Run();
  CHECK_EQUAL(queueing.waiting(), 0U);
  CHECK_EQUAL(queueing.turns.crew.table.Row(3).in_use(), 3U);
}

TEST("waiting: a backend that has failed lately is tried again in a moment for who waits") {
  const SteadyClock clock;
  Queueing queueing(1);
  const Listener back = ListenTcp();
  queueing.turns.SetBackend(1, {back.address});
  queueing.turns.crew.table.Row(0).Limit(1);
  queueing.turns.crew.LimitPool(0, 0, 10, 0);
  queueing.ComeOneByOne("ab");
  CHECK_EQUAL(queueing.Served(), "a");
  CHECK_EQUAL(queueing.waiting(), 1U);
  queueing.turns.crew.table.Row(1).NoteNoPort();
  queueing.turns.SetPool(0, InTurn({0, 1}));
  while (!ClientWaits(back, 0)) queueing.Run();
  CHECK_EQUAL(queueing.waiting(), 0U);
}

// ── Whose owner picks ──

TEST("waiting: who is picked for waits as well, and its owner picks again in its turn") {
  Queueing queueing(1, 1, {.picks = Picks::kByOwner});
  queueing.turns.crew.LimitPool(0, 1, 2, 0);
  std::map<char, SessionName> names;
  for (const char name : {'a', 'b', 'c', 'd'}) {
    queueing.Come(name);
    CHECK(queueing.Asked() == Reasons{0});
    names[name] = queueing.asked;
  }
  queueing.Post(ConnectCommand{.session = names['a'], .backend = 0});
  CHECK_EQUAL(queueing.Served(), "a");
  for (const char name : {'b', 'c'}) queueing.Post(QueueCommand{.session = names[name], .pool = 0});
  CHECK(queueing.Asked().empty());
  CHECK_EQUAL(queueing.waiting(), 2U);
  queueing.Post(QueueCommand{.session = names['d'], .pool = 0});
  CHECK(queueing.Asked() == Reasons{3});
  // It has its turn, finds no place after all, and is the first again.
  queueing.Leave('a');
  CHECK(queueing.Asked() == Reasons{5});
  CHECK(queueing.asked.slot == names['b'].slot);
  queueing.Post(ConnectCommand{.session = names['d'], .backend = 0});
  CHECK_EQUAL(queueing.Served(), "d");
  queueing.Post(ConnectCommand{.session = names['b'], .backend = 0});
  CHECK(queueing.Asked() == Reasons{2});
  queueing.Post(QueueCommand{.session = names['b'], .pool = 0});
  CHECK_EQUAL(queueing.waiting(), 2U);
  queueing.Leave('d');
  CHECK(queueing.Asked() == Reasons{5});
  CHECK(queueing.asked.slot == names['b'].slot);
  queueing.Post(ConnectCommand{.session = names['b'], .backend = 0});
  CHECK_EQUAL(queueing.Served(), "b");
  CHECK(queueing.Asked().empty());
  queueing.Leave('b');
  CHECK(queueing.Asked() == Reasons{5});
  CHECK(queueing.asked.slot == names['c'].slot);
}

TEST("waiting: whose turn it is and who is ended lets the next one look") {
  Queueing queueing(1, 1, {.picks = Picks::kByOwner});
  queueing.turns.crew.LimitPool(0, 1, 4, 0);
  std::map<char, SessionName> names;
  for (const char name : {'a', 'b', 'c'}) {
    queueing.Come(name);
    CHECK(queueing.Asked() == Reasons{0});
    names[name] = queueing.asked;
  }
  queueing.Post(ConnectCommand{.session = names['a'], .backend = 0});
  CHECK_EQUAL(queueing.Served(), "a");
  for (const char name : {'b', 'c'}) queueing.Post(QueueCommand{.session = names[name], .pool = 0});
  queueing.Leave('a');
  CHECK(queueing.Asked() == Reasons{5});
  queueing.Post(EndCommand{.session = names['b'], .ending = Ending::kReset});
  CHECK(queueing.Asked() == Reasons{5});
  CHECK(queueing.asked.slot == names['c'].slot);
}

// ── On threads of their own ──

TEST("waiting: on several loops all are served, one after the other, and never too many at once") {
  constexpr std::uint32_t kMost = 3;
  constexpr std::size_t kClients = 60;
  const Listener backend = ListenTcp();
  EngineHarness engine(3);
  const SocketAddress address = engine.ListenFor(backend);
  engine->LimitPool(0, kMost, kClients, 0);
  std::vector<UniqueFd> clients;
  while (clients.size() < kClients) clients.push_back(ConnectTo(address));
  // Who comes when some have left already may find a place at once.
  AwaitThat([&] { return engine->Queued(0) + kMost == kClients; }, "those who wait");
  std::vector<UniqueFd> served;
  for (std::size_t met = 0; met < kClients; ++met) {
    served.push_back(AwaitClient(backend));
    CHECK(served.size() <= kMost);
    // Some leave one by one, and some together.
    if (met % 7 < 4 || served.size() == kMost || met + 1 == kClients) {
      for (UniqueFd& fd : served) ResetPeer(fd);
      served.clear();
    }
  }
  AwaitThat([&] { return engine->QueueFiguresOf(0).served + kMost == kClients; }, "their figures");
  CHECK_EQUAL(engine->Queued(0), 0U);
  engine->Drain();
  engine.WaitFor(Kind::kDrained, 1);
}

// ── Who has the turn ──

QueueWaiter Waiter(std::uint32_t slot) { return {.session = {.slot = slot, .generation = 0}}; }

using Tickets = std::vector<std::uint64_t>;

Tickets TicketsOf(const QueueTurns& turns) {
  Tickets tickets;
  for (const QueueTurn& turn : turns) tickets.push_back(turn.ticket);
  return tickets;
}

/// So many wait: tickets from 1 on.
void Fill(PoolQueue& queue, std::uint32_t count) {
  for (std::uint32_t slot = 1; slot <= count; ++slot) {
    CHECK_EQUAL(queue.Join(Waiter(slot), count).value_or(0), slot);
  }
}

TEST("waiting: one looks for one place, and what comes free meanwhile is looked for afterwards") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 3);
  CHECK(!queue.Join(Waiter(4), 3));
  CHECK_EQUAL(row.waiting(), 3U);
  CHECK(TicketsOf(queue.Tell()) == Tickets{1});
  CHECK(TicketsOf(queue.Tell()).empty());
  CHECK(TicketsOf(queue.Tell()).empty());
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)).empty());
  CHECK(TicketsOf(queue.Tell()) == Tickets{1});
  CHECK(TicketsOf(queue.Leave(1, PoolQueue::Why::kServed)) == Tickets{2});
  // It cannot use the place that there is.
  CHECK(TicketsOf(queue.EndTurn(2, 1)) == Tickets{3});
  CHECK(TicketsOf(queue.EndTurn(3, 1)).empty());
  CHECK(!queue.HasTurn(3));
  queue.JoinAgain(Waiter(1), 1);
  CHECK(TicketsOf(queue.Tell()) == Tickets{1});
  CHECK_EQUAL(row.waiting(), 3U);
}

TEST("waiting: as many look at one time as there are places") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 9);
  CHECK(TicketsOf(queue.Tell(1)) == Tickets{1});
  CHECK(TicketsOf(queue.Tell(2)) == Tickets{2});
  CHECK(TicketsOf(queue.Tell(2)).empty());
  CHECK((TicketsOf(queue.Leave(1, PoolQueue::Why::kServed, 3)) == Tickets{3, 4}));
  CHECK(TicketsOf(queue.Leave(2, PoolQueue::Why::kServed, 2)).empty());
  CHECK_EQUAL(queue.lookers(), 2U);
  // However many places there are, a look sends two messages at most.
  CHECK((TicketsOf(queue.Tell(1000)) == Tickets{5, 6}));
  CHECK_EQUAL(row.waiting(), 7U);
}

TEST("waiting: who has found no place comes before those behind it, whoever is served meanwhile") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 4);
  CHECK((TicketsOf(queue.Tell(2)) == Tickets{1, 2}));
  CHECK(TicketsOf(queue.EndTurn(1, 0)).empty());
  CHECK(TicketsOf(queue.Leave(2, PoolQueue::Why::kServed)) == Tickets{1});
}

TEST("waiting: where all are to look, all do") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 3);
  CHECK(TicketsOf(queue.Tell()) == Tickets{1});
  CHECK(TicketsOf(queue.TellAll()).empty());
  CHECK(TicketsOf(queue.Tell()).empty());
  // Room has been made since, and it is the first one's.
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{2});
  CHECK(TicketsOf(queue.EndTurn(2, 0)) == Tickets{3});
  CHECK(TicketsOf(queue.EndTurn(3, 0)).empty());
}

TEST("waiting: a place that comes free while all look is the first one's") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 3);
  CHECK(TicketsOf(queue.TellAll()) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{2});
  CHECK(TicketsOf(queue.Tell()).empty());
  CHECK(TicketsOf(queue.EndTurn(2, 0)) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{2});
  CHECK(TicketsOf(queue.EndTurn(2, 0)) == Tickets{3});
  CHECK(TicketsOf(queue.EndTurn(3, 0)).empty());
}

TEST("waiting: who looks while all are told to looks once more") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 2);
  CHECK((TicketsOf(queue.Tell(2)) == Tickets{1, 2}));
  CHECK(TicketsOf(queue.TellAll()).empty());
  CHECK(TicketsOf(queue.EndTurn(2, 0)).empty());
  // The first one in any case, as there may be room; and then each.
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{1});
  CHECK(TicketsOf(queue.EndTurn(1, 0)) == Tickets{2});
  CHECK(TicketsOf(queue.EndTurn(2, 0)).empty());
}

TEST("waiting: those who are told to look do so once more, whatever else happens meanwhile") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 3);
  CHECK((TicketsOf(queue.Tell(2)) == Tickets{1, 2}));
  CHECK(TicketsOf(queue.Tell(3)) == Tickets{3});
  CHECK(TicketsOf(queue.TellAll()).empty());
  CHECK(TicketsOf(queue.Tell(4)).empty());
  Tickets looks;
  for (const std::uint64_t ticket : {3, 2, 1}) {
    for (const std::uint64_t turn : TicketsOf(queue.EndTurn(ticket, 0))) looks.push_back(turn);
  }
  for (std::size_t at = 0; at < looks.size() && at < 9; ++at) {
    for (const std::uint64_t turn : TicketsOf(queue.EndTurn(looks[at], 0))) looks.push_back(turn);
  }
  for (const std::uint64_t ticket : {1, 2, 3}) {
    CHECK(std::find(looks.begin(), looks.end(), ticket) != looks.end());
  }
}

TEST("waiting: who passes its turn on does not pass over one whose look was too early") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 4);
  CHECK(TicketsOf(queue.Tell(1)) == Tickets{1});
  CHECK((TicketsOf(queue.Tell(3)) == Tickets{2, 3}));
  CHECK(TicketsOf(queue.EndTurn(1, 0)).empty());
  CHECK(TicketsOf(queue.EndTurn(3, 1)).empty());
  CHECK(TicketsOf(queue.Leave(2, PoolQueue::Why::kServed)) == Tickets{1});
}

TEST("waiting: one at a time looks where somebody cannot use a place that is free") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 9);
  CHECK((TicketsOf(queue.Tell(64)) == Tickets{1, 2}));
  CHECK(TicketsOf(queue.EndTurn(1, 64)).empty());
  CHECK(TicketsOf(queue.EndTurn(2, 64)) == Tickets{3});
  CHECK(TicketsOf(queue.Tell(64)).empty());
  CHECK((TicketsOf(queue.Leave(3, PoolQueue::Why::kServed, 64)) == Tickets{1, 2}));
  CHECK(!queue.IsFirst(1));
  CHECK(queue.IsFirst(4));
}

TEST("waiting: who is behind many that cannot use a place gets it with one of the next looks") {
  PoolRow row;
  PoolQueue queue(row, 0);
  Fill(queue, 200);
  for (int look = 0; look < 4; ++look) {
    for (Tickets turn = TicketsOf(queue.Tell()); !turn.empty();
         turn = TicketsOf(queue.EndTurn(turn[0], 1))) {
      if (turn[0] == 200) return;
    }
  }
  CHECK(!"the last one had its turn");
}

}  // namespace
}  // namespace spliceway::testing
