#include "listen/client_table.h"

#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// A part of fewer clients might get twice its share by chance; with so many that is 32 standard
/// deviations.
constexpr std::size_t kLeastOfPart = 1024;

/// The same number for the same bytes, whatever the machine's byte order.
std::uint64_t Number(std::span<const std::uint8_t, 8> bytes) {
  std::uint64_t number = 0;
  for (const std::uint8_t byte : bytes) number = number << 8 | byte;
  return number;
}

std::uint64_t ClientOfIPv4(const void* address) {
  std::array<std::uint8_t, 8> bytes = {0xFF, 0xFF};
  std::memcpy(&bytes[4], address, 4);
  return Number(bytes);
}

std::uint64_t ClientOfIPv6(const in6_addr& address) {
  if (IN6_IS_ADDR_V4MAPPED(&address)) return ClientOfIPv4(&address.s6_addr[12]);
  const std::uint64_t prefix = Number(std::span(address.s6_addr).first<8>());
  // ::/64 holds ::1 and nobody from elsewhere, as does 0:0:0:1::/64.
  return prefix == 0 ? 1 : prefix;
}

/// Who a client is, as a number: the first eight bytes of its IPv6 address, or eight that begin as
/// IPv6's multicast does, which is nobody's source. 0 for whom nobody counts.
std::uint64_t ClientOf(const SocketAddress& address) {
  if (address.family() == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &address.storage, sizeof v4);
    return ClientOfIPv4(&v4.sin_addr);
  }
  if (address.family() == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.storage, sizeof v6);
    return ClientOfIPv6(v6.sin6_addr);
  }
  return 0;
}

}  // namespace

// At most half full: a look takes one or two steps.
ClientTable::ClientTable(std::size_t sessions)
    : parts_(std::clamp<std::size_t>(std::bit_floor(sessions / kLeastOfPart), 1, kMostParts)),
      mask_(std::bit_ceil(2 * sessions / parts_) - 1),
      seed_(sys::RandomSeed()),
      entries_(parts_ * (mask_ + 1)),
      client_of_slot_(sessions) {}

bool ClientTable::Enter(std::uint32_t slot, const SocketAddress& address,
                        const ClientLimits& limits, std::uint32_t service) {
  const std::uint32_t most = address.is_loopback() ? limits.loopback : limits.remote;
  if (most == 0) return true;
  std::uint64_t client = ClientOf(address);
  if (client == 0) return true;
  // Of 64 bits that nobody can choose: two that are alike are as good as never there.
  if (service != 0) client = std::max<std::uint64_t>(Hash(client) ^ service, 1);
  const std::uint64_t hash = Hash(client);
  Part& part = PartOf(hash);
  const std::lock_guard lock(part.mutex);
  Entry& entry = entries_[Find(client, hash)];
  if (entry.sessions >= most) return false;
  if (entry.client == 0) {
    // A place stays empty, at which looks end.
    if (part.clients == mask_) return false;
    ++part.clients;
  }
  entry = {.client = client, .sessions = entry.sessions + 1};
  client_of_slot_[slot] = client;
  return true;
}

void ClientTable::Leave(std::uint32_t slot) {
  const std::uint64_t client = client_of_slot_[slot];
  if (client == 0) return;
  client_of_slot_[slot] = 0;
  const std::uint64_t hash = Hash(client);
  Part& part = PartOf(hash);
  const std::lock_guard lock(part.mutex);
  const std::size_t at = Find(client, hash);
  if (--entries_[at].sessions > 0) return;
  --part.clients;
  Remove(at);
}

/// The finaliser of MurmurHash3 (A. Appleby), which spreads each bit over all.
std::uint64_t ClientTable::Hash(std::uint64_t client) const {
  std::uint64_t hash = client ^ seed_;
  hash = (hash ^ (hash >> 33)) * 0xFF51'AFD7'ED55'8CCDU;
  hash = (hash ^ (hash >> 33)) * 0xC4CE'B9FE'1A85'EC53U;
  return hash ^ (hash >> 33);
}

std::size_t ClientTable::Find(std::uint64_t client, std::uint64_t hash) {
  std::size_t at = HomeOf(hash);
  while (entries_[at].client != client && entries_[at].client != 0) at = Next(at);
  return at;
}

/// Closes the gap with entries from further on that may stand there (D. Knuth, The Art of Computer
/// Programming 6.4, algorithm R).
void ClientTable::Remove(std::size_t at) {
  for (std::size_t other = Next(at); entries_[other].client != 0; other = Next(other)) {
    const std::size_t home = HomeOf(Hash(entries_[other].client));
    const std::size_t steps = (other - home) & mask_;
    if (steps < ((other - at) & mask_)) continue;
    entries_[at] = entries_[other];
    at = other;
  }
  entries_[at] = {};
}

}  // namespace spliceway
