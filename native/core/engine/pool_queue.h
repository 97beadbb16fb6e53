#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/session_slab.h"
#include "select/pool_row.h"

namespace spliceway {

/// Who waits in a queue, and on which loop.
struct QueueWaiter {
  SessionName session;
  std::uint16_t loop = 0;
};

/// Somebody is to look whether there is a place for it.
struct QueueTurn {
  QueueWaiter waiter;
  std::uint16_t pool = 0;
  std::uint64_t ticket = 0;
};

/// What has become of those who waited, since the beginning.
struct QueueFigures {
  std::uint64_t served = 0;
  std::uint64_t timed_out = 0;
  std::uint64_t refused = 0;  ///< The queue was full.
  std::uint64_t left = 0;     ///< By themselves.
};

/// Clients that wait for a place at a backend of one pool, those of all loops: first come, first
/// served. Any thread.
///
/// One at a time has its turn: it looks for a place, while the others wait to be told. The first
/// one has it whenever there may be room. Who was served leaves, and the next one looks. Who finds
/// none ends its turn and waits on. Room that is made meanwhile begins another turn afterwards. Who
/// finds a place that it cannot use, as that backend has failed it before, lets those behind it
/// look too.
///
/// Whoever is called by these methods' answer is to be told, by the loop that it is on, after the
/// call: the lock is held for no longer.
class PoolQueue {
 public:
  /// Whose queue it is, and the number of that pool. `row` must outlive it.
  PoolQueue(PoolRow& row, std::uint16_t pool) : row_(row), pool_(pool) {}

  /// Waits behind all others: the ticket, or nothing where `most` wait already.
  std::optional<std::uint64_t> Join(const QueueWaiter& waiter, std::uint32_t most);
  /// Waits where it was before, by its ticket of this queue.
  void JoinAgain(const QueueWaiter& waiter, std::uint64_t ticket);

  enum class Why : std::uint8_t {
    kServed,
    kTimedOut,
    kLeft,
    kElsewhere,  ///< It no longer waits for this.
  };
  /// Waits no more.
  [[nodiscard]] std::optional<QueueTurn> Leave(std::uint64_t ticket, Why why);
  /// Whether it is its turn.
  [[nodiscard]] bool HasTurn(std::uint64_t ticket) const;
  /// Has found no place in its turn. `passes_on`: there is one all the same.
  [[nodiscard]] std::optional<QueueTurn> EndTurn(std::uint64_t ticket, bool passes_on);
  /// There may be room. With `for_all`, everybody is to look, whether or not somebody before it
  /// finds any.
  [[nodiscard]] std::optional<QueueTurn> Tell(bool for_all = false);

  [[nodiscard]] QueueFigures figures() const;
  /// For the pool's next owner.
  void ResetFigures();

 private:
  using Waiters = std::map<std::uint64_t, QueueWaiter>;

  /// Past so many a turn is passed on: each costs a message and a look. The next turn of the first
  /// one is passed on to those behind them.
  static constexpr int kMostPassedOver = 64;

  /// With the lock:
  std::optional<QueueTurn> Give(Waiters::const_iterator to);
  std::optional<QueueTurn> GoOn(std::uint64_t after, bool passes_on);

  PoolRow& row_;
  const std::uint16_t pool_;
  mutable std::mutex mutex_;
  // With the lock:
  Waiters waiters_;  // by ticket
  std::uint64_t tickets_ = 0;
  std::uint64_t turn_ = 0;      // ticket of whoever has it; 0 for nobody
  std::uint64_t everyone_ = 0;  // up to this ticket all are to look; 0 where only the first one is
  int passed_over_ = 0;         // of the turn that began with the first one
  std::uint64_t passed_up_to_ = 0;  // ticket, where that was too many; or 0
  enum class Told : std::uint8_t { kNothing, kRoom, kForAll } told_ = Told::kNothing;  // meanwhile
  QueueFigures figures_;
};

/// The queues of those pools that ever had one. Any thread.
class PoolQueues {
 public:
  /// `row` is that of the pool, and must outlive the queues.
  PoolQueue& Of(std::uint16_t pool, PoolRow& row);
  /// Null where nobody has ever waited.
  [[nodiscard]] PoolQueue* Find(std::uint16_t pool);

 private:
  std::mutex mutex_;
  std::map<std::uint16_t, std::unique_ptr<PoolQueue>> queues_;
};

}  // namespace spliceway
