#include "select/client_hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>

namespace spliceway {
namespace {

constexpr std::uint32_t kPrime1 = 0x9E3779B1;
constexpr std::uint32_t kPrime2 = 0x85EBCA77;
constexpr std::uint32_t kPrime3 = 0xC2B2AE3D;
constexpr std::uint32_t kPrime4 = 0x27D4EB2F;
constexpr std::uint32_t kPrime5 = 0x165667B1;

/// Little-endian, whatever the machine.
std::uint32_t Lane(std::span<const std::uint8_t> bytes) {
  return std::uint32_t{bytes[0]} | std::uint32_t{bytes[1]} << 8 | std::uint32_t{bytes[2]} << 16 |
         std::uint32_t{bytes[3]} << 24;
}

/// Bits behind a prefix become zero.
void Mask(std::span<std::uint8_t> bytes, std::size_t prefix) {
  for (std::uint8_t& byte : bytes) {
    const std::size_t kept = std::min<std::size_t>(prefix, 8);
    byte &= static_cast<std::uint8_t>(0xFF00 >> kept);
    prefix -= kept;
  }
}

}  // namespace

std::uint32_t XxHash32(std::span<const std::uint8_t> bytes) {
  const auto length = static_cast<std::uint32_t>(bytes.size());
  std::uint32_t hash = kPrime5;
  if (bytes.size() >= 16) {
    std::array<std::uint32_t, 4> lanes = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
    for (; bytes.size() >= 16; bytes = bytes.subspan(16)) {
      for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
        lanes[lane] += Lane(bytes.subspan(4 * lane)) * kPrime2;
        lanes[lane] = std::rotl(lanes[lane], 13) * kPrime1;
      }
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12) +
           std::rotl(lanes[3], 18);
  }
  hash += length;
  for (; bytes.size() >= 4; bytes = bytes.subspan(4)) {
    hash = std::rotl(hash + Lane(bytes) * kPrime3, 17) * kPrime4;
  }
  for (const std::uint8_t byte : bytes) hash = std::rotl(hash + byte * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 15) * kPrime2;
  hash = (hash ^ hash >> 13) * kPrime3;
  return hash ^ hash >> 16;
}

std::optional<std::uint32_t> HashOf(const SocketAddress& client, const HashKey& key) {
  const std::optional<IpPort> address = client.ip_port();
  if (!address) return std::nullopt;
  const std::span<const std::uint8_t> ip = address->ip_bytes();
  std::array<std::uint8_t, sizeof(IpPort::ip) + sizeof(IpPort::port)> bytes{};
  std::copy(ip.begin(), ip.end(), bytes.begin());
  Mask(std::span(bytes).first(ip.size()),
       ip.size() == address->ip.size() ? key.ipv6_prefix : key.ipv4_prefix);
  std::size_t count = ip.size();
  if (key.with_port) {
    bytes[count++] = static_cast<std::uint8_t>(address->port >> 8);
    bytes[count++] = static_cast<std::uint8_t>(address->port);
  }
  return XxHash32(std::span(bytes).first(count));
}

}  // namespace spliceway
