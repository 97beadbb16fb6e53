#pragma once

#include <cstddef>
#include <cstdint>

namespace spliceway {

/// The low-water mark (SO_RCVLOWAT) of a source that streams. Much of the CPU of a fast stream is
/// wake-ups, each for the little that came since the last one. A raised mark has the kernel wait
/// for more, so that there are fewer of them and what they find is larger.
///
/// What stays below the mark would never be reported, so its owner must look at the source in each
/// millisecond as long as the mark is raised: no byte waits longer for it. (The end of the stream
/// is reported in any case.) Only a source that brought `kBytesPerWindow` in each of
/// `kProofWindows` in a row, while nothing went the other way, gets a mark. It loses it after two
/// windows in a row without, and at once when something goes the other way: whoever waits for an
/// answer has asked for it, so nothing meets one that takes less than `kProofWindows`.
class LowWaterMark {
 public:
  static constexpr std::uint16_t kWindowMs = 8;
  static constexpr std::uint8_t kProofWindows = 4;
  /// 64 KiB a millisecond, half a gigabit a second. With less, each look finds too little.
  static constexpr std::size_t kBytesPerWindow = kWindowMs * 64 * 1024;

  /// Notes what a turn brought, which may be nothing, and sets the mark of `socket`, which must be
  /// TCP's.
  void NoteTurn(int socket, std::size_t bytes, std::uint64_t now_ms);

  /// Notes that something went the other way.
  void NoteAnswer(int socket);

  [[nodiscard]] bool raised() const { return raised_; }

 private:
  void FinishWindow(int socket, bool enough);
  void Set(int socket, bool raised);

  std::uint16_t since_ms_ = 0;  // when the window began; wraps around
  std::uint16_t kib_ = 0;       // that it has brought
  std::uint8_t proof_ : 7 = 0;  // good windows
  bool raised_ : 1 = false;
};
static_assert(sizeof(LowWaterMark) == 6);

}  // namespace spliceway
