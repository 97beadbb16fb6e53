// How an owner sees the live sessions of all loops, and ends some by their names.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "check.h"
#include "engine/session_list.h"
#include "engine_harness.h"
#include "plans.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

/// A list, and the records of those that live.
struct Listing {
  explicit Listing(Engine& engine, const ListOptions& options = {})
      : list(engine.ListSessions(options)) {
    AwaitThat([&] { return list->is_complete(); }, "the list");
    for (const SessionRecord& record : list->records()) {
      if (record.is_taken.load() != 0) records.push_back(&record);
    }
  }
  std::shared_ptr<SessionList> list;
  std::vector<const SessionRecord*> records;
};

std::size_t CountListed(Engine& engine) { return Listing(engine).records.size(); }

std::int32_t Number(SessionPhase phase) { return static_cast<std::int32_t>(phase); }

TEST("list: every session is there once, with its client, its backend and its bytes") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  // Nobody is told of any.
  engine->Attend(Attention::kNone);
  const SocketAddress address = engine.Listen();
  CHECK_EQUAL(CountListed(*engine), 0U);
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> backends;
  std::set<std::int32_t> ports;
  for (int round = 0; round < 40; ++round) {
    clients.push_back(ConnectTo(address));
    backends.push_back(AwaitClient(backend));
    ports.insert(LocalPort(clients.back()));
    WriteSome(clients.back().get(), "question");
    Await(backends.back(), 8);
    WriteSome(backends.back().get(), "yes");
    Await(clients.back(), 3);
  }
  const Listing listing(*engine);
  CHECK_EQUAL(listing.records.size(), clients.size());
  for (const SessionRecord* record : listing.records) {
    CHECK_EQUAL(ports.erase(record->client.port), 1U);
    CHECK_EQUAL(record->listener, 0);
    CHECK_EQUAL(record->backend, 0);
    CHECK_EQUAL(record->pool, -1);
    CHECK_EQUAL(record->phase, Number(SessionPhase::kData));
    CHECK_EQUAL(record->backend_address.port, std::int32_t{backend.address.port()});
    CHECK_EQUAL(record->bytes_upstream, 8U);
    CHECK_EQUAL(record->bytes_downstream, 3U);
    CHECK(record->age_ms >= record->quiet_ms);
  }
  CHECK(engine.events.empty());
}

TEST("list: a sample has some of each loop, never more, and not always the same") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  engine->Attend(Attention::kNone);
  const SocketAddress address = engine.Listen();
  CHECK_EQUAL(Listing(*engine, {.most = 3}).records.size(), 0U);
  std::vector<UniqueFd> clients;
  while (clients.size() < 40) clients.push_back(ConnectTo(address));
  AwaitThat([&] { return CountListed(*engine) == clients.size(); }, "all sessions");
  std::set<std::int32_t> ports;
  for (int round = 0; round < 20; ++round) {
    const Listing sample(*engine, {.most = 3});
    // One loop may have all of them.
    CHECK(sample.records.size() >= 3 && sample.records.size() <= 6);
    for (const SessionRecord* record : sample.records) {
      ports.insert(record->client.port);
      CHECK_EQUAL(record->client_figures.round_trip_us, 0U);
    }
  }
  CHECK(ports.size() > 6);
  CHECK_EQUAL(Listing(*engine, {.most = 1000}).records.size(), clients.size());
}

TEST("list: a sample of many slots looks at some of them, each once, far from each other") {
  for (const std::size_t slots : {1U, 2U, 3U, 100U, 4096U, 99'991U}) {
    const SessionList list(slots, 1, {.most = 64}, slots - 1);
    CHECK_EQUAL(list.looks(), std::min<std::size_t>(slots, 64 * 64));
    std::set<std::uint32_t> looked;
    for (std::size_t look = 0; look < list.looks(); ++look) {
      CHECK(list.SlotAfter(look) < slots);
      looked.insert(list.SlotAfter(look));
    }
    CHECK_EQUAL(looked.size(), list.looks());
    CHECK_EQUAL(list.SlotAfter(0), slots - 1);
  }
}

TEST("list: what the kernel has measured of both connections is told where it is asked for") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 1, .backends = 1});
  const UniqueFd client = ConnectTo(engine.ListenFor(backend));
  const UniqueFd served = AwaitClient(backend);
  WriteSome(client.get(), "question");
  CHECK_EQUAL(Await(served, 8), "question");
  const Listing plain(*engine);
  CHECK_EQUAL(plain.records.at(0)->client_figures.round_trip_us, 0U);
  CHECK_EQUAL(plain.records.at(0)->backend_figures.sent, 0U);
  const Listing listing(*engine, {.figures = true});
  const SessionRecord& record = *listing.records.at(0);
  CHECK(record.client_figures.round_trip_us > 0);
  CHECK(record.backend_figures.round_trip_us > 0);
  CHECK_EQUAL(record.client_figures.sent, 0U);
  CHECK(record.backend_figures.sent > record.backend_figures.retransmitted);
}

