#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace load {

/// How an end leaves before both streams are complete.
enum class GivingUp : std::uint8_t {
  kNever = 0,
  kByReset = 1,  ///< SO_LINGER 0: what the kernel still has to send is thrown away.
  kByClose = 2,  ///< A plain close: a FIN, or a reset where something was not read.
};

/// What one end of a transfer does. Sizes are in bytes.
struct Script {
  std::uint64_t number = 0;
  /// The server knows the connection by the first bytes that it gets. Otherwise it is the next that
  /// it accepts.
  std::uint64_t named = 0;
  std::uint64_t send_key = 0;
  std::uint64_t send_bytes = 0;
  std::uint64_t expect_key = 0;
  std::uint64_t send_buffer = 0;  ///< Of the socket; 0 leaves it to the kernel.
  std::uint64_t receive_buffer = 0;
  std::uint64_t write_size = 1;
  std::uint64_t read_size = 1;
  std::uint64_t write_pause_every = 0;  ///< Bytes between two pauses; 0 for none.
  std::uint64_t write_pause_ms = 0;
  std::uint64_t read_pause_every = 0;
  std::uint64_t read_pause_ms = 0;
  std::uint64_t first_read_ms = 0;  ///< Nothing is read before.
  std::uint64_t sends_last = 0;     ///< Nothing is sent before the other's FIN has come.
  std::uint64_t ends_last = 0;      ///< Its own FIN comes after the other's.
  std::uint64_t gives_up = 0;       ///< A `GivingUp`, when both of these are reached:
  std::uint64_t gives_up_sent = 0;
  std::uint64_t gives_up_received = 0;

  [[nodiscard]] GivingUp giving_up() const { return static_cast<GivingUp>(gives_up); }
};

/// From words such as `number=7`, separated by spaces, named as the members. Nothing when a word is
/// none of these.
std::optional<Script> ParseScript(std::string_view line);

}  // namespace load
