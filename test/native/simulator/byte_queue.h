#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace spliceway::simulator {

/// A piece of a packet: what takes one slot of a pipe.
struct Fragment {
  std::shared_ptr<const std::string> block;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool urgent = false;  ///< One byte that is not part of the stream, and its mark.

  [[nodiscard]] std::size_t size() const { return end - begin; }
  [[nodiscard]] const char* data() const { return block->data() + begin; }
};

/// Fragments in order: a socket's buffer, or what a pipe holds.
class ByteQueue {
 public:
  [[nodiscard]] bool empty() const { return first_ == fragments_.size(); }
  /// Of the stream: urgent bytes are not counted.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t fragments() const { return fragments_.size() - first_; }
  [[nodiscard]] const Fragment& front() const { return fragments_[first_]; }
  [[nodiscard]] bool holds_urgent() const { return urgent_ > 0; }

  void Push(Fragment fragment) {
    if (fragment.urgent) {
      ++urgent_;
    } else {
      bytes_ += fragment.size();
    }
    fragments_.push_back(std::move(fragment));
  }

  /// Takes the first fragment, or its first `most` bytes.
  Fragment Take(std::size_t most = SIZE_MAX) {
    Fragment& first = fragments_[first_];
    Fragment taken = first;
    if (first.urgent) {
      --urgent_;
    } else {
      taken.end = taken.begin + std::min(most, taken.size());
      bytes_ -= taken.size();
    }
    first.begin = first.urgent ? first.end : taken.end;
    if (first.size() == 0) {
      first.block.reset();
      if (++first_ == fragments_.size()) {
        fragments_.clear();
        first_ = 0;
      }
    }
    return taken;
  }

  void Clear() { *this = ByteQueue(); }

 private:
  std::vector<Fragment> fragments_;
  std::size_t first_ = 0;
  std::size_t bytes_ = 0;
  std::size_t urgent_ = 0;
};

}  // namespace spliceway::simulator
