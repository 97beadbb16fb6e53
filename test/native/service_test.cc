// What the process was given by whoever started it: descriptors, and a socket to report to.

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>

#include "check.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

using sys::Inherited;

/// A socket of datagrams with an abstract name, which needs no file.
UniqueFd ListenForDatagrams(const std::string& name) {
  UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path + 1, name.data(), name.size());
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  CHECK_EQUAL(bind(fd.get(), reinterpret_cast<const sockaddr*>(&local), length), 0);
  return fd;
}

TEST("inherited: only a stream socket that listens can be accepted on") {
  const Listener listener = ListenTcp();
  CHECK(sys::Inspect(listener.fd.get()) == Inherited::kListening);
  const UniqueFd fresh(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK(sys::Inspect(fresh.get()) == Inherited::kNotListening);
  const UniqueFd datagrams(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  CHECK(sys::Inspect(datagrams.get()) == Inherited::kNoStream);
  const UniqueFd file(open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK(sys::Inspect(file.get()) == Inherited::kNoSocket);
  CHECK(sys::Inspect(-1) == Inherited::kNotOpen);
}

TEST("inherited: a socket with a peer is a client, whatever its family") {
  CHECK(sys::Inspect(TcpPair().near.get()) == Inherited::kConnected);
  CHECK(sys::Inspect(UnixPair().near.get()) == Inherited::kConnected);
}

TEST("inherited: a Unix socket knows its path, an abstract one its name, and no other has one") {
  const TempSocket place;
  const std::optional<SocketAddress> address = SocketAddress::FromPath(place.path());
  const UniqueFd local(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  CHECK_EQUAL(sys::BoundPath(local.get()), "");
  const auto* target = reinterpret_cast<const sockaddr*>(&address->storage);
  CHECK_EQUAL(bind(local.get(), target, address->length), 0);
  CHECK_EQUAL(sys::BoundPath(local.get()), place.path());
  const std::string name = "spliceway-name-" + std::to_string(getpid());
  CHECK_EQUAL(sys::BoundPath(ListenForDatagrams(name).get()), "@" + name);
  CHECK_EQUAL(sys::BoundPath(ListenTcp().fd.get()), "");
}

TEST("notify: one datagram arrives whole under an abstract name") {
  const std::string name = "spliceway-notify-" + std::to_string(getpid());
  const UniqueFd manager = ListenForDatagrams(name);
  CHECK_EQUAL(sys::Notify("@" + name, "READY=1\nSTATUS=here", true), 0);
  std::array<char, 64> into{};
  const ssize_t count = recv(manager.get(), into.data(), into.size(), 0);
  CHECK_EQUAL(std::string(into.data(), static_cast<std::size_t>(count)), "READY=1\nSTATUS=here");
}

TEST("notify: one who does not listen is waited for a moment, and never for ever") {
  const std::string name = "spliceway-deaf-" + std::to_string(getpid());
  const UniqueFd manager = ListenForDatagrams(name);
  int error = 0;
  // Its queue takes `net.unix.max_dgram_qlen` of them.
  while (error == 0) error = sys::Notify("@" + name, "WATCHDOG=1", false);
  CHECK_EQUAL(error, EAGAIN);
  CHECK_EQUAL(sys::Notify("@" + name, "STOPPING=1", true), EAGAIN);
}

TEST("notify: says what is wrong with an address") {
  CHECK_EQUAL(sys::Notify("/nowhere/notify", "READY=1", true), ENOENT);
  CHECK_EQUAL(sys::Notify("", "READY=1", true), ENAMETOOLONG);
  CHECK_EQUAL(sys::Notify("/" + std::string(200, 'x'), "READY=1", true), ENAMETOOLONG);
}

}  // namespace
}  // namespace spliceway::testing
