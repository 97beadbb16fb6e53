#pragma once

#include <cstdint>

namespace spliceway {

/// In milliseconds, after how much silence a session has its peers asked whether they are still
/// there, and how often again: a half to seven eighths of `keep_alive_s` seconds, which differ from
/// `slot` to `slot`.
///
/// The kernel has timers for that (`sys::SetKeepAlive`), but coarse ones: a minute ahead they share
/// a tick with all that are due within the next two to five seconds, by its HZ. A crowd that has
/// fallen silent together would be asked in one tick, and each minute again. Where that is more
/// than a queue on the way holds, as the 1,000 packets of `net.core.netdev_max_backlog`, the rest
/// is lost, again and again. So the loop asks before those timers are due, with 6 s or more. They
/// come due for peers that have not answered. Those are asked by both, so that the six questions
/// take less time.
inline std::uint64_t AskingPeriodMs(std::uint32_t slot, std::uint16_t keep_alive_s) {
  // By the golden section of 2^32: however many slots in a row, their times are spread evenly.
  const std::uint64_t part = slot * std::uint32_t{0x9E3779B9};
  const std::uint64_t eighth_ms = keep_alive_s * std::uint64_t{125};
  return 4 * eighth_ms + (3 * eighth_ms * part >> 32);
}

}  // namespace spliceway
