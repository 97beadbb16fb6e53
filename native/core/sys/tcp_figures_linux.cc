// What TCP has measured. In a file of its own: the kernel's tcp_info has more than the C library's,
// and no file can have both.

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sys/sys.h"

namespace spliceway::sys {

TcpFigures FiguresOf(int socket) {
  // Older kernels write less.
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return {};
  return {.round_trip_us = info.tcpi_rtt,
          .sent = info.tcpi_data_segs_out,
          .retransmitted = info.tcpi_total_retrans};
}

}  // namespace spliceway::sys
