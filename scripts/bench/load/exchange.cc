#include "exchange.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "protocol.h"
#include "sockets.h"

namespace load {

void Exchange::Advance() {
  if (state_ == State::kConnecting) {
    if (ConnectError(fd_.get()) != 0) return Fail();
    return Send();
  }
  std::array<char, protocol::kExchangeBytes> buffer;
  const ssize_t count = recv(fd_.get(), buffer.data(), buffer.size() - received_, 0);
  if (count < 0 && errno == EAGAIN) return;
  if (count <= 0) return Fail();
  received_ += static_cast<size_t>(count);
  if (received_ == protocol::kExchangeBytes) state_ = State::kDone;
}

void Exchange::Send() {
  std::array<char, protocol::kExchangeBytes> message;
  message.fill(protocol::kEcho);
  received_ = 0;
  const ssize_t sent = send(fd_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(message.size())) return Fail();
  state_ = State::kWaiting;
}

}  // namespace load
