#include "sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>

namespace load {
namespace {

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

UniqueFd Socket(int flags) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  const int on = 1;
  if (fd.valid()) setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return fd;
}

}  // namespace

std::optional<sockaddr_in> ParseAddress(const char* host, uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return std::nullopt;
  return address;
}

UniqueFd Listen(sockaddr_in address) {
  UniqueFd fd = Socket(SOCK_NONBLOCK);
  if (!fd.valid()) return fd;
  const bool ok =
      bind(fd.get(), Generic(address), sizeof(address)) == 0 && listen(fd.get(), SOMAXCONN) == 0;
  return ok ? std::move(fd) : UniqueFd();
}

uint16_t LocalPort(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

UniqueFd ConnectingSocket() { return Socket(SOCK_NONBLOCK); }

bool StartConnect(int fd, const sockaddr_in& address) {
  return connect(fd, Generic(address), sizeof(address)) == 0 || errno == EINPROGRESS;
}

UniqueFd StartConnect(const sockaddr_in& address) {
  UniqueFd fd = ConnectingSocket();
  return fd.valid() && StartConnect(fd.get(), address) ? std::move(fd) : UniqueFd();
}

UniqueFd ConnectBlocking(const sockaddr_in& address, int timeout_seconds) {
  UniqueFd fd = Socket(0);
  if (!fd.valid()) return fd;
  const timeval timeout{.tv_sec = timeout_seconds, .tv_usec = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
  const bool connected = connect(fd.get(), Generic(address), sizeof(address)) == 0;
  return connected ? std::move(fd) : UniqueFd();
}

int ConnectError(int fd) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

void ResetOnClose(int fd) {
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

}  // namespace load
