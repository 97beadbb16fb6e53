// Accepting stops when slots or descriptors run out, and begins again; and it ends for good.

#include <poll.h>
#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "listen/acceptor.h"
#include "meter.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// The fewest descriptors from which an engine derives the fewest sessions that it makes: 16.
constexpr std::size_t kFewDescriptors = 100;
constexpr std::size_t kFewSessions = 16;

/// An engine that is limited to a few sessions, with a backend.
struct Small {
  explicit Small(std::size_t threads) {
    const DescriptorLimitScope few(kFewDescriptors);
    engine = std::make_unique<EngineHarness>(threads);
    CHECK_EQUAL((*engine)->max_sessions(), kFewSessions);
    (*engine)->Attend(Attention::kNone);
    (*engine)->SetBackend(0, {backend.address});
    (*engine)->SetPool(0, InTurn({0}));
    address = engine->Listen();
  }
  Listener backend = ListenTcp();
  std::unique_ptr<EngineHarness> engine;
  SocketAddress address;
};

/// How often the loops wait during a quarter of a second.
std::uint64_t WaitsMeanwhile() {
  const std::uint64_t before = CallsSoFar()[Call::kEpollWait];
  poll(nullptr, 0, 250);
  return CallsSoFar()[Call::kEpollWait] - before;
}

TEST("shortage: at the limit of sessions accepting pauses without spinning; no client is lost") {
  for (const std::size_t threads : {1U, 2U}) {
    Small small(threads);
    EngineHarness& engine = *small.engine;
    std::vector<UniqueFd> clients;
    for (std::size_t index = 0; index < kFewSessions + 10; ++index) {
      clients.push_back(ConnectTo(small.address));
      WriteSome(clients.back().get(), std::string(1, static_cast<char>('a' + index)));
    }
    std::vector<UniqueFd> served;
    for (std::size_t index = 0; index < kFewSessions; ++index)
      served.push_back(AwaitClient(small.backend));
    engine.WaitFor(Kind::kPaused, 1);
    CHECK_EQUAL(engine.First(Kind::kPaused).error, 0);
    CHECK_EQUAL(engine.First(Kind::kPaused).listener, 0);
    CHECK(!ClientWaits(small.backend, 0));
    CHECK(WaitsMeanwhile() <= 12 * threads);
    CHECK_EQUAL(engine.Count(Kind::kResumed), 0U);
    // Each is answered with what it sent, as slots become free.
    for (std::size_t index = 0; index < clients.size(); ++index) {
      if (index >= kFewSessions) served.push_back(AwaitClient(small.backend));
      const std::string got = Await(served[index], 1);
      WriteSome(served[index].get(), got);
      served[index].Reset();
      CHECK_EQUAL(got.size(), 1U);
      if (got.empty()) return;
      const auto who = static_cast<std::size_t>(got[0] - 'a');
      CHECK_EQUAL(Await(clients[who], 1), got);
      CHECK_EQUAL(AwaitEnd(clients[who]), 0);
      clients[who].Reset();
    }
    engine.WaitFor(Kind::kResumed, 1);
    CHECK_EQUAL(engine.Count(Kind::kPaused) - engine.Count(Kind::kResumed), 0U);
    AwaitThat([&] { return engine.FreeSlots() == kFewSessions; }, "all slots");
  }
}

TEST("shortage: sessions that end make accepting go on at once, before the next retry") {
  Small small(1);
  EngineHarness& engine = *small.engine;
  // Of the fastest round: the machine may be busy in one, but a retry would be late in all of them.
  std::uint64_t took = 1000;
  for (int round = 0; round < 5; ++round) {
    std::vector<UniqueFd> clients;
    std::vector<UniqueFd> served;
    for (std::size_t index = 0; index < kFewSessions; ++index) {
      clients.push_back(ConnectTo(small.address));
      served.push_back(AwaitClient(small.backend));
    }
    const UniqueFd late = ConnectTo(small.address);
    engine.WaitFor(Kind::kPaused, static_cast<std::size_t>(round) + 1);
    const std::uint64_t start = sys::NowMs();
    clients.clear();
    served.clear();
    const UniqueFd backend = AwaitClient(small.backend);
    took = std::min(took, sys::NowMs() - start);
    engine.WaitFor(Kind::kResumed, static_cast<std::size_t>(round) + 1);
  }
  CHECK(took < 60);
}

TEST("shortage: one slot that is free is given to a client, with all others held for ever") {
  const DescriptorLimitScope enough_for_a_margin(300);
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  std::vector<std::uint32_t> held;
  while (const std::optional<SessionName> name = engine->TakeSlot()) held.push_back(name->slot);
  const UniqueFd client = ConnectTo(engine.Listen());
  engine.WaitFor(Kind::kPaused, 1);
  engine->ReleaseSlot(held.back());
  CHECK(AwaitClient(backend).valid());
}

