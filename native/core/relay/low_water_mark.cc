#include "relay/low_water_mark.h"

#include <algorithm>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// More than a source brings in a millisecond, so that it is the looks that empty it, and not
/// events. The kernel makes the receive buffer twice as large if it may (`tcp_rmem`), and reports
/// in time when it must be smaller.
constexpr std::uint32_t kMarkBytes = 2 * 1024 * 1024;

}  // namespace

void LowWaterMark::NoteTurn(int socket, std::size_t bytes, std::uint64_t now_ms) {
  const auto now = static_cast<std::uint16_t>(now_ms);
  const auto elapsed = static_cast<std::uint16_t>(now - since_ms_);
  if (elapsed >= kWindowMs) {
    FinishWindow(socket, elapsed < 2 * kWindowMs && kib_ >= kBytesPerWindow / 1024);
    since_ms_ = now;
    kib_ = 0;
  }
  kib_ = static_cast<std::uint16_t>(std::min<std::size_t>(kib_ + bytes / 1024, UINT16_MAX));
}

void LowWaterMark::FinishWindow(int socket, bool enough) {
  if (enough) {
    proof_ = std::min<std::uint8_t>(proof_ + 1, kProofWindows) & 0x7F;
  } else {
    // Two in a row take all of it.
    proof_ = raised_ && proof_ > kProofWindows / 2 ? kProofWindows / 2 : 0;
  }
  Set(socket, raised_ ? proof_ > 0 : proof_ == kProofWindows);
}

void LowWaterMark::NoteAnswer(int socket) {
  proof_ = 0;
  kib_ = 0;
  Set(socket, false);
}

void LowWaterMark::Set(int socket, bool raised) {
  if (raised == raised_) return;
  raised_ = raised;
  sys::SetReceiveLowWaterMark(socket, raised ? kMarkBytes : 1);
}

}  // namespace spliceway
