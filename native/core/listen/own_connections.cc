#include "listen/own_connections.h"

#include <algorithm>
#include <cstring>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// Noting takes a system call, so it is done for few.
constexpr std::size_t kInterval = 32;
/// Before a ring takes all sessions, as many of its connections are noted at least. On a busy
/// machine most of them are accepted by another loop before they are.
constexpr std::size_t kLeastNoted = 32;
/// Connections noted one and all after one came back: the next client goes round but once.
constexpr std::uint32_t kSuspects = 1024;
/// For how long a connection is remembered. It is accepted as soon as its listener has a turn.
/// Somebody else may come from the same port later on, and by a NAT to the same place.
constexpr std::uint64_t kRememberedMs = 1000;

/// As in `ClientTable::Hash`.
std::uint64_t Mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33)) * 0xFF51'AFD7'ED55'8CCDU;
  hash = (hash ^ (hash >> 33)) * 0xC4CE'B9FE'1A85'EC53U;
  return hash ^ (hash >> 33);
}

}  // namespace

OwnConnections::OwnConnections(std::size_t sessions)
    : seed_(sys::RandomSeed()),
      few_(static_cast<std::uint32_t>(
          std::clamp<std::size_t>(sessions / kLeastNoted, 1, kInterval))),
      interval_(few_) {}

std::uint64_t OwnConnections::FingerprintOf(const IpPort& from) const {
  std::array<std::uint64_t, 2> words{};
  static_assert(sizeof words == sizeof from.ip);
  std::memcpy(words.data(), from.ip.data(), sizeof words);
  return std::max<std::uint64_t>(1, Mix(Mix(Mix(words[0] ^ seed_) ^ words[1]) ^ from.port));
}

void OwnConnections::Note(const SocketAddress& own, const SocketAddress& to) {
  const std::optional<IpPort> from = own.ip_port();
  std::optional<IpPort> there = to.ip_port();
  if (!from || !there) return;
  // Whoever connects to no address gets to the one that he has himself.
  if (there->is_any()) there->ip = from->ip;
  const std::uint64_t fingerprint = FingerprintOf(*from);
  Place& place = PlaceOf(fingerprint);
  const std::lock_guard lock(mutex_);
  place.from = *from;
  place.to = *there;
  place.at_ms = sys::NowMs();
  place.fingerprint.store(fingerprint, std::memory_order_relaxed);
  if (all_of_ > 0 && --all_of_ == 0) interval_.store(few_, std::memory_order_relaxed);
}

std::optional<IpPort> OwnConnections::CameBack(int client, const SocketAddress& peer) {
  const std::optional<IpPort> from = peer.ip_port();
  if (!from) return std::nullopt;
  const std::uint64_t fingerprint = FingerprintOf(*from);
  Place& place = PlaceOf(fingerprint);
  if (place.fingerprint.load(std::memory_order_relaxed) != fingerprint) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (place.from != *from || sys::NowMs() > place.at_ms + kRememberedMs) return std::nullopt;
  // Connections to several places may have one port here, and so may another program's. Both ends
  // make one: this one arrived where that one was sent, or a NAT of this machine brought it here.
  if (sys::LocalAddress(client).ip_port() != place.to &&
      sys::OriginalDestination(client).ip_port() != place.to) {
    return std::nullopt;
  }
  all_of_ = kSuspects;
  interval_.store(1, std::memory_order_relaxed);
  return place.to;
}

}  // namespace spliceway
