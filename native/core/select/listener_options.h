#pragma once

#include <cstdint>
#include <memory>

#include "select/service_row.h"
#include "select/session_timeouts.h"

namespace spliceway {

/// The number of a pool that stands for none.
inline constexpr std::uint16_t kNoPool = 0xFFFF;

/// Who picks the backends for the clients of a listener. The numbers are those of
/// src/engine/native/binding.ts.
enum class Picks : std::uint8_t {
  kByCycle = 0,  ///< The loop, by the cycle of the listener's pool.
  kByOwner = 1,  ///< The engine's owner, who is asked for each client.
};

/// Sessions that one client may have at once; 0 is any number. Unix clients have no limit.
struct ClientLimits {
  std::uint32_t remote = 0;
  std::uint32_t loopback = 0;  ///< For 127.0.0.0/8 and ::1.
};

/// What holds for the clients that a listener takes from now on.
struct ListenerOptions {
  /// Its clients' backends are picked from this one, also those of clients who are still looked
  /// for when it becomes another one.
  std::uint16_t pool = kNoPool;
  Picks picks = Picks::kByCycle;
  SessionTimeouts timeouts = {};
  ClientLimits clients = {};
  /// What its sessions count in beside; null where that may have any number.
  std::shared_ptr<ServiceRow> service = nullptr;
  /// The same of each client, by the number of its service.
  std::uint32_t service_number = 0;
  ClientLimits service_clients = {};
};

/// What a listener of the configuration may have, over all of its addresses.
struct ServiceLimits {
  std::uint32_t number = 0;  ///< No other service ever has it.
  std::uint32_t most = 0;    ///< Sessions at once; 0 is any number.
  ClientLimits clients = {};
};

}  // namespace spliceway
