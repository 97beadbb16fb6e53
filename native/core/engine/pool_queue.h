#pragma once

#include <array>
#include <atomic>
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

/// Those who are to look after one thing that has happened: two at most. So nobody has more than
/// two messages to send; and where many are to look, they are twice as many with each look.
class QueueTurns {
 public:
  [[nodiscard]] bool is_full() const { return count_ == turns_.size(); }
  /// Not where it is full.
  void Add(const QueueTurn& turn) { turns_[count_++] = turn; }
  [[nodiscard]] const QueueTurn* begin() const { return turns_.data(); }
  [[nodiscard]] const QueueTurn* end() const { return turns_.data() + count_; }

 private:
  std::array<QueueTurn, 2> turns_{};
  std::size_t count_ = 0;
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
/// Who has its turn looks for a place, while the others wait to be told. The first one has it
/// whenever there may be room. Who was served leaves, and the next one looks. Who finds no place
/// ends its turn and waits on. Who finds one that it cannot use, as that backend has failed it
/// before, lets those behind it look too. Where one finds no place, and room was made since it
/// began to look, the first one looks again.
///
/// As many have their turn at one time as there are places: a look is a message to another loop, or
/// takes as long as a policy of the owner's, and many places may come free meanwhile. So nobody who
/// looks takes the place of one before it: there is one for each of them. Where somebody could not
/// use a place that is free, that is not known, and one looks at a time until one is served.
///
/// Whoever is called by these methods' answer is to be told, by the loop that it is on, after the
/// call: the lock is held for no longer. `places` is how many are free by now, as far as the caller
/// knows; where it does not know, one.
class PoolQueue {
 public:
  /// As many have their turn at one time, however many places there are.
  static constexpr std::uint32_t kMostLookers = 64;

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
  [[nodiscard]] QueueTurns Leave(std::uint64_t ticket, Why why, std::uint32_t places = 1);
  /// Whether it is its turn.
  [[nodiscard]] bool HasTurn(std::uint64_t ticket) const;
  /// Has found no place in its turn, though so many are free.
  [[nodiscard]] QueueTurns EndTurn(std::uint64_t ticket, std::uint32_t places);
  /// There may be room.
  [[nodiscard]] QueueTurns Tell(std::uint32_t places = 1);
  /// The same. Everybody is to look, whether or not somebody before it finds any.
  [[nodiscard]] QueueTurns TellAll();
  /// How many have their turn. Where nobody has, a call of `Tell` need not know of places.
  [[nodiscard]] std::size_t lookers() const { return lookers_.load(std::memory_order_relaxed); }

  /// Whether it waits and nobody waits before it.
  [[nodiscard]] bool IsFirst(std::uint64_t ticket) const;

  [[nodiscard]] QueueFigures figures() const;
  /// For the pool's next owner.
  void ResetFigures();

 private:
  struct Waiter {
    QueueWaiter who;
    bool room_is_newer = false;  ///< Than its look, which has begun before.
  };
  using Waiters = std::map<std::uint64_t, Waiter>;  // by ticket

  /// Past so many a turn is passed on: each costs a message and a look. The next turn of the first
  /// one is passed on to those behind them.
  static constexpr int kMostPassedOver = 64;

  /// With the lock:
  void ExpectRoom();
  void NoteCount();
  [[nodiscard]] Waiters::iterator Next();
  QueueTurn Give(Waiters::node_type waiter);
  QueueTurns GiveTurns(std::uint32_t places);

  PoolRow& row_;
  const std::uint16_t pool_;
  mutable std::mutex mutex_;
  std::atomic<std::size_t> lookers_{0};
  // With the lock:
  Waiters waiting_;
  Waiters looking_;  // they have their turn
  std::uint64_t tickets_ = 0;
  bool may_have_room_ = false;  // for those of `waiting_` behind this ticket:
  std::uint64_t behind_ = 0;
  std::uint64_t all_behind_ = 0;    // of these each is to look, room or not, up to this ticket:
  std::uint64_t all_up_to_ = 0;     // 0 where that is over
  int passed_over_ = 0;             // since the first one could look
  bool is_for_some_ = false;        // a place is free that not everybody can use
  std::uint64_t passed_up_to_ = 0;  // ticket, where that was too many; or 0
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
