#pragma once

#include <cstdint>
#include <tuple>

namespace spliceway {

/// What the search of one client for a backend may take; 0 switches a bound off.
struct SearchLimits {
  /// Milliseconds for all of it: attempts, waits for what the machine lacks, and the owner's
  /// answers.
  std::uint32_t budget_ms = 0;
  /// To connect, to whatever address of whatever backend: up to `kMostAttempts`, which 0 is as
  /// well.
  std::uint32_t attempts = 0;
  /// It ends after a second for a client that has ended its stream and has said nothing.
  bool abort_on_close = false;
};

/// Milliseconds; 0 switches a time-out off.
struct SessionTimeouts {
  std::uint32_t connect_ms = 0;  ///< Of one address.
  SearchLimits search = {};
  std::uint32_t idle_ms = 0;
  std::uint32_t half_close_ms = 0;
  std::uint32_t handshake_ms = 0;
  /// From the opening of a session on: a backend that ends it within that time, and has not said a
  /// byte, has failed.
  std::uint32_t early_reset_ms = 0;
  std::uint32_t max_age_ms = 0;  ///< Of an open one, give or take a tenth; see `Session`.

  /// Some order, for maps of them.
  bool operator<(const SessionTimeouts& other) const {
    const auto key = [](const SessionTimeouts& of) {
      return std::tie(of.connect_ms, of.search.budget_ms, of.search.attempts,
                      of.search.abort_on_close, of.idle_ms, of.half_close_ms, of.handshake_ms,
                      of.early_reset_ms, of.max_age_ms);
    };
    return key(*this) < key(other);
  }
};

}  // namespace spliceway
