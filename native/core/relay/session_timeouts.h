#pragma once

#include <cstdint>

namespace spliceway {

/// Milliseconds; 0 switches a time-out off.
struct SessionTimeouts {
  std::uint32_t connect_ms = 0;
  std::uint32_t idle_ms = 0;
  std::uint32_t half_close_ms = 0;
  std::uint32_t handshake_ms = 0;
};

}  // namespace spliceway
