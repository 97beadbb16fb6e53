#pragma once

#include <sys/mman.h>

#include <cstdlib>
#include <functional>
#include <string>

namespace spliceway::simulator {

/// Memory that a process shares with its children, so that what they leave there survives them.
/// Zeroed; pages that are never touched cost nothing.
template <typename T>
class Shared {
 public:
  Shared()
      : memory_(
            mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (memory_ == MAP_FAILED) std::abort();
  }
  ~Shared() { munmap(memory_, sizeof(T)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;

  T* operator->() const { return static_cast<T*>(memory_); }

 private:
  void* memory_;
};

/// Runs `work` in a process of its own, so that a crash of the core, or a loop without an end, is a
/// failure like others. Returns how that process ended where it did not return from `work`; else
/// nothing. A sanitizer's report goes to standard error, as always.
std::string RunApart(const std::function<void()>& work);

/// For `work`: it ends, as a failure, when it has not called this again, or returned, in so many
/// seconds of a processor's time. On a busy machine that takes several times as long.
void ExpectEndWithin(unsigned seconds);

}  // namespace spliceway::simulator
