// What can be seen of a session from outside.

#include <algorithm>

#include "session/session.h"

namespace spliceway {

void Session::NoteBeginning() {
  const std::uint64_t now = context_->loop.now_ms() & kLatestMs;
  constexpr std::uint64_t kHalf = (std::uint64_t{1} << kMsBits / 2) - 1;
  began_high_ = now >> kMsBits / 2 & kHalf;
  began_low_ = now & kHalf;
}

std::uint64_t Session::age_ms() const {
  const std::uint64_t high = began_high_;
  return context_->loop.now_ms() - (high << kMsBits / 2 | began_low_);
}

std::uint64_t Session::quiet_ms() const { return context_->loop.now_ms() - since_ms_; }

/// What it does now begins, or goes on.
void Session::NoteNow() {
  since_ms_ = context_->loop.now_ms() & kLatestMs;
  since_ticks_ = TicksNow() & 63;
}

/// Of this millisecond.
std::uint8_t Session::TicksNow() const {
  const EventLoop& loop = context_->loop;
  return static_cast<std::uint8_t>((loop.now_us() - loop.now_ms() * 1000) / kTickUs);
}

/// Since `NoteNow` was called.
std::uint64_t Session::MicrosecondsSince() const {
  const std::uint64_t since_us = since_ms_ * 1000 + since_ticks_ * kTickUs;
  const std::uint64_t now_us = context_->loop.now_us();
  return now_us - std::min(since_us, now_us);
}

SessionPhase Session::phase() const {
  switch (state_) {
    case State::kIdle:
      return SessionPhase::kRoute;
    case State::kQueued:
      return SessionPhase::kQueue;
    case State::kPausing:
    case State::kYielding:
    case State::kConnecting:
      return SessionPhase::kConnect;
    case State::kRelaying:
      return half_closed() ? SessionPhase::kHalfClosed : SessionPhase::kData;
    case State::kResetting:
    case State::kClosed:
      return SessionPhase::kHalfClosed;
  }
  return SessionPhase::kHalfClosed;
}

SocketAddress Session::backend_address() const {
  if (state_ == State::kConnecting) return address();
  return is_open() ? sys::PeerAddress(backend_.socket.get()) : SocketAddress{};
}

sys::TcpFigures Session::client_figures() const { return sys::FiguresOf(client_.socket.get()); }

sys::TcpFigures Session::backend_figures() const {
  return is_open() ? sys::FiguresOf(backend_.socket.get()) : sys::TcpFigures{};
}

}  // namespace spliceway
