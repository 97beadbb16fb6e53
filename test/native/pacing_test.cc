// Connections within the machine are sent without pacing, whatever the machine's default is.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <string>
#include <utility>

#include "engine_harness.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

std::string CongestionControlOf(int socket) {
  std::array<char, 16> name{};  // TCP_CA_NAME_MAX
  socklen_t length = name.size();
  if (getsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return "";
  return name.data();
}

std::string DefaultCongestionControl() {
  std::string name;
  std::ifstream("/proc/sys/net/ipv4/tcp_congestion_control") >> name;
  return name;
}

/// What the session uses towards its backend, whose end of the connection is `backend`.
std::string CongestionControlTowards(const UniqueFd& backend) {
  const std::uint16_t port = sys::PeerAddress(backend.get()).port();
  for (int fd = 3; fd < 1024; ++fd) {
    const SocketAddress local = sys::LocalAddress(fd);
    if (local.port() == port && !local.is_loopback()) Fail(__FILE__, __LINE__, "not on loopback");
    if (local.port() == port) return CongestionControlOf(fd);
  }
  Fail(__FILE__, __LINE__, "the session's socket was not found");
  return "";
}

std::string CongestionControlOfSession(bool paces_by_default) {
  Harness harness({.paces_by_default = paces_by_default});
  const Listener listener = ListenTcp();
  Pair client = TcpPair();
  Connect(harness.Start(std::move(client.near)), {listener.address});
  harness.RunUntil([&] { return harness.opened == 1; }, "the connection");
  return CongestionControlTowards(Accept(listener));
}

TEST("pacing: a connection to a backend on this machine is not paced") {
  CHECK_EQUAL(CongestionControlOfSession(true), "reno");
}

TEST("pacing: nothing is asked of the kernel where it does not pace") {
  CHECK_EQUAL(CongestionControlOfSession(false), DefaultCongestionControl());
}

TEST("pacing: only BBR paces of itself") {
  const bool is_bbr = DefaultCongestionControl().starts_with("bbr");
  CHECK_EQUAL(sys::PacesByDefault(), is_bbr);
}

/// A listening socket that a test shares with the loop, which sets the options of the socket and
/// not of its descriptor.
UniqueFd ListenOn(const char* ip) {
  UniqueFd listening(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const SocketAddress any_port = *SocketAddress::FromIp(ip, 0);
  const auto* address = reinterpret_cast<const sockaddr*>(&any_port.storage);
  CHECK_EQUAL(bind(listening.get(), address, any_port.length), 0);
  CHECK_EQUAL(listen(listening.get(), 8), 0);
  return listening;
}

std::string CongestionControlOfUnpaced() {
  return sys::PacesByDefault() ? "reno" : DefaultCongestionControl();
}

TEST("pacing: clients of a loopback address are not paced, those of others as the machine wants") {
  const Listener backend = ListenTcp();
  for (const bool everywhere : {false, true}) {
    const UniqueFd listening = ListenOn(everywhere ? "0.0.0.0" : "127.0.0.1");
    const std::uint16_t port = LocalPort(listening);
    EngineHarness engine(1);
    engine->Observe(false);
    engine->SetBackend(0, {backend.address});
    engine->SetCycle({0});
    engine->Listen(sys::Duplicate(listening.get()).fd, {});
    // The order to listen was carried out when a client is served.
    const UniqueFd client = ConnectTo(*SocketAddress::FromIp("127.0.0.1", port));
    AwaitClient(backend);
    CHECK_EQUAL(CongestionControlOf(listening.get()),
                everywhere ? DefaultCongestionControl() : CongestionControlOfUnpaced());
  }
}

TEST("pacing: a loop that takes a listener opens no descriptor of its own to ask about pacing") {
  const std::string unpaced = CongestionControlOfUnpaced();
  const UniqueFd listening = ListenOn("127.0.0.1");
  UniqueFd shared = sys::Duplicate(listening.get()).fd;
  EngineHarness engine(1);
  const DescriptorLimitScope none_to_spare(3);
  engine->Listen(std::move(shared), {});
  AwaitThat([&] { return CongestionControlOf(listening.get()) == unpaced; }, "the switch");
}

TEST("pacing: addresses of loopback are told from all others") {
  const auto is_loopback = [](const char* ip) {
    return SocketAddress::FromIp(ip, 80)->is_loopback();
  };
  for (const char* ip : {"127.0.0.1", "127.255.255.254", "::1", "::ffff:127.3.2.1"}) {
    CHECK(is_loopback(ip));
  }
  for (const char* ip : {"126.255.255.255", "128.0.0.1", "0.0.0.0", "10.127.0.1", "::", "::2",
                         "::ffff:10.0.0.127", "7f00::1", "fe80::7f00:1"}) {
    CHECK(!is_loopback(ip));
  }
  CHECK(!SocketAddress::FromPath("/tmp/127.0.0.1")->is_loopback());
  CHECK(!SocketAddress().is_loopback());
}

}  // namespace
}  // namespace spliceway::testing
