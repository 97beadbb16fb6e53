#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace spliceway {

/// A block of zeroed numbers in which pages that are never touched cost nothing.
template <typename T>
class CounterBlock {
 public:
  /// Aborts when the system refuses address space: without it nothing could run.
  explicit CounterBlock(std::size_t count)
      : memory_(std::calloc(1, count * sizeof(T) + alignof(T))), count_(count) {
    if (memory_ == nullptr) std::abort();
    const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
    first_ = reinterpret_cast<T*>((address + alignof(T) - 1) / alignof(T) * alignof(T));
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] T& operator[](std::size_t index) { return first_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return first_[index]; }
  [[nodiscard]] std::span<T> all() { return {first_, count_}; }

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  T* first_ = nullptr;
  std::size_t count_;
};

}  // namespace spliceway
