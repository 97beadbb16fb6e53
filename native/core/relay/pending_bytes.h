#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

namespace spliceway {

/// Bytes in user memory that a relay still owes its sink: what Node had read before the socket was
/// handed over, or what was left when the sink took less than was copied. Filled once, then only
/// consumed.
class PendingBytes {
 public:
  PendingBytes() = default;
  /// A copy of `bytes`.
  explicit PendingBytes(std::span<const std::byte> bytes)
      : bytes_(bytes.empty() ? nullptr : new std::byte[bytes.size()]), end_(bytes.size()) {
    std::copy(bytes.begin(), bytes.end(), bytes_.get());
  }
  PendingBytes(PendingBytes&& other) noexcept
      : bytes_(std::move(other.bytes_)),
        begin_(std::exchange(other.begin_, 0)),
        end_(std::exchange(other.end_, 0)) {}
  PendingBytes& operator=(PendingBytes&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    begin_ = std::exchange(other.begin_, 0);
    end_ = std::exchange(other.end_, 0);
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return end_ - begin_; }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {bytes_.get() + begin_, size()}; }

  /// Drops the first `count` bytes, at most `size()`; the memory goes with the last of them.
  void Consume(std::size_t count) {
    begin_ += count;
    if (begin_ == end_) Clear();
  }

  void Clear() {
    bytes_.reset();
    begin_ = end_ = 0;
  }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace spliceway
