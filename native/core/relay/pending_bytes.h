#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace spliceway {

/// Bytes in user memory that a relay still owes its sink: what Node had read before the socket was
/// handed over, or what was left when the sink took less than was copied. Filled once, then only
/// consumed. One pointer while there are none, which is nearly always.
class PendingBytes {
 public:
  PendingBytes() = default;
  /// A copy of `bytes`.
  explicit PendingBytes(std::span<const std::byte> bytes) {
    if (bytes.empty()) return;
    block_.reset(new std::byte[sizeof(Extent) + bytes.size()]);
    new (block_.get()) Extent{.begin = 0, .end = bytes.size()};
    std::copy(bytes.begin(), bytes.end(), data());
  }

  [[nodiscard]] std::size_t size() const { return block_ ? extent().end - extent().begin : 0; }
  [[nodiscard]] std::span<const std::byte> bytes() const {
    if (!block_) return {};
    return {data() + extent().begin, size()};
  }

  /// Drops the first `count` bytes, at most `size()`; the memory goes with the last of them.
  void Consume(std::size_t count) {
    if (count == size()) return Clear();
    extent().begin += count;
  }

  void Clear() { block_.reset(); }

 private:
  /// Stands before the bytes, in the same piece of memory.
  struct Extent {
    std::size_t begin;
    std::size_t end;
  };

  [[nodiscard]] Extent& extent() const {
    return *std::launder(reinterpret_cast<Extent*>(block_.get()));
  }
  [[nodiscard]] std::byte* data() const { return block_.get() + sizeof(Extent); }

  std::unique_ptr<std::byte[]> block_;
};

}  // namespace spliceway
