#pragma once

#include <atomic>
#include <cstdint>

#include "select/pool_row.h"
#include "sys/sys.h"

namespace spliceway {

/// Whether new sessions may set out for a backend. Those that it has go on in any case. The numbers
/// are those of src/engine/native/binding.ts.
enum class BackendState : std::uint8_t {
  kUp = 0,
  kDrain = 1,  ///< None may: an operator wants it empty.
  kDown = 2,   ///< None may, but where no other is up: it does not answer.
};

/// What all loops share of a backend, and write: how many sessions it has, and whether it takes
/// more. Any thread. A pick reads the state, so a change of it publishes nothing. Aligned, so that
/// loops that go to different backends do not share a cache line. All zeros at first, as in a
/// `CounterBlock`.
class alignas(64) BackendRow {
 public:
  /// Where it is not up, nobody enters any more once `in_use` is found to be 0 afterwards.
  void SetState(BackendState state) { state_.store(state); }
  [[nodiscard]] BackendState state() const { return state_.load(std::memory_order_relaxed); }

  /// 0 is any number. For sessions that set out for the backend afterwards: where it has more than
  /// that already, nobody does before it has fewer.
  void Limit(std::uint32_t most) { sessions_.Limit(most); }
  [[nodiscard]] bool is_full() const { return sessions_.is_full(); }
  /// How many sessions more it may have now.
  [[nodiscard]] std::uint32_t places() const { return sessions_.places(); }

  enum class Entry : std::uint8_t {
    kCounted,
    kFull,   ///< It has as many sessions as it may, or its pool has.
    kNotUp,  ///< It is to get none.
    /// One of these two, but only since it was counted, which is undone. Meanwhile somebody else
    /// may have found no place: those who wait for one are to be told.
    kGivenBack,
  };
  /// Counts a session that sets out for the backend, and in its pool, or does nothing. With
  /// `takes_down`, also where it is down.
  [[nodiscard]] Entry Enter(PoolRow& pool, bool takes_down = false) {
    if (!IsFor(state(), takes_down)) return Entry::kNotUp;
    if (pool.sessions.is_full() || !sessions_.Add()) return Entry::kFull;
    if (!pool.sessions.Add()) {
      sessions_.Remove();
      return Entry::kGivenBack;
    }
    // Looked at again, for whoever has changed it meanwhile and then found nobody here. Each of the
    // two writes first and reads then, in one order for all (T. J. Dekker's algorithm): one of them
    // sees what the other wrote.
    if (IsFor(state_.load(), takes_down)) return Entry::kCounted;
    Leave(pool);
    return Entry::kGivenBack;
  }
  /// For one who chooses: whether it could be entered now, in its turn, as far as its pool has
  /// room.
  [[nodiscard]] bool is_open() const {
    if (state() != BackendState::kUp || is_full()) return false;
    return !IsTriedLast() && !lacks_port();
  }
  /// A session that was counted has failed there, or has ended. What it wrote before is known to
  /// whoever finds nobody here, and so is that it has left the pool.
  void Leave(PoolRow& pool) {
    pool.sessions.Remove();
    sessions_.Remove();
  }
  /// For a backend whose addresses come first in turn: whose turn it is.
  [[nodiscard]] std::uint32_t NextTurn() { return turn_.fetch_add(1, std::memory_order_relaxed); }
  /// Sessions that are connected to it, or on their way.
  [[nodiscard]] std::uint32_t in_use() const { return sessions_.in_use(); }

  /// This machine has no local port for it.
  void NoteNoPort() { no_port_ms_.store(sys::NowMs(), std::memory_order_relaxed); }
  /// So lately that another try would be for nothing.
  [[nodiscard]] bool lacks_port() const {
    const std::uint64_t no_port_ms = no_port_ms_.load(std::memory_order_relaxed);
    return no_port_ms != kNever && sys::NowMs() < no_port_ms + kNoPortMs;
  }
  /// For how long that is believed. Ports come back one at a time, as connections end or leave
  /// TIME-WAIT, and the kernel looks through all of them to find none.
  static constexpr std::uint64_t kNoPortMs = 100;

  /// As it was at first, for its next backend. Nobody may be here, nor set out for it.
  void Reset() {
    sessions_.Limit(0);
    turn_.store(0);
    state_.store(BackendState::kUp);
    no_port_ms_.store(kNever);
    failed_ms_.store(kNever);
    early_resets_.store(0);
  }

  /// It has ended a session soon after it began, without a byte; see
  /// `SessionTimeouts::early_reset_ms`.
  void NoteEarlyReset() { early_resets_.fetch_add(1, std::memory_order_relaxed); }
  /// A session has got its first byte from there; or they are forgiven.
  void ForgetEarlyResets() {
    // Read first: of a backend that works nobody writes here.
    if (early_resets() != 0) early_resets_.store(0, std::memory_order_relaxed);
  }
  /// How many sessions, one after the other.
  [[nodiscard]] std::uint32_t early_resets() const {
    return early_resets_.load(std::memory_order_relaxed);
  }

  // The times are of the machine's clock: those of two loops differ by what each has stood still.

  /// It is to be found at other addresses than in tables of earlier generations.
  void NoteMoved(std::uint64_t generation) {
    moved_.store(generation);
    ForgetFailure();
  }
  /// All its addresses have just failed a client, as they were in tables of this generation: of
  /// where it has moved since that says nothing.
  void NoteFailed(std::uint64_t generation) {
    if (generation < moved_.load()) return;
    failed_ms_.store(sys::NowMs());
    // Looked at again, as in `Enter`: it may have moved meanwhile, and been forgotten before.
    if (generation < moved_.load()) ForgetFailure();
  }
  /// It has answered.
  void ForgetFailure() {
    if (failed_ms_.load() == kNever) return;
    failed_ms_.store(kNever);
  }
  /// It has failed lately: to be tried after all others.
  [[nodiscard]] bool IsTriedLast() const {
    const std::uint64_t failed_ms = failed_ms_.load(std::memory_order_relaxed);
    return failed_ms != kNever && sys::NowMs() < failed_ms + kMomentMs;
  }
  /// For one who could set out for it in its turn. Once a moment one who asks may, though it has
  /// failed before, and finds out for all.
  [[nodiscard]] bool MayTryInTurn() {
    std::uint64_t failed_ms = failed_ms_.load(std::memory_order_relaxed);
    if (failed_ms == kNever) return true;
    const std::uint64_t now_ms = sys::NowMs();
    return now_ms >= failed_ms + kMomentMs && failed_ms_.compare_exchange_strong(failed_ms, now_ms);
  }
  /// One client finds out that a backend does not answer, and for so long no other has to.
  static constexpr std::uint64_t kMomentMs = 1000;

 private:
  static constexpr std::uint64_t kNever = 0;  // by a clock that has been running for long

  static bool IsFor(BackendState state, bool takes_down) {
    return state == BackendState::kUp || (takes_down && state == BackendState::kDown);
  }

  SessionCount sessions_;
  std::atomic<std::uint32_t> turn_{0};
  std::atomic<BackendState> state_{BackendState::kUp};
  std::atomic<std::uint32_t> early_resets_{0};  // in a row
  std::atomic<std::uint64_t> no_port_ms_{kNever};
  std::atomic<std::uint64_t> failed_ms_{kNever};
  std::atomic<std::uint64_t> moved_{0};  // generation of tables
};

}  // namespace spliceway
