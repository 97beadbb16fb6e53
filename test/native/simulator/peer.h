#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "choices.h"
#include "kernel.h"

namespace spliceway::simulator {

/// `count` bytes of a stream from `offset` on. Streams differ, and so do a stream's places.
std::string BytesOf(std::uint32_t stream, std::uint64_t offset, std::size_t count);

/// What one end of a session does with it.
struct Habits {
  /// What it does when all is written.
  enum class End : std::uint8_t {
    kFin,    ///< Ends its stream, and reads to the end of the other one.
    kClose,  ///< Closes at once, as a program that exits.
    kReset,
    kStay,  ///< Nothing, until the other end has ended.
  };
  End end = End::kFin;
  std::size_t bytes = 0;
  std::size_t write_most = 65536;
  std::size_t read_most = 65536;
  std::size_t urgent_at = SIZE_MAX;  ///< Bytes written before an urgent byte.
  std::size_t pauses_at = SIZE_MAX;  ///< Bytes read before it reads nothing for a while.
  std::uint32_t pause_ms = 0;
  std::uint32_t silent_ms = 0;  ///< Before its first byte.
  std::uint32_t rest_ms = 0;    ///< Between its last byte and its end.
  bool never_reads = false;
  bool answers = false;  ///< Writes when the other end has ended, and not before.

  static Habits Choose(Choices& choices, std::size_t most_bytes, bool may_stay);
  /// Sooner or later reads all and ends.
  [[nodiscard]] bool is_steady() const {
    return (end == End::kFin || end == End::kReset || end == End::kClose) && !never_reads;
  }
};

/// A client or a backend.
class Peer {
 public:
  Peer(Kernel& kernel, Choices& choices, Socket& socket, std::uint32_t stream, const Habits& habits)
      : kernel_(kernel),
        choices_(choices),
        socket_(socket),
        habits_(habits),
        stream_(stream),
        silent_until_us_(kernel.now_us() + std::uint64_t{habits.silent_ms} * 1000) {}

  /// Bytes that have gone to the core on another way: the program that accepted had read them.
  void SkipPrefix(std::size_t count) { prefix_ = count; }

  [[nodiscard]] bool CanAct() const { return ActionsNow() != 0; }
  void Act();
  /// When the next of its pauses is over, later than now; `kNever` for none.
  [[nodiscard]] std::uint64_t acts_at_us() const;
  /// Closes, whatever its habits are.
  void GiveUp();

  [[nodiscard]] bool is_done() const { return socket_.closed; }
  [[nodiscard]] bool has_ended() const { return ended_; }
  [[nodiscard]] bool has_reset() const { return has_reset_; }
  [[nodiscard]] bool gave_up() const { return gave_up_; }
  [[nodiscard]] bool saw_end() const { return saw_end_; }
  [[nodiscard]] bool saw_reset() const { return saw_reset_; }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] std::uint64_t sent() const { return prefix_ + socket_.written; }
  [[nodiscard]] std::size_t prefix() const { return prefix_; }
  [[nodiscard]] std::uint32_t stream() const { return stream_; }
  [[nodiscard]] const Habits& habits() const { return habits_; }
  [[nodiscard]] Socket& socket() const { return socket_; }

 private:
  enum Action : unsigned { kWrite = 1, kRead = 2, kNotice = 4, kEnd = 8, kUrgent = 16 };
  [[nodiscard]] unsigned ActionsNow() const;
  void Write();
  void ReadSome();
  void Notice();
  void EndStream();

  Kernel& kernel_;
  Choices& choices_;
  Socket& socket_;
  Habits habits_;
  std::uint32_t stream_;
  std::size_t prefix_ = 0;
  std::string received_;
  std::uint64_t silent_until_us_;
  std::uint64_t paused_until_us_ = kNever;
  std::uint64_t rests_until_us_ = kNever;
  bool paused_ = false;
  bool urgent_sent_ = false;
  bool ended_ = false;
  bool has_reset_ = false;
  bool gave_up_ = false;
  bool saw_end_ = false;
  bool saw_reset_ = false;
};

}  // namespace spliceway::simulator
