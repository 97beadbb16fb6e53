#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace load {

/// The bytes of a stream: endless, told by its key alone, the same wherever one begins to ask for
/// them. The first eight are the key itself, little-endian; the others look random, and no two
/// streams have a part in common.
class Stream {
 public:
  static constexpr size_t kKeyBytes = 8;

  explicit Stream(std::uint64_t key) : key_(key) {}

  void Fill(std::uint64_t offset, std::span<char> bytes) const;
  /// Where `bytes`, which came at `offset`, first differ from the stream: an index into `bytes`.
  [[nodiscard]] std::optional<size_t> FirstDifference(std::uint64_t offset,
                                                      std::span<const char> bytes) const;

 private:
  [[nodiscard]] std::uint64_t Word(std::uint64_t index) const;

  std::uint64_t key_;
};

}  // namespace load
