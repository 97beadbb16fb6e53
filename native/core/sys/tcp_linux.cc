// What TCP is asked beside its bytes.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

#include "sys/sys.h"

namespace spliceway::sys {
namespace {

/// As many as go unanswered by chance seldom enough.
constexpr int kProbes = 6;
/// SO_ORIGINAL_DST of linux/netfilter_ipv4.h, and IP6T_SO_ORIGINAL_DST, which is the same number.
constexpr int kOriginalDestination = 80;

void SetTcpOption(int socket, int option, int value) {
  ::setsockopt(socket, IPPROTO_TCP, option, &value, sizeof value);
}

}  // namespace

void SetKeepAlive(int socket, int idle_s) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  SetTcpOption(socket, TCP_KEEPINTVL, std::max(1, (idle_s + kProbes - 1) / kProbes));
  SetTcpOption(socket, TCP_KEEPCNT, kProbes);
  // Last: on a connection it sets the timer, by how long the peer has been silent already.
  SetKeepAliveIdle(socket, idle_s);
}

void SetKeepAliveIdle(int socket, int idle_s) { SetTcpOption(socket, TCP_KEEPIDLE, idle_s); }

SocketAddress OriginalDestination(int socket) {
  // A socket of IPv6 may have a peer of IPv4, whom the tables of IPv4 know.
  for (const int level : {IPPROTO_IPV6, IPPROTO_IP}) {
    SocketAddress to;
    to.length = sizeof to.storage;
    if (::getsockopt(socket, level, kOriginalDestination, &to.storage, &to.length) == 0) return to;
  }
  return {};
}

std::size_t QueuedClients(int listener) {
  // Of a listening socket this field has the length of its queue (tcp_get_info in net/ipv4/tcp.c).
  tcp_info info{};
  socklen_t length = sizeof info;
  const bool is_tcp = ::getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length) == 0;
  return is_tcp ? info.tcpi_unacked : 0;
}

}  // namespace spliceway::sys
