#pragma once

#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace spliceway {

/// An IP address with its port, to compare: IPv6, or IPv4 mapped into it (RFC 4291
/// section 2.5.5.2).
struct IpPort {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  bool operator==(const IpPort&) const = default;
  /// 0.0.0.0 or ::.
  [[nodiscard]] bool is_any() const;
  /// The 4 bytes of an IPv4 address, or the 16 of another.
  [[nodiscard]] std::span<const std::uint8_t> ip_bytes() const;
  /// As inet_ntop(3) writes the address.
  [[nodiscard]] std::string ip_text() const;
};

/// An address that connect(2) takes: IPv4, IPv6 or a Unix path. Plain data, copied freely.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  /// Of a link-local address, the interface's name, which `sys::Connect` looks up: an interface
  /// that is made anew keeps its name and gets another number. Empty for none.
  std::array<char, IFNAMSIZ> zone{};

  [[nodiscard]] int family() const { return storage.ss_family; }
  /// Of an IP address; 0 of any other.
  [[nodiscard]] std::uint16_t port() const;
  /// Nothing for an address that is not IP's.
  [[nodiscard]] std::optional<IpPort> ip_port() const;
  /// As connect(2) takes it: of equal addresses the same, while this object lives.
  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(&storage), length};
  }
  bool operator==(const SocketAddress& other) const {
    return bytes() == other.bytes() && zone == other.zone;
  }
  /// An IP address of this machine alone: 127.0.0.0/8, also mapped into IPv6, and ::1.
  [[nodiscard]] bool is_loopback() const;

  /// `ip` is an IPv4 or IPv6 literal, the latter with an optional `%zone`: an interface's name, or
  /// its number, of at most 15 bytes. Nothing when it is neither.
  static std::optional<SocketAddress> FromIp(const std::string& ip, std::uint16_t port);
  /// A path of at most 107 bytes; nothing when it is longer or empty.
  static std::optional<SocketAddress> FromPath(const std::string& path);
};

/// The addresses of one backend, in the order to try them.
using Addresses = std::vector<SocketAddress>;

}  // namespace spliceway
