#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "stream.h"
#include "sys/unique_fd.h"

namespace load {

using spliceway::UniqueFd;

/// A connection of which it is not known yet whose it is: the first bytes of its stream tell.
class Newcomer {
 public:
  explicit Newcomer(UniqueFd fd) : fd_(std::move(fd)) {}

  [[nodiscard]] int fd() const { return fd_.get(); }
  /// False when the connection has ended.
  bool Advance();
  [[nodiscard]] size_t bytes() const { return count_; }
  /// The key of its stream, once all of it has come.
  [[nodiscard]] std::optional<std::uint64_t> key() const;
  [[nodiscard]] std::span<const char> read() const { return std::span(first_).first(count_); }
  UniqueFd Take() { return std::move(fd_); }

 private:
  UniqueFd fd_;
  std::array<char, Stream::kKeyBytes> first_{};
  size_t count_ = 0;
};

}  // namespace load