TEST("list: one that waits for its owner, one on its way, and one whose client has ended") {
  const Listener silent = ListenTcp(0);
  std::vector<UniqueFd> queue;
  for (int index = 0; index < 4; ++index) {
    queue.push_back(std::move(sys::OpenSocket(AF_INET).fd));
    sys::Connect(queue.back().get(), silent.address);
  }
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 1, .listeners = 3, .backends = 2});
  engine->SetBackend(0, {backend.address});
  engine->SetBackend(1, {silent.address});
  engine->SetPool(0, InTurn({0}));
  engine->SetPool(1, InTurn({1}));
  const UniqueFd held = ConnectTo(engine.Listen({.picks = Picks::kByOwner}, 0));
  engine.WaitFor(SessionEvent::Kind::kNeedBackend, 1);
  const UniqueFd under_way = ConnectTo(engine.Listen({.pool = 1}, 1));
  const UniqueFd ended = ConnectTo(engine.Listen({.pool = 0}, 2));
  const UniqueFd served = AwaitClient(backend);
  ::shutdown(ended.get(), SHUT_WR);
  CHECK_EQUAL(AwaitEnd(served), 0);
  AwaitThat([&] { return CountListed(*engine) == 3; }, "three sessions");
  const Listing listing(*engine);
  for (const SessionRecord* record : listing.records) {
    constexpr std::array<SessionPhase, 3> kPhases = {SessionPhase::kRoute, SessionPhase::kConnect,
                                                     SessionPhase::kHalfClosed};
    constexpr std::array<std::int32_t, 3> kBackends = {-1, 1, 0};
    const auto listener = static_cast<std::size_t>(record->listener);
    CHECK_EQUAL(record->phase, Number(kPhases.at(listener)));
    CHECK_EQUAL(record->backend, kBackends.at(listener));
    CHECK_EQUAL(record->backend_address.port == SessionRecord::Address::kNone, listener == 0);
  }
}

TEST("list: one that is ended by its name ends, and no other that has the slot later") {
  const Listener backend = ListenTcp();
  EngineHarness engine({.threads = 2, .listeners = 1, .backends = 1});
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  engine->Attend(Attention::kNone);
  const SocketAddress address = engine.Listen();
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> backends;
  const auto serve = [&] {
    clients.push_back(ConnectTo(address));
    backends.push_back(AwaitClient(backend));
  };
  for (int round = 0; round < 3; ++round) serve();
  const auto name_of = [&](const UniqueFd& client) {
    const std::shared_ptr<SessionList> list = engine->ListSessions();
    AwaitThat([&] { return list->is_complete(); }, "the list");
    SessionName name{.slot = kNoSlot, .generation = 0};
    for (std::uint32_t slot = 0; slot < list->slots(); ++slot) {
      const SessionRecord& record = list->records()[slot];
      const bool is_meant = record.client.port == std::int32_t{LocalPort(client)};
      if (record.is_taken.load() != 0 && is_meant) {
        name = {.slot = slot, .generation = record.generation};
      }
    }
    return name;
  };
  const SessionName name = name_of(clients[1]);
  CHECK(engine->End({.session = name, .ending = Ending::kReset}));
  CHECK_EQUAL(AwaitEnd(clients[1]), -ECONNRESET);
  CHECK_EQUAL(AwaitEnd(backends[1]), -ECONNRESET);
  AwaitThat([&] { return CountListed(*engine) == 2; }, "the slot");
  for (int round = 0; round < 40; ++round) serve();
  AwaitThat([&] { return CountListed(*engine) == 42; }, "the others");
  CHECK(!engine->End({.session = name, .ending = Ending::kReset}));
  CHECK_EQUAL(CountListed(*engine), 42U);
}

TEST("list: the slots of a list are looked at once, and of those that wait one after the other") {
  constexpr std::size_t kSlots = 2000;
  SessionLister lister;
  const auto list = std::make_shared<SessionList>(kSlots, 2);
  lister.Join({.list = list});
  lister.Join({.list = std::make_shared<SessionList>(0, 1)});
  std::size_t looks = 0;
  while (lister.has_slot()) {
    CHECK_EQUAL(lister.slot(), static_cast<std::uint32_t>(looks));
    lister.GoOn();
    ++looks;
  }
  CHECK_EQUAL(looks, kSlots);
  lister.Finish();
  // The other loop has yet to look.
  CHECK(!list->is_complete());
  list->LoopIsDone();
  CHECK(list->is_complete());
  CHECK(!lister.is_over());
  CHECK(!lister.has_slot());
  lister.Finish();
  CHECK(lister.is_over());
}

}  // namespace
}  // namespace spliceway::testing
