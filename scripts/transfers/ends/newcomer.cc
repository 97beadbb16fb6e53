#include "newcomer.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace load {

bool Newcomer::Advance() {
  const std::span<char> rest = std::span(first_).subspan(count_);
  const ssize_t count = recv(fd_.get(), rest.data(), rest.size(), MSG_DONTWAIT);
  if (count <= 0) return count < 0 && errno == EAGAIN;
  count_ += static_cast<size_t>(count);
  return true;
}

std::optional<std::uint64_t> Newcomer::key() const {
  if (count_ < first_.size()) return std::nullopt;
  std::uint64_t key = 0;
  std::memcpy(&key, first_.data(), first_.size());
  return key;
}

}  // namespace load
