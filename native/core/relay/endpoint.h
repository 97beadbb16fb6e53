#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "sys/unique_fd.h"

namespace spliceway {

/// One socket of a session, and what edge-triggered epoll has told about it: the kernel says each
/// thing once, so it is remembered here until a call finds the contrary.
struct Endpoint {
  UniqueFd socket;
  std::uint16_t error = 0;    ///< errno's number of the failure.
  bool readable : 1 = false;  ///< A read may give bytes, the end or an error.
  bool writable : 1 = false;
  bool urgent : 1 =
      false;  ///< An urgent byte arrived, and no read has gone past its mark for sure.
  bool error_told : 1 = false;  ///< SO_ERROR may have one.
  bool end_told : 1 =
      false;  ///< The peer's end, or a failure, was reported: no further edge need come.
  bool failed : 1 = false;  ///< Reset, timed out or unreachable. Sticks: the kernel reports an
                            ///< error only once, and reads after that look like a clean end.
  bool is_tcp : 1 = false;
  bool is_ours_alone : 1 = false;  ///< No other process holds it: its close is told to the peer.
  bool is_second : 1 = false;      ///< Of two to a backend: the token that its events come with.

  void Note(std::uint32_t events) {
    // An error or hang-up is found by the next read; there may be data before it.
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable = true;
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) end_told = true;
    // A socket that was somebody else's before may have messages for that one in its error queue,
    // as of MSG_ZEROCOPY: they are reported as an error, for good. Only SO_ERROR tells.
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) error_told = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable = true;
    if ((events & EPOLLPRI) != 0) readable = urgent = true;
  }

  void Fail(int why) {
    if (!failed) error = static_cast<std::uint16_t>(why);
    failed = end_told = true;
    // Whatever the peer sent before can still be read.
    readable = true;
  }
};

}  // namespace spliceway
