// The engine with its threads, as the addon uses it.

#include "engine/engine.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <semaphore>
#include <string>
#include <vector>

#include "check.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

constexpr int kDeadlineMs = 10'000;

/// Owns an engine and waits for its doorbell as JavaScript's thread does.
class EngineHarness {
 public:
  explicit EngineHarness(std::size_t threads) {
    int error = 0;
    engine_ = Engine::Create(
        {.threads = threads, .listeners = 1, .backends = 1}, [this] { bell_.release(); }, error);
    CHECK(engine_ != nullptr);
  }

  Engine& operator*() { return *engine_; }
  Engine* operator->() { return engine_.get(); }
  void Stop() { engine_.reset(); }

  /// Collects events until `count` of `kind` have come.
  void WaitFor(SessionEvent::Kind kind, std::size_t count) {
    while (Count(kind) < count) {
      if (!bell_.try_acquire_for(std::chrono::milliseconds(kDeadlineMs)))
        return Fail(__FILE__, __LINE__, "no event");
      std::array<SessionEvent, 64> batch;
      std::size_t taken = 0;
      do {
        taken = engine_->TakeEvents(batch);
        events.insert(events.end(), batch.begin(),
                      batch.begin() + static_cast<std::ptrdiff_t>(taken));
      } while (taken == batch.size());
    }
  }

  [[nodiscard]] std::size_t Count(SessionEvent::Kind kind) const {
    std::size_t count = 0;
    for (const SessionEvent& event : events) count += event.kind == kind ? 1 : 0;
    return count;
  }

  std::vector<SessionEvent> events;

 private:
  std::counting_semaphore<> bell_{0};
  std::unique_ptr<Engine> engine_;
};

/// Reads until `wanted` bytes came, the stream ended or the deadline passed.
std::string Await(const UniqueFd& fd, std::size_t wanted) {
  std::string got;
  while (got.size() < wanted) {
    pollfd ready{.fd = fd.get(), .events = POLLIN, .revents = 0};
    if (poll(&ready, 1, kDeadlineMs) <= 0) break;
    if (ReadSome(fd.get(), got) <= 0) break;
  }
  return got;
}

TEST("engine: sessions on several loops relay, count live and end; descriptors come back") {
  const std::size_t before = OpenDescriptors();
  {
    EngineHarness engine(3);
    constexpr std::uint32_t kSessions = 30;
    std::vector<UniqueFd> clients;
    std::vector<UniqueFd> backends;
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      Pair client = TcpPair();
      Pair backend = TcpPair();
      engine->Start({.slot = slot,
                     .client = std::move(client.near),
                     .client_prefix = {},
                     .listener = 0,
                     .timeouts = {}});
      engine->Join({.slot = slot, .backend = std::move(backend.near), .backend_prefix = {}});
      clients.push_back(std::move(client.peer));
      backends.push_back(std::move(backend.peer));
    }
    const std::string text = Pattern(50'000);
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      WriteSome(clients[slot].get(), text);
      CHECK(Await(backends[slot], text.size()) == text);
    }
    engine.WaitFor(SessionEvent::Kind::kOpened, kSessions);
    std::size_t loops_used = 0;
    for (std::size_t loop = 0; loop < 3; ++loop) {
      if (engine->counters()->Listener(loop, 0).opened.value() == kSessions / 3) ++loops_used;
    }
    CHECK_EQUAL(loops_used, 3U);
    for (std::uint32_t slot = 0; slot < kSessions; ++slot) {
      shutdown(clients[slot].get(), SHUT_WR);
      shutdown(backends[slot].get(), SHUT_WR);
    }
    engine.WaitFor(SessionEvent::Kind::kClosed, kSessions);
    for (const SessionEvent& event : engine.events) {
      if (event.kind == SessionEvent::Kind::kClosed) {
        CHECK_EQUAL(event.reason, static_cast<std::int32_t>(CloseReason::kFinished));
      }
    }
    CHECK_EQUAL(engine->counters()->Session(7).bytes_upstream.value(), text.size());
  }
  CHECK_EQUAL(OpenDescriptors(), before);
}

TEST("engine: idle pipes are closed when nobody needs them any more") {
  EngineHarness engine(1);
  const std::size_t before = OpenDescriptors();
  Pair client = TcpPair();
  Pair backend = TcpPair();
  engine->Start({.slot = 0,
                 .client = std::move(client.near),
                 .client_prefix = {},
                 .listener = 0,
                 .timeouts = {}});
  engine->Join({.slot = 0, .backend = std::move(backend.near), .backend_prefix = {}});
  const std::string text = Pattern(50'000);
  WriteSome(client.peer.get(), text);
  CHECK(Await(backend.peer, text.size()) == text);
  const std::uint64_t deadline = sys::NowMs() + kDeadlineMs;
  // Four sockets of the session and the test, nothing else.
  while (OpenDescriptors() != before + 4 && sys::NowMs() < deadline) poll(nullptr, 0, 10);
  CHECK_EQUAL(OpenDescriptors(), before + 4);
}

TEST(
    "engine: stopping it resets what is left, and commands for sessions that are gone do nothing") {
  EngineHarness engine(2);
  Pair client = TcpPair();
  Pair backend = TcpPair();
  engine->Start({.slot = 5,
                 .client = std::move(client.near),
                 .client_prefix = {},
                 .listener = -1,
                 .timeouts = {}});
  engine->Join({.slot = 5, .backend = std::move(backend.near), .backend_prefix = {}});
  engine.WaitFor(SessionEvent::Kind::kOpened, 1);
  engine->End({.slot = 6, .ending = Ending::kReset});
  engine->Connect({.slot = 5, .backend = 0, .is_last = true, .address = ListenTcp().address});
  engine.Stop();
  std::string got;
  pollfd ready{.fd = client.peer.get(), .events = POLLIN, .revents = 0};
  CHECK_EQUAL(poll(&ready, 1, kDeadlineMs), 1);
  CHECK_EQUAL(ReadSome(client.peer.get(), got), -ECONNRESET);
}

TEST("rule 11: a splice into a socket that is gone does not end the process by SIGPIPE") {
  // As in a program that never heard of the signal.
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  {
    EngineHarness engine(1);
    Pair client = TcpPair();
    Pair backend = UnixPair();
    engine->Start({.slot = 0,
                   .client = std::move(client.near),
                   .client_prefix = {},
                   .listener = 0,
                   .timeouts = {}});
    engine->Join({.slot = 0, .backend = std::move(backend.near), .backend_prefix = {}});
    // A Unix peer that reads no more raises the signal at the next write, and no event comes before
    // it. (TCP reports ECONNRESET first, so there it takes a second write after that.)
    shutdown(backend.peer.get(), SHUT_RD);
    WriteSome(client.peer.get(), Pattern(200'000));
    // The write has been tried when the other direction, which comes after it in the same turn, has
    // worked.
    WriteSome(backend.peer.get(), "last words");
    CHECK_EQUAL(Await(client.peer, 10), "last words");
    backend.peer.Reset();
    engine.WaitFor(SessionEvent::Kind::kClosed, 1);
  }
  std::signal(SIGPIPE, before);
}

}  // namespace
}  // namespace spliceway::testing
