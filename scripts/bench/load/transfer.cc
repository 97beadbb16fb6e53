#include "transfer.h"

#include <sys/socket.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <vector>

#include "clock.h"
#include "protocol.h"
#include "sockets.h"

namespace load {
namespace {

constexpr int kTimeoutSeconds = 20;
constexpr size_t kBufferBytes = 256 << 10;

bool SendAll(int fd, const void* data, size_t bytes) {
  const char* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t sent = send(fd, at, bytes, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    at += sent;
    bytes -= static_cast<size_t>(sent);
  }
  return true;
}

/// The server's count of what it has received.
std::optional<uint64_t> ReceiveCount(int fd) {
  protocol::Length answer{};
  const ssize_t count = recv(fd, answer.data(), answer.size(), MSG_WAITALL);
  if (count != static_cast<ssize_t>(answer.size())) return std::nullopt;
  return protocol::DecodeLength(answer);
}

class Sender {
 public:
  Sender(const sockaddr_in& address, double seconds, uint64_t bytes)
      : address_(address), seconds_(seconds), bytes_(bytes), buffer_(kBufferBytes) {}

  /// Nothing when the transfer did not arrive whole.
  std::optional<uint64_t> Transfer() {
    const UniqueFd fd = ConnectBlocking(address_, kTimeoutSeconds);
    if (!fd.valid()) return std::nullopt;
    const bool endless = bytes_ == 0;
    const protocol::Length length = protocol::EncodeLength(endless ? protocol::kUntilEnd : bytes_);
    if (!SendAll(fd.get(), &protocol::kTransfer, 1)) return std::nullopt;
    if (!SendAll(fd.get(), length.data(), length.size())) return std::nullopt;
    uint64_t sent = 0;
    while (endless ? !Over() : sent < bytes_) {
      const uint64_t left = endless ? kBufferBytes : bytes_ - sent;
      const size_t next = static_cast<size_t>(std::min<uint64_t>(left, kBufferBytes));
      if (!SendAll(fd.get(), buffer_.data(), next)) return std::nullopt;
      sent += next;
    }
    // Of a transfer whose length was told the server knows the end; not every proxy passes on a FIN
    // and still brings the answer back.
    if (endless) shutdown(fd.get(), SHUT_WR);
    const std::optional<uint64_t> received = ReceiveCount(fd.get());
    return received == sent ? received : std::nullopt;
  }

  [[nodiscard]] bool Over() const { return SecondsSince(start_) >= seconds_; }
  [[nodiscard]] double Elapsed() const { return SecondsSince(start_); }

 private:
  const sockaddr_in address_;
  const double seconds_;
  const uint64_t bytes_;
  const Clock::time_point start_ = Clock::now();
  const std::vector<char> buffer_;
};

}  // namespace

int RunTransfers(const sockaddr_in& address, double seconds, uint64_t bytes) {
  Sender sender(address, seconds, bytes);
  uint64_t total = 0;
  unsigned transfers = 0;
  do {
    const std::optional<uint64_t> received = sender.Transfer();
    if (!received) {
      std::fprintf(stderr, "a transfer did not arrive whole\n");
      return 1;
    }
    total += *received;
    transfers++;
  } while (!sender.Over());
  std::printf("{\"bytes\":%" PRIu64 ",\"seconds\":%.6f,\"transfers\":%u}\n", total,
              sender.Elapsed(), transfers);
  return 0;
}

}  // namespace load
