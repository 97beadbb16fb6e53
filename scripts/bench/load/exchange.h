#pragma once

#include <poll.h>

#include <cstddef>

#include "sys/unique_fd.h"

namespace load {

using spliceway::UniqueFd;

/// One small message to the echo server and back, on one session, without blocking.
class Exchange {
 public:
  enum class State { kConnecting, kWaiting, kDone, kFailed };

  /// Begins with a socket that is still connecting.
  explicit Exchange(UniqueFd fd)
      : fd_(std::move(fd)), state_(fd_.valid() ? State::kConnecting : State::kFailed) {}

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool pending() const {
    return state_ == State::kConnecting || state_ == State::kWaiting;
  }
  [[nodiscard]] pollfd Wanted() const {
    const int events = state_ == State::kConnecting ? POLLOUT : POLLIN;
    return {.fd = fd_.get(), .events = static_cast<short>(events), .revents = 0};
  }

  /// The socket is ready for what was wanted.
  void Advance();
  /// Another message on the same session.
  void Again() {
    if (state_ == State::kDone) Send();
  }
  /// It took too long.
  void GiveUp() { Fail(); }

 private:
  void Send();
  void Fail() {
    fd_.Reset();
    state_ = State::kFailed;
  }

  UniqueFd fd_;
  State state_;
  size_t received_ = 0;
};

}  // namespace load