TEST("shortage: a slot that another listener gives back at once is waited for without a pause") {
  /// One slot, which is in other hands the first time.
  struct Owner final : AcceptorOwner {
    std::optional<std::uint32_t> TakeSlot(std::uint16_t /*listener*/, int& /*error*/) override {
      return asked++ == 0 ? std::nullopt : std::optional(0U);
    }
    void GiveSlotBack(std::uint32_t /*slot*/, std::uint16_t /*listener*/) override {}
    void OnAccepted(std::uint32_t /*slot*/, UniqueFd client, const SocketAddress& /*address*/,
                    std::uint16_t /*listener*/, bool /*is_tcp*/) override {
      accepted = std::move(client);
    }
    void OnPaused(std::uint16_t /*listener*/, int /*error*/) override { ++pauses; }
    void OnResumed(std::uint16_t /*listener*/) override {}

    int asked = 0;
    int pauses = 0;
    UniqueFd accepted;
  };
  int error = 0;
  const std::unique_ptr<EventLoop> loop = EventLoop::Create(0, error);
  Owner owner;
  Listener listener = ListenTcp();
  Acceptor acceptor(std::make_shared<ListeningSocket>(std::move(listener.fd), 0, false, 0, 1),
                    *loop, owner);
  const UniqueFd client = ConnectTo(listener.address);
  while (owner.asked < 2) loop->RunOnce();
  CHECK(owner.accepted.valid());
  CHECK_EQUAL(owner.pauses, 0);
}

TEST("shortage: without a descriptor for a client accepting pauses, says why, and tries again") {
  std::atomic<bool> exhausted{true};
  std::atomic<int> refused{0};
  std::atomic<int> listener{-1};
  const HookScope hooks({.accept = [&](int fd) {
    if (fd != listener || !exhausted) return 0;
    ++refused;
    return EMFILE;
  }});
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  Listener socket = ListenTcp();
  listener = socket.fd.get();
  engine.ListenOn(std::move(socket.fd), {});
  std::vector<UniqueFd> clients;
  for (int index = 0; index < 5; ++index) clients.push_back(ConnectTo(socket.address));
  engine.WaitFor(Kind::kPaused, 1);
  CHECK_EQUAL(engine.First(Kind::kPaused).error, EMFILE);
  CHECK(WaitsMeanwhile() <= 12);
  CHECK(refused <= 6);
  const std::uint64_t deadline = sys::NowMs() + kDeadlineMs;
  while (refused < 2 && sys::NowMs() < deadline) poll(nullptr, 0, 10);
  CHECK(refused >= 2);
  exhausted = false;
  for (int index = 0; index < 5; ++index) CHECK(AwaitClient(backend).valid());
  engine.WaitFor(Kind::kResumed, 1);
  // One shortage is one pause, however often it was tried.
  CHECK_EQUAL(engine.Count(Kind::kPaused), 1U);
  CHECK_EQUAL(engine.Count(Kind::kResumed), 1U);
  engine.Stop();
}

TEST("shortage: while a session waits for a descriptor for its backend, no client is taken") {
  const std::thread::id self = std::this_thread::get_id();
  std::atomic<bool> exhausted{true};
  std::atomic<unsigned> asked{0};
  const HookScope hooks({.socket = [&] {
    if (std::this_thread::get_id() == self || !exhausted) return 0;
    ++asked;
    return EMFILE;
  }});
  Small small(2);
  const UniqueFd client = ConnectTo(small.address);
  AwaitThat([&] { return asked >= 2; }, "a second attempt");
  const UniqueFd next = ConnectTo(small.address);
  small.engine->WaitFor(Kind::kPaused, 1);
  CHECK_EQUAL(small.engine->First(Kind::kPaused).error, EMFILE);
  AwaitThat([&] { return small.engine->FreeSlots() == kFewSessions - 1; }, "all slots but one");
  exhausted = false;
  CHECK(AwaitClient(small.backend).valid());
  CHECK(AwaitClient(small.backend).valid());
  small.engine->WaitFor(Kind::kResumed, 1);
  small.engine->Stop();
}

TEST("shortage: the sessions leave descriptors for loops, a listener, all pipes and the program") {
  constexpr std::size_t kLimit = 1024;
  const DescriptorLimitScope limit(kLimit);
  for (const std::size_t threads : {1U, 7U, 64U}) {
    const std::size_t pipes = PipeLimits::ForThisMachine(threads).pipes;
    const std::size_t sessions = Engine::MaxSessions({
        .threads = threads,
    });
    CHECK(2 * sessions + 2 * threads + 1 + 2 * pipes <= kLimit - 64);
    CHECK(sessions > kLimit / 4);
  }
}

