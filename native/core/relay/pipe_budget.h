#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace spliceway {

/// What pipes may cost. `PipeLimits::ForThisMachine` derives it from the limits of process and
/// user.
struct PipeLimits {
  std::size_t large_bytes = 0;    ///< Size asked for while half the budget is free.
  std::size_t default_bytes = 0;  ///< Size of a pipe as the kernel makes it.
  std::size_t total_bytes = 0;    ///< Capacity of all pipes together.
  std::size_t pipes = 0;          ///< Pipes alive at once; each costs two descriptors.
  std::size_t idle = 0;           ///< Empty pipes kept by each pool, for a second or two.

  /// For all of `pools` pools together: at most one pipe for 64 descriptors (a pipe is lent only
  /// while it holds bytes of a bulk stream, and without one a relay copies), but one for each pool;
  /// and at most half of the pages that the kernel grants the user (`pipe-user-pages-soft`), or
  /// 256 MiB where it grants any number.
  static PipeLimits ForThisMachine(std::size_t pools);
};

/// The budget that the pools of all loops share. Any thread, without a lock; touched only when a
/// pipe is made or closed.
///
/// Each pool finds room for one pipe, whatever the others have taken: half of the budget is kept
/// for the first pipes of pools that have none. A first pipe is as large as an equal share of what
/// is free for all such pools. With the kernel's own limit, that is 1 MiB for up to 32 loops that
/// stream, and 512 KiB for 64.
class PipeBudget {
 public:
  /// `pools`: how many will ask.
  PipeBudget(const PipeLimits& limits, std::size_t pools);

  /// Bytes that the next pipe may have; 0 where there is to be none. `is_first`: its pool has no
  /// other.
  std::size_t Take(bool is_first);
  /// A pipe that was granted `granted` bytes has `bytes` of them: the kernel gave it another size.
  void Correct(std::size_t granted, std::size_t bytes);
  /// A pipe of so many bytes was closed, or not made. `was_last`: its pool has no other now.
  void Give(std::size_t bytes, bool was_last);

  [[nodiscard]] const PipeLimits& limits() const { return limits_; }
  /// Pipes that are granted now.
  [[nodiscard]] std::size_t pipes() const { return taken_.load().pipes; }
  /// Their capacity.
  [[nodiscard]] std::size_t bytes() const { return std::size_t{taken_.load().kib} * kKiB; }

 private:
  static constexpr std::size_t kKiB = 1024;

  /// One word, so that it changes as a whole. Aligned as one: else clang calls a library for it.
  struct alignas(8) Taken {
    std::uint32_t kib = 0;
    std::uint16_t pipes = 0;
    std::uint16_t pools = 0;  ///< That have a pipe.
  };
  static_assert(std::atomic<Taken>::is_always_lock_free);

  /// Sizes are whole pages.
  static std::uint32_t InKiB(std::size_t bytes) { return static_cast<std::uint32_t>(bytes / kKiB); }
  [[nodiscard]] std::size_t MayTake(const Taken& taken, bool is_first) const;
  template <typename Alter>
  void Change(Alter alter) {
    Taken before = taken_.load();
    Taken after;
    do {
      after = before;
      alter(after);
    } while (!taken_.compare_exchange_weak(before, after));
  }

  PipeLimits limits_;
  std::size_t pools_;
  std::size_t kept_for_first_;  ///< Bytes for each pool that has no pipe.
  std::atomic<Taken> taken_{Taken{}};
};

}  // namespace spliceway
