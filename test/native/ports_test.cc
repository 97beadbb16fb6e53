// Local ports run out: the machine has made as many connections to one address as it has ports.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <thread>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "harness.h"
#include "plans.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

/// While it lives, connects of the loops find no port, as long as there are `left` of such.
class NoPorts {
 public:
  explicit NoPorts(int left) : left_(left) {}

  [[nodiscard]] int refused() const { return refused_; }
  void GiveBack() { left_ = 0; }

 private:
  int OnConnect(int fd) {
    if (std::this_thread::get_id() == self_ || !IsStream(fd) || left_ <= 0) return 0;
    --left_;
    ++refused_;
    return EADDRNOTAVAIL;
  }

  const std::thread::id self_ = std::this_thread::get_id();
  std::atomic<int> left_;
  std::atomic<int> refused_{0};
  const HookScope hooks_{{.connect = [this](int fd) { return OnConnect(fd); }}};
};

/// A loop with backends in rows from 0 on.
struct Balancer {
  explicit Balancer(const std::vector<const Listener*>& backends, std::uint32_t connect_ms = 0)
      : engine({.threads = 1, .listeners = 1, .backends = backends.size()}) {
    engine->Attend(Attention::kNone);
    std::vector<std::uint16_t> rows;
    for (const Listener* backend : backends) {
      rows.push_back(static_cast<std::uint16_t>(rows.size()));
      engine->SetBackend(rows.back(), {backend->address});
    }
    engine->SetPool(0, InTurn(rows));
    address = engine.Listen({.timeouts = {.connect_ms = connect_ms}});
  }
  ~Balancer() { engine.Stop(); }  // Before the hooks go.
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  std::uint64_t failed(std::size_t row) { return counters->Backend(0, row).failed.value(); }

  EngineHarness engine;
  std::shared_ptr<Counters> counters = engine->counters();
  SocketAddress address;
};

TEST("ports: a backend that no port is left for is not blamed, and another one is tried") {
  const Listener first = ListenTcp();
  const Listener second = ListenTcp();
  const NoPorts ports(1);
  Balancer balancer({&first, &second});
  const UniqueFd client = ConnectTo(balancer.address);
  CHECK(AwaitClient(second).valid());
  balancer.engine.WaitFor(Kind::kNoPort, 1);
  const SessionEvent told = balancer.engine.First(Kind::kNoPort);
  CHECK_EQUAL(told.backend, 0);
  CHECK_EQUAL(told.count, 1);
  CHECK_EQUAL(told.slot, -1);
  CHECK_EQUAL(told.port, first.address.port());
  CHECK_EQUAL(balancer.engine.Count(Kind::kAttemptFailed), 0U);
  CHECK_EQUAL(balancer.failed(0), 0U);
}

TEST("ports: a client waits where there is no other backend, and is served when a port is back") {
  const Listener backend = ListenTcp();
  const NoPorts ports(3);
  Balancer balancer({&backend});
  const UniqueFd client = ConnectTo(balancer.address);
  CHECK(AwaitClient(backend).valid());
  CHECK_EQUAL(ports.refused(), 3);
  balancer.engine.TakeEvents();
  CHECK_EQUAL(balancer.engine.Count(Kind::kNeedBackend), 0U);
  CHECK_EQUAL(balancer.engine.Count(Kind::kAttemptFailed), 0U);
  CHECK_EQUAL(balancer.failed(0), 0U);
}

TEST("ports: who waits for one asks the owner when its time is over") {
  const Listener backend = ListenTcp();
  const NoPorts ports(1'000'000);
  Balancer balancer({&backend}, 250);
  const UniqueFd client = ConnectTo(balancer.address);
  balancer.engine.WaitFor(Kind::kNeedBackend, 1);
  CHECK(ports.refused() >= 1 && ports.refused() <= 3);
  CHECK_EQUAL(balancer.failed(0), 0U);
  CHECK_EQUAL(balancer.engine.Count(Kind::kAttemptFailed), 0U);
}

TEST("ports: however many clients wait for one, the kernel is asked every 100 ms") {
  const Listener backend = ListenTcp(128);
  NoPorts ports(1'000'000);
  Balancer balancer({&backend});
  const std::uint64_t start = sys::NowMs();
  std::vector<UniqueFd> clients;
  for (int client = 0; client < 60; ++client) clients.push_back(ConnectTo(balancer.address));
  AwaitThat([&] { return ports.refused() >= 4; }, "some tries");
  CHECK(static_cast<std::uint64_t>(ports.refused()) <= 2 + (sys::NowMs() - start) / 100);
  ports.GiveBack();
  for (std::size_t client = 0; client < clients.size(); ++client) {
    CHECK(AwaitClient(backend).valid());
  }
}

TEST("ports: the other addresses of a backend are tried, and it has not failed when they fail") {
  const Listener lacking = ListenTcp();
  const Refusing down;
  const Listener other = ListenTcp();
  const NoPorts ports(1);
  Balancer balancer({&lacking, &other});
  balancer.engine->SetBackend(0, {lacking.address, down.address});
  const UniqueFd client = ConnectTo(balancer.address);
  CHECK(AwaitClient(other).valid());
  balancer.engine.WaitFor(Kind::kAttemptFailed, 1);
  CHECK_EQUAL(balancer.engine.First(Kind::kAttemptFailed).port, down.address.port());
  CHECK_EQUAL(balancer.failed(0), 0U);
}

TEST("ports: an address that this machine has no address to reach from fails as any other") {
  const Listener listener = ListenTcp();
  Harness harness;
  Pair client = TcpPair();
  const HookScope hooks({.connect = [](int) { return EADDRNOTAVAIL; }});
  Connect(harness.Start(std::move(client.near)), {listener.address});
  CHECK(harness.failed_attempts == std::vector<int>({EADDRNOTAVAIL}));
  CHECK_EQUAL(harness.backend_row().failed.value(), 1U);
}

}  // namespace
}  // namespace spliceway::testing
