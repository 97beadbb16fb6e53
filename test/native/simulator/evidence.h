#pragma once

#include <cstdint>
#include <string>

#include "kernel.h"
#include "scene.h"

/// What the oracle judges by: facts of one pair, from what the kernel has seen of both its ends.
namespace spliceway::simulator {

/// How much too early a time-out may come. A loop reads its clock as a turn begins, so that a
/// time-out which begins late in a turn counts from where the turn began.
std::uint64_t Hurry(const Scene& scene);

inline std::uint64_t Us(std::uint32_t ms) { return std::uint64_t{ms} * 1000; }

std::string Name(const Peer& peer);

/// The core's end of the connection to a peer.
inline const Socket& Near(const Peer& peer) { return *peer.socket().peer; }

/// Bytes of `from` that were read and not written to `to`.
std::uint64_t Held(const Peer& from, const Peer& to);

/// When the last byte was written to either, or they were joined.
std::uint64_t LastMoved(const Pair& pair);

bool ResetCame(const Pair& pair);

/// How long clients may wait in front of a listener that has paused, or for a backend that no local
/// port was left for: the core asks again each 100 ms, and some.
inline constexpr std::uint64_t kLongestPauseUs = 110'000;

/// How long an address may be silent before another one is tried beside it.
inline constexpr std::uint64_t kAttemptDelayUs = 250'000;

/// How long a backend is sought for a client that has left.
inline constexpr std::uint64_t kListensForUs = 1'000'000;

/// The client has ended its stream and said nothing, which is to end its search for a backend.
bool HasLeft(const Scene& scene, const Pair& pair);

bool IsSilent(const Pair& pair);

/// When the core was told first, or last, that one side has ended or was lost; `kNever` for never.
struct Ends {
  std::uint64_t first_us = kNever;
  std::uint64_t last_us = 0;
  [[nodiscard]] bool any() const { return first_us != kNever; }
};

Ends EndsOf(const Pair& pair);

/// A Unix peer that closes is lost to those who still write to it.
bool UnixPeerLeft(const Pair& pair);

}  // namespace spliceway::simulator
