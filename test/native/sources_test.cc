// Source addresses: where connections to backends come from.

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "engine_harness.h"
#include "faults.h"
#include "plans.h"
#include "select/backend_table.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using Kind = SessionEvent::Kind;

SocketAddress Ip(const std::string& ip) { return *SocketAddress::FromIp(ip, 0); }

/// One loop, and one backend that sees where its clients come from.
struct Balancer {
  explicit Balancer(const Addresses& sources, const Addresses& more = {}) : engine(1) {
    engine->Attend(Attention::kNone);
    Addresses addresses = {backend.address};
    addresses.insert(addresses.end(), more.begin(), more.end());
    engine->SetBackend(0, addresses);
    engine->SetSources(0, sources);
    engine->SetPool(0, InTurn({0}));
    address = engine.Listen();
  }
  ~Balancer() { engine.Stop(); }  // Before the hooks go.
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Returns when the loop goes by them: what is published holds from its next turn on.
  void SetSources(const Addresses& sources) {
    engine->SetSources(0, sources);
    AwaitThat([this] { return engine->taken_generation() >= engine->generation(); }, "its tables");
  }
  /// Where the backend sees the next client come from.
  std::string NextSource() {
    clients.push_back(ConnectTo(address));
    clients.push_back(AwaitClient(backend));
    return sys::PeerAddress(clients.back().get()).ip_port()->ip_text();
  }

  Listener backend = ListenTcp(128);
  EngineHarness engine;
  SocketAddress address;
  std::vector<UniqueFd> clients;
};

/// While it lives, connects of the loops from one address find no port.
class NoPortsFrom {
 public:
  explicit NoPortsFrom(std::set<std::string> sources) : sources_(std::move(sources)) {}
  [[nodiscard]] int refused() const { return refused_; }

 private:
  int OnConnect(int fd) {
    if (std::this_thread::get_id() == self_ || !IsStream(fd)) return 0;
    const auto from = sys::LocalAddress(fd).ip_port();
    if (!from || !sources_.contains(from->ip_text())) return 0;
    ++refused_;
    return EADDRNOTAVAIL;
  }

  const std::thread::id self_ = std::this_thread::get_id();
  const std::set<std::string> sources_;
  std::atomic<int> refused_{0};
  const HookScope hooks_{{.connect = [this](int fd) { return OnConnect(fd); }}};
};

TEST("sources: connections come from each in turn, those of the backend's family") {
  Balancer balancer({Ip("127.0.0.2"), Ip("::1"), Ip("127.0.0.3")});
  std::vector<std::string> seen;
  for (int client = 0; client < 4; ++client) seen.push_back(balancer.NextSource());
  CHECK(seen == std::vector<std::string>({"127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"}));
}

TEST("sources: where there are none of its family, the kernel picks") {
  Balancer balancer({Ip("::1")});
  CHECK_EQUAL(balancer.NextSource(), "127.0.0.1");
}

TEST("sources: those that are published later hold for the next session, and none does again") {
  Balancer balancer({});
  CHECK_EQUAL(balancer.NextSource(), "127.0.0.1");
  balancer.SetSources({Ip("127.0.0.9")});
  CHECK_EQUAL(balancer.NextSource(), "127.0.0.9");
  balancer.SetSources({});
  CHECK_EQUAL(balancer.NextSource(), "127.0.0.1");
}

TEST("sources: the port is picked when it connects") {
  const UniqueFd socket = std::move(sys::OpenSocket(AF_INET).fd);
  CHECK(sys::Bind(socket.get(), Ip("127.0.0.2")).status == sys::Status::kOk);
  CHECK_EQUAL(sys::LocalAddress(socket.get()).port(), 0);
}

TEST("sources: where one has no port left, the next one is tried for the same address at once") {
  const NoPortsFrom ports({"127.0.0.2"});
  Balancer balancer({Ip("127.0.0.2"), Ip("127.0.0.3")});
  for (int client = 0; client < 20; ++client) CHECK_EQUAL(balancer.NextSource(), "127.0.0.3");
  balancer.engine.TakeEvents();
  CHECK_EQUAL(balancer.engine.Count(Kind::kNoPort), 0U);
  CHECK_EQUAL(balancer.engine.Count(Kind::kAttemptFailed), 0U);
}

TEST("sources: where none has a port left, the backend counts as without one, and has not failed") {
  const NoPortsFrom ports({"127.0.0.2", "127.0.0.3"});
  Balancer balancer({Ip("127.0.0.2"), Ip("127.0.0.3")});
  const UniqueFd client = ConnectTo(balancer.address);
  balancer.engine.WaitFor(Kind::kNoPort, 1);
  CHECK_EQUAL(balancer.engine.First(Kind::kNoPort).port, balancer.backend.address.port());
  CHECK(ports.refused() >= 2);
  CHECK_EQUAL(balancer.engine.Count(Kind::kAttemptFailed), 0U);
  CHECK_EQUAL(balancer.engine->counters()->Backend(0, 0).failed.value(), 0U);
}

TEST("sources: one that this machine does not have is told of, and the next one is used") {
  // TEST-NET-1 (RFC 5737).
  Balancer balancer({Ip("192.0.2.9"), Ip("127.0.0.3")});
  CHECK_EQUAL(balancer.NextSource(), "127.0.0.3");
  balancer.engine.WaitFor(Kind::kNoSource, 1);
  const SessionEvent told = balancer.engine.First(Kind::kNoSource);
  CHECK_EQUAL(told.backend, 0);
  CHECK_EQUAL((IpPort{.ip = told.ip, .port = 0}).ip_text(), "192.0.2.9");
  CHECK_EQUAL(balancer.engine.Count(Kind::kNoPort), 0U);
}

TEST("sources: a turn passes over those without a port, for as long as that is believed") {
  BackendTable table(1);
  SourceTurns& turns = table.TurnsOf(0);
  CHECK_EQUAL(*turns.Next(3, 1000), 0U);
  turns.NoteNoPort(1, 1000, 100);
  CHECK_EQUAL(*turns.Next(3, 1001), 2U);
  CHECK_EQUAL(*turns.Next(3, 1002), 2U);
  CHECK_EQUAL(*turns.Next(3, 1003), 0U);
  turns.NoteNoPort(0, 1050, 100);
  turns.NoteNoPort(2, 1050, 100);
  CHECK(!turns.Next(3, 1099).has_value());
  CHECK(turns.Next(3, 1100).has_value());
}

TEST("sources: backends that are told the same share it") {
  BackendTable table(3);
  table.SetSources(0, {Ip("127.0.0.2")});
  table.SetSources(1, {Ip("127.0.0.2")});
  table.SetSources(2, {Ip("127.0.0.3")});
  table.Publish();
  CHECK(table.published()->SourcesOf(0) == table.published()->SourcesOf(1));
  CHECK(table.published()->SourcesOf(0) != table.published()->SourcesOf(2));
  table.SetSources(2, {Ip("127.0.0.3")});
  CHECK(!table.Publish());
}

}  // namespace
}  // namespace spliceway::testing
