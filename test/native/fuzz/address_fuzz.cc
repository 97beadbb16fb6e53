// Addresses, as JavaScript hands them to the core.

#include <arpa/inet.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "sys/socket_address.h"

namespace {

using spliceway::SocketAddress;

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::optional<SocketAddress> ip = SocketAddress::FromIp(text, 4711);
  if (ip) {
    Require(ip->family() == AF_INET || ip->family() == AF_INET6);
    Require(ip->port() == 4711 && ip->length <= sizeof ip->storage);
    // What is printed of it is the same address again.
    const auto* bytes = reinterpret_cast<const char*>(&ip->storage);
    const std::size_t at = ip->family() == AF_INET ? offsetof(sockaddr_in, sin_addr)
                                                   : offsetof(sockaddr_in6, sin6_addr);
    std::array<char, INET6_ADDRSTRLEN> printed{};
    Require(inet_ntop(ip->family(), bytes + at, printed.data(), printed.size()) != nullptr);
    const std::optional<SocketAddress> again = SocketAddress::FromIp(printed.data(), 4711);
    Require(again && again->length == ip->length);
    const auto* repeated = reinterpret_cast<const char*>(&again->storage);
    Require(std::memcmp(repeated + at, bytes + at, ip->family() == AF_INET ? 4 : 16) == 0);
  }
  const std::optional<SocketAddress> path = SocketAddress::FromPath(text);
  if (path) {
    Require(path->family() == AF_UNIX && path->port() == 0);
    Require(path->length <= sizeof path->storage && !text.empty());
  }
  return 0;
}
