#include "sys/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace spliceway {
namespace {

/// Before the four bytes of an IPv4 address that is mapped into IPv6.
constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

bool IsMapped(const IpPort& address) {
  return std::equal(kMapped.begin(), kMapped.end(), address.ip.begin());
}

}  // namespace

bool IpPort::is_any() const {
  const std::span<const std::uint8_t> bytes = ip_bytes();
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

std::span<const std::uint8_t> IpPort::ip_bytes() const {
  return std::span(ip).subspan(IsMapped(*this) ? kMapped.size() : 0);
}

std::string IpPort::ip_text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = IsMapped(*this) ? AF_INET : AF_INET6;
  inet_ntop(family, ip_bytes().data(), text.data(), text.size());
  return text.data();
}

std::uint16_t SocketAddress::port() const {
  // The port is at the same place in both.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  if (family() != AF_INET && family() != AF_INET6) return 0;
  sockaddr_in ip{};
  std::memcpy(&ip, &storage, sizeof ip);
  return ntohs(ip.sin_port);
}

std::optional<IpPort> SocketAddress::ip_port() const {
  IpPort address{.port = port()};
  if (family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    std::memcpy(address.ip.data(), &v6.sin6_addr, address.ip.size());
  } else if (family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    std::copy(kMapped.begin(), kMapped.end(), address.ip.begin());
    std::memcpy(&address.ip[kMapped.size()], &v4.sin_addr, sizeof v4.sin_addr);
  } else {
    return std::nullopt;
  }
  return address;
}

bool SocketAddress::is_loopback() const {
  if (family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    return ntohl(v4.sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
  }
  if (family() != AF_INET6) return false;
  sockaddr_in6 v6{};
  std::memcpy(&v6, &storage, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
}

std::optional<SocketAddress> SocketAddress::FromIp(const std::string& ip, std::uint16_t port) {
  SocketAddress address;
  sockaddr_in v4{};
  if (inet_pton(AF_INET, ip.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&address.storage, &v4, sizeof v4);
    address.length = sizeof v4;
    return address;
  }
  sockaddr_in6 v6{};
  const std::size_t percent = ip.find('%');
  if (inet_pton(AF_INET6, ip.substr(0, percent).c_str(), &v6.sin6_addr) != 1) return std::nullopt;
  if (percent != std::string::npos) {
    const std::size_t bytes = ip.size() - percent - 1;
    if (bytes == 0 || bytes >= address.zone.size()) return std::nullopt;
    ip.copy(address.zone.data(), bytes, percent + 1);
  }
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&address.storage, &v6, sizeof v6);
  address.length = sizeof v6;
  return address;
}

std::optional<SocketAddress> SocketAddress::FromPath(const std::string& path) {
  sockaddr_un local{};
  if (path.empty() || path.size() >= sizeof local.sun_path) return std::nullopt;
  local.sun_family = AF_UNIX;
  std::memcpy(local.sun_path, path.c_str(), path.size() + 1);
  SocketAddress address;
  std::memcpy(&address.storage, &local, sizeof local);
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

}  // namespace spliceway
