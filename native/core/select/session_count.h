#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

namespace spliceway {

/// How many sessions something has, and how many it may have. Any thread. All zeros at first: none,
/// and any number.
class SessionCount {
 public:
  /// 0 is any number. For those that come afterwards: where there are more already, nobody is added
  /// before there are fewer.
  void Limit(std::uint32_t most) { most_.store(most); }
  [[nodiscard]] bool is_full() const {
    const std::uint32_t most = most_.load();
    return most != 0 && in_use_.load() >= most;
  }
  /// How many more it may have now; the largest number where that is any.
  [[nodiscard]] std::uint32_t places() const {
    const std::uint32_t most = most_.load();
    if (most == 0) return std::numeric_limits<std::uint32_t>::max();
    return most - std::min(most, in_use_.load());
  }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_.load(); }
  /// How many it may have; 0 is any number.
  [[nodiscard]] std::uint32_t most() const { return most_.load(); }

  /// One more; false where it is full.
  [[nodiscard]] bool Add() {
    const std::uint32_t most = most_.load(std::memory_order_relaxed);
    if (most == 0) {
      in_use_.fetch_add(1);
      return true;
    }
    // Not an addition that is taken back: meanwhile somebody else could find the last place gone.
    std::uint32_t in_use = in_use_.load(std::memory_order_relaxed);
    do {
      if (in_use >= most) return false;
    } while (!in_use_.compare_exchange_weak(in_use, in_use + 1));
    return true;
  }
  /// So many more that are there already, also where it is full.
  void AddThere(std::uint32_t count) { in_use_.fetch_add(count); }
  /// One of them has left, or so many. What it wrote before is known to whoever finds nobody here.
  /// In one order with what it reads afterwards, as `PoolRow::has_waiting`.
  void Remove(std::uint32_t count = 1) { in_use_.fetch_sub(count); }

 private:
  std::atomic<std::uint32_t> most_{0};
  std::atomic<std::uint32_t> in_use_{0};
};

}  // namespace spliceway
