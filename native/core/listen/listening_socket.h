#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "sys/socket_address.h"
#include "sys/unique_fd.h"

namespace spliceway {

class AcceptorOwner;

/// A listening socket, which the acceptors of several loops share: one queue, from which each takes
/// clients. It is closed when the last of them lets go of it. Any thread.
class ListeningSocket {
 public:
  /// Clients that one of several acceptors takes before it lets the others go first.
  static constexpr int kInARow = 16;

  /// `fd` must listen. `listener` is its row of the counters. `paces_unless_told` and
  /// `keep_alive_s` are those of the sessions' context. `acceptors`: how many will take clients.
  ListeningSocket(UniqueFd fd, std::uint16_t listener, bool paces_unless_told,
                  std::uint16_t keep_alive_s, std::size_t acceptors, int in_a_row = kInARow);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t listener() const { return listener_; }
  [[nodiscard]] bool is_tcp() const { return is_tcp_; }
  /// Whether an acceptor that has taken so many clients is to let the others go first.
  [[nodiscard]] bool was_enough(int taken) const { return is_shared_ && taken >= in_a_row_; }

  /// Whether the next client may have been there before the options of the socket, which it
  /// inherits else. To be asked before it is taken: whoever came first is then among those.
  [[nodiscard]] bool may_be_early() const { return early_.load() > 0; }
  /// Gives a client what it has not inherited.
  void Prepare(int client, const SocketAddress& address, bool may_be_early);

  /// An acceptor has paused, or has ended its pause. The owner hears of the first that pauses, and
  /// when none does any more: what one lacks the others are about to find missing, too.
  void Pause(AcceptorOwner& owner, int error);
  void Resume(AcceptorOwner& owner);

 private:
  void SetOptions(int socket) const;

  UniqueFd fd_;
  std::uint16_t listener_;
  std::uint16_t keep_alive_s_;
  int in_a_row_;
  bool is_shared_;
  bool is_tcp_;
  bool unpaced_;
  std::atomic<std::ptrdiff_t> early_{
      0};             // who was there before the options; perhaps fewer than none
  std::mutex mutex_;  // the owner hears of pauses in their order
  std::size_t paused_ = 0;
};

}  // namespace spliceway
