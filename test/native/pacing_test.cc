// What goes to loopback addresses is sent without pacing, whatever the machine's default is.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine_harness.h"
#include "harness.h"
#include "listen/acceptor.h"
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

std::string CongestionControlOfSession(bool paces_unless_told) {
  Harness harness({.paces_unless_told = paces_unless_told});
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

TEST("pacing: where BBR is the default, and nowhere else, it is to be switched off") {
  CHECK_EQUAL(sys::PacesUnlessTold(), DefaultCongestionControl() == "bbr");
}

/// A socket that listens on any port of an address.
UniqueFd ListenOn(const char* ip) {
  UniqueFd listening(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const SocketAddress any_port = *SocketAddress::FromIp(ip, 0);
  const auto* address = reinterpret_cast<const sockaddr*>(&any_port.storage);
  CHECK_EQUAL(bind(listening.get(), address, any_port.length), 0);
  CHECK_EQUAL(listen(listening.get(), 8), 0);
  return listening;
}

/// Takes one client.
struct OneClient final : AcceptorOwner {
  std::optional<std::uint32_t> TakeSlot(std::uint16_t /*listener*/, int& /*error*/) override {
    return 0U;
  }
  void GiveSlotBack(std::uint32_t /*slot*/, std::uint16_t /*listener*/) override {}
  void OnAccepted(std::uint32_t /*slot*/, UniqueFd accepted, const SocketAddress& /*address*/,
                  std::uint16_t /*listener*/, bool /*is_tcp*/) override {
    client = std::move(accepted);
  }
  void OnPaused(std::uint16_t /*listener*/, int /*error*/) override {}
  void OnResumed(std::uint16_t /*listener*/) override {}

  UniqueFd client;
};

/// What is used towards a client of this machine who comes to a listener on `ip`.
std::string CongestionControlOfAccepted(const char* ip, bool paces_unless_told) {
  UniqueFd listening = ListenOn(ip);
  const std::uint16_t port = LocalPort(listening);
  int error = 0;
  const std::unique_ptr<EventLoop> loop = EventLoop::Create(0, error);
  OneClient owner;
  Acceptor acceptor(
      std::make_shared<ListeningSocket>(std::move(listening), 0, paces_unless_told, 0, 1), *loop,
      owner);
  const UniqueFd client = ConnectTo(*SocketAddress::FromIp("127.0.0.1", port));
  while (!owner.client.valid()) loop->RunOnce();
  return CongestionControlOf(owner.client.get());
}

TEST("pacing: clients of a loopback address are not paced, those of others as the machine wants") {
  CHECK_EQUAL(CongestionControlOfAccepted("127.0.0.1", true), "reno");
  CHECK_EQUAL(CongestionControlOfAccepted("127.0.0.1", false), DefaultCongestionControl());
  CHECK_EQUAL(CongestionControlOfAccepted("0.0.0.0", true), DefaultCongestionControl());
}

TEST("pacing: a loop that takes a listener opens no descriptor of its own to ask about pacing") {
  const std::string unpaced = sys::PacesUnlessTold() ? "reno" : DefaultCongestionControl();
  const UniqueFd listening = ListenOn("127.0.0.1");
  // The loop sets the options of the socket, and not of its descriptor.
  UniqueFd shared = sys::Duplicate(listening.get()).fd;
  EngineHarness engine(1);
  const DescriptorLimitScope none_to_spare(3);
  engine.ListenOn(std::move(shared), {});
  engine->Drain();  // The listener was taken when it is closed.
  CHECK_EQUAL(CongestionControlOf(listening.get()), unpaced);
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
