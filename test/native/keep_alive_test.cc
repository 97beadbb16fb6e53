// TCP keepalive: the times that a silent peer is asked at.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "check.h"
#include "sockets.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

int TcpOption(const UniqueFd& fd, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  CHECK_EQUAL(getsockopt(fd.get(), IPPROTO_TCP, option, &value, &length), 0);
  return value;
}

TEST("keepalive: six questions, a sixth of the time apart, rounded up to a second") {
  struct {
    int idle_s;
    int interval_s;
  } const expected[] = {{1, 1}, {6, 1}, {7, 2}, {60, 10}, {3600, 600}, {32'400, 5400}};
  for (const auto& [idle_s, interval_s] : expected) {
    const Pair pair = TcpPair();
    sys::SetKeepAlive(pair.near.get(), idle_s);
    CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPIDLE), idle_s);
    CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPINTVL), interval_s);
    CHECK_EQUAL(TcpOption(pair.near, TCP_KEEPCNT), 6);
  }
}

}  // namespace
}  // namespace spliceway::testing