TEST("shortage: sessions that end do not cut short the wait for descriptors") {
  std::atomic<bool> exhausted{false};
  std::atomic<unsigned> refused{0};
  const HookScope hooks({.accept = [&](int) {
    if (!exhausted) return 0;
    ++refused;
    return ENFILE;
  }});
  Small small(1);
  std::vector<UniqueFd> clients;
  std::vector<UniqueFd> served;
  for (std::size_t index = 0; index < 10; ++index) {
    clients.push_back(ConnectTo(small.address));
    served.push_back(AwaitClient(small.backend));
  }
  exhausted = true;
  const UniqueFd late = ConnectTo(small.address);
  small.engine->WaitFor(Kind::kPaused, 1);
  const std::uint64_t start = sys::NowMs();
  for (std::size_t free = kFewSessions - 9; free <= kFewSessions; ++free) {
    clients.pop_back();
    served.pop_back();
    AwaitThat([&] { return small.engine->FreeSlots() == free; }, "the slot");
  }
  CHECK(refused <= 2 + (sys::NowMs() - start) / 100);
}

/// Loops of one listener, with two sessions, whose turns are run here.
struct Loops {
  explicit Loops(std::size_t count)
      : crew(2, 1, 1, std::make_shared<Counters>(count, 1, 1, 2), PipeLimits::ForThisMachine(1),
             count, [] {}) {
    for (std::size_t loop = 0; loop < count; ++loop) AddWorker(crew);
    Listener listener = ListenTcp();
    address = listener.address;
    ListenOn(crew, std::move(listener.fd), {.timeouts = {}});
    for (const std::unique_ptr<Worker>& worker : crew.workers) worker->RunTurn();
    int error = 0;
    while (const std::optional<std::uint32_t> slot = crew.TakeSlot(error)) held.push_back(*slot);
  }

  /// A loop has found no slot, twice, for a client who waits.
  void Pause(std::size_t loop) const {
    for (int turn = 0; turn < 2; ++turn) crew.workers[loop]->RunTurn();
  }

  /// What the owner has been told since.
  std::vector<Kind> Told() {
    std::vector<SessionEvent> events(100);
    events.resize(crew.events.Take(events));
    std::vector<Kind> kinds;
    for (const SessionEvent& event : events) kinds.push_back(event.kind);
    return kinds;
  }

  Crew crew;
  SocketAddress address;
  std::vector<std::uint32_t> held;
};

TEST("shortage: only the loop whose listener waits for a slot is woken when some are free") {
  Loops loops(3);
  const UniqueFd client = ConnectTo(loops.address);
  loops.Pause(1);
  const std::uint64_t before = CallsSoFar()[Call::kWrite];
  {
    const MeasuredScope measured;
    for (const std::uint32_t slot : loops.held) loops.crew.GiveSlot(slot);
  }
  CHECK_EQUAL(CallsSoFar()[Call::kWrite] - before, 1U);
}

TEST("shortage: the owner hears of a listener's pause once, however many loops pause") {
  Loops loops(3);
  const UniqueFd client = ConnectTo(loops.address);
  for (const std::size_t loop : {2U, 0U}) loops.Pause(loop);
  CHECK(loops.Told() == (std::vector<Kind>{Kind::kPaused}));
  for (const std::uint32_t slot : loops.held) loops.crew.GiveSlot(slot);
  loops.crew.workers[0]->RunTurn();
  CHECK_EQUAL(loops.crew.slab.in_use(), 1U);
  const std::vector<Kind> told = loops.Told();
  CHECK(std::find(told.begin(), told.end(), Kind::kResumed) == told.end());
  loops.crew.workers[2]->RunTurn();
  CHECK(loops.Told() == (std::vector<Kind>{Kind::kResumed}));
}

TEST(
    "shortage: a listener that epoll refuses at first accepts later, and resumes only what "
    "paused") {
  std::atomic<int> refusals{1};
  std::atomic<int> listener{-1};
  const HookScope hooks({.epoll_ctl = [&](int operation, int fd) {
    return operation == EPOLL_CTL_ADD && fd == listener && refusals-- > 0 ? ENOSPC : 0;
  }});
  const Listener backend = ListenTcp();
  EngineHarness engine(1);
  engine->Attend(Attention::kNone);
  engine->SetBackend(0, {backend.address});
  engine->SetPool(0, InTurn({0}));
  Listener socket = ListenTcp();
  listener = socket.fd.get();
  engine.ListenOn(std::move(socket.fd), {});
  engine.WaitFor(Kind::kPaused, 1);
  const UniqueFd client = ConnectTo(socket.address);
  CHECK(AwaitClient(backend).valid());
  const UniqueFd another = ConnectTo(socket.address);
  CHECK(AwaitClient(backend).valid());
  AwaitThat(
      [&] {
        engine.TakeEvents();
        return engine.Count(Kind::kPaused) == engine.Count(Kind::kResumed);
      },
      "the end of the pause");
  engine.Stop();
}

}  // namespace
}  // namespace spliceway::testing
