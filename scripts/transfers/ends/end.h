#pragma once

#include <poll.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "clock.h"
#include "digest.h"
#include "script.h"
#include "stream.h"
#include "sys/unique_fd.h"

namespace load {

using spliceway::UniqueFd;

/// One side of one transfer: sends its stream, compares what it gets, and leaves as its script
/// says.
class End {
 public:
  /// `fd` does not block. With `connecting`, its connect is still under way. What was read from it
  /// already is in `read_before`.
  End(UniqueFd fd, const Script& script, bool connecting, std::span<const char> read_before);

  [[nodiscard]] bool over() const { return over_; }
  /// What to wait for; no descriptor when it is nothing but the time.
  [[nodiscard]] pollfd Wanted(Clock::time_point now) const;
  /// When to go on though nothing has happened.
  [[nodiscard]] std::optional<Clock::time_point> wake_up() const;
  /// Does what can be done, up to a turn's worth.
  void Advance();
  /// One line of JSON; what the words in it mean is told in `EndReport` of ends.js. The last call
  /// when it is over.
  [[nodiscard]] std::string Report();

 private:
  [[nodiscard]] bool Wants(short events, Clock::time_point now) const;
  [[nodiscard]] bool CanSend() const;
  [[nodiscard]] std::uint64_t send_limit() const;
  void Receive();
  void Note(std::span<const char> bytes);
  void Send();
  bool SendOnce();
  void EndStream();
  void GiveUp();
  [[nodiscard]] std::uint64_t Unacknowledged() const;
  [[nodiscard]] const char* Outcome() const;

  UniqueFd fd_;
  const Script script_;
  const Stream outgoing_;
  const Stream incoming_;
  const Clock::time_point start_ = Clock::now();

  bool connecting_;
  bool over_ = false;
  bool gave_up_ = false;
  bool input_ended_ = false;
  bool output_ended_ = false;
  bool fin_sent_ = false;
  int error_ = 0;  // the first

  std::vector<char> chunk_;  // being sent
  size_t chunk_sent_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t unacknowledged_ = 0;  // when it gave up
  Digest sent_digest_;
  Clock::time_point write_at_ = start_;
  std::uint64_t next_write_pause_;

  std::uint64_t received_ = 0;
  std::optional<std::uint64_t> wrong_at_;
  Digest received_digest_;
  Clock::time_point read_at_;
  std::uint64_t next_read_pause_;
};

}  // namespace load
