#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <utility>

#include "session/session.h"
#include "stats/counters.h"

namespace spliceway {

/// A live session as its loop saw it. src/engine/native/session-list.ts reads the same layout.
struct SessionRecord {
  /// An IP address, IPv6 or IPv4 mapped into it.
  struct Address {
    /// Of no IP address: that of a Unix socket, or none.
    static constexpr std::int32_t kUnix = -1;
    static constexpr std::int32_t kNone = -2;
    std::int32_t port;
    std::array<std::uint8_t, 16> ip;

    void Set(const SocketAddress& address);
  };

  std::atomic<std::uint32_t> is_taken;  ///< By the first session in this slot that a loop has met.
  std::uint32_t generation;             ///< Of the slot.
  std::int32_t listener;                ///< Rows of the counters; −1 is none, of a pool as well.
  std::int32_t backend;                 ///< Where it has a place.
  std::int32_t pool;                    ///< In whose queue it waits.
  std::int32_t phase;                   ///< `SessionPhase`.
  Address client;
  Address backend_address;
  std::uint64_t age_ms;
  std::uint64_t quiet_ms;  ///< Of an open session.
  std::uint64_t bytes_upstream;
  std::uint64_t bytes_downstream;
  sys::TcpFigures client_figures;  ///< Where they were asked for.
  sys::TcpFigures backend_figures;
};
static_assert(sizeof(SessionRecord) == 120);

/// What is asked of a list.
struct ListOptions {
  /// Of each session also what the kernel has measured of its connections.
  bool figures = false;
  /// Of each loop so many sessions at most, drawn by chance; 0 is all. Of many slots only some are
  /// looked at, so that a loop has few of its own where others have nearly all.
  std::uint32_t most = 0;
};

/// The live sessions of an engine, which all loops write, each its own. Whoever asks owns it, with
/// the loops that are not done. A record belongs to a slot, and is written once: so a session that
/// lives all the while is listed, once, whoever has had the other slots meanwhile. Records that
/// nobody writes cost nothing.
class SessionList {
 public:
  /// `slots`: those that were ever taken when it was asked for. `loops`: that write it. `first`: a
  /// slot, drawn by chance, from which on a list looks that is not of all.
  SessionList(std::size_t slots, std::size_t loops, const ListOptions& options = {},
              std::size_t first = 0);

  [[nodiscard]] std::size_t slots() const { return records_.size(); }
  /// How many slots each loop looks at, at most.
  [[nodiscard]] std::size_t looks() const;
  /// Of these, the one that it looks at after so many: never the same one twice, and those of a
  /// list that is not of all lie apart.
  [[nodiscard]] std::uint32_t SlotAfter(std::size_t looks) const {
    return static_cast<std::uint32_t>((first_ + looks * stride_) % slots());
  }
  [[nodiscard]] const ListOptions& options() const { return options_; }
  /// The loop of a live session in `slot`, which is below `slots()`.
  void Write(std::uint32_t slot, std::uint32_t generation, const Session& session);
  /// A loop has looked at all slots.
  void LoopIsDone() { loops_left_.fetch_sub(1, std::memory_order_release); }

  /// Any thread. Nobody writes any more.
  [[nodiscard]] bool is_complete() const {
    return loops_left_.load(std::memory_order_acquire) == 0;
  }
  /// Once it is complete. Those that are not taken are of no session.
  [[nodiscard]] std::span<SessionRecord> records() { return records_.all(); }

 private:
  CounterBlock<SessionRecord> records_;
  std::atomic<std::size_t> loops_left_;
  ListOptions options_;
  std::size_t first_;
  std::size_t stride_;
};

/// The loop is to write its sessions into a list.
struct ListSessionsCommand {
  std::shared_ptr<SessionList> list;
};

/// The lists that a loop is to write, the one after the other. One thread's.
class SessionLister {
 public:
  void Join(ListSessionsCommand command) { lists_.push_back(std::move(command.list)); }
  [[nodiscard]] bool is_over() const { return lists_.empty(); }
  /// Whether the list at hand has a record for the slot to look at. Else it is done with.
  [[nodiscard]] bool has_slot() const;
  [[nodiscard]] std::uint32_t slot() const { return lists_.front()->SlotAfter(looks_); }
  [[nodiscard]] SessionList& list() { return *lists_.front(); }
  void GoOn() { ++looks_; }
  /// It has written a session.
  void NoteWritten() { ++written_; }
  /// The list at hand is complete, as far as this loop goes.
  void Finish();

 private:
  std::deque<std::shared_ptr<SessionList>> lists_;
  std::size_t looks_ = 0;
  std::size_t written_ = 0;
};

}  // namespace spliceway
