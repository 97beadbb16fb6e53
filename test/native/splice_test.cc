// What splice is told, and what happens where it is refused.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "faults.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

int Option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  getsockopt(fd, level, name, &value, &length);
  return value;
}

TEST(
    "rule 1: every descriptor is non-blocking and close-on-exec, and splice is told not to block "
    "on the pipe") {
  const sys::OpenedPipe pipe = sys::OpenPipe();
  const sys::Opened socket = sys::OpenSocket(AF_INET);
  const sys::Opened epoll = sys::OpenEpoll();
  const sys::Opened wake_up = sys::OpenWakeUp();
  const sys::Opened duplicate = sys::Duplicate(socket.fd.get());
  for (const int fd : {pipe.read_end.get(), pipe.write_end.get(), socket.fd.get(), wake_up.fd.get(),
                       duplicate.fd.get()}) {
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  CHECK((fcntl(epoll.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);

  Harness harness;
  int splices = 0;
  const HookScope hooks({.splice = [&](int, int, unsigned flags) {
    ++splices;
    CHECK((flags & SPLICE_F_NONBLOCK) != 0);
    return 0;
  }});
  const Joined joined(harness);
  Transfer(harness, joined.client, joined.backend, Pattern(100'000), 100'000, "100 kB");
  CHECK(splices > 0);
}

TEST("rule 7: nothing is corked: no SPLICE_F_MORE, and TCP_NODELAY on both sides") {
  Harness harness;
  Pair client = TcpPair();
  Pair backend = TcpPair();
  const UniqueFd client_side(dup(client.near.get()));
  const UniqueFd backend_side(dup(backend.near.get()));
  const HookScope hooks({.splice = [&](int, int, unsigned flags) {
    CHECK((flags & SPLICE_F_MORE) == 0);
    return 0;
  }});
  harness.Join(std::move(client.near), std::move(backend.near));
  Transfer(harness, client.peer, backend.peer, Pattern(1000), 1000, "a request");
  CHECK(Option(client_side.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
  CHECK(Option(backend_side.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
}

TEST("rule 10: a relay whose splice is refused goes on by copying") {
  for (const int error : {EINVAL, ENOSYS, EPERM}) {
    Harness harness;
    const HookScope hooks({.splice = [&](int, int, unsigned) { return error; }});
    const Joined joined(harness);
    const std::string text = Pattern(500'000);
    CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "the request") ==
          text);
    CHECK(Transfer(harness, joined.backend, joined.client, text, text.size(), "the answer") ==
          text);
    CHECK_EQUAL(harness.closed, 0);
  }
}

TEST("rule 10: a kernel that has no memory for a splice is asked again, and splices then") {
  for (const bool from_pipe : {false, true}) {
    for (const int error : {ENOMEM, ENOBUFS}) {
      Harness harness;
      int calls = 0;
      const HookScope hooks({.splice = [&](int from, int, unsigned) {
        return IsPipe(from) == from_pipe && ++calls <= 2 ? error : 0;
      }});
      const Joined joined(harness);
      const std::string text = Pattern(500'000);
      CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "all") == text);
      CHECK(calls > 2);
      CHECK_EQUAL(harness.closed, 0);
    }
  }
}

TEST("rule 10: what is in the pipe when the sink refuses splice is not lost") {
  Harness harness;
  int calls = 0;
  // Only out of the pipe, and not at once: some bytes have gone by splice before.
  const HookScope hooks({.splice = [&](int from, int, unsigned) {
    return IsPipe(from) && ++calls > 3 ? EINVAL : 0;
  }});
  const Joined joined(harness, {}, {.peer_receive_buffer = 8192, .near_send_buffer = 8192});
  const std::string text = Pattern(2 << 20);
  CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "2 MiB") == text);
  CHECK(calls > 3);
  CHECK_EQUAL(harness.pipes().alive(), harness.pipes().idle());
}

}  // namespace
}  // namespace spliceway::testing
