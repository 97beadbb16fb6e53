// The seam's functions, answered by the simulated kernel instead of the real one.

#include <sys/socket.h>

#include <cstddef>
#include <limits>
#include <utility>

#include "kernel.h"
#include "sys/sys.h"

namespace spliceway::sys {
namespace {

simulator::Kernel& Now() { return *simulator::Kernel::Current(); }

}  // namespace

void Close(int fd) { Now().Close(fd); }

Result Splice(int from, int to, std::size_t length) { return Now().Splice(from, to, length); }
Result Receive(int socket, std::span<std::byte> into) { return Now().Receive(socket, into); }
bool IsAtEnd(int socket) {
  const simulator::Socket& at = Now().At(socket);
  return at.in.empty() && (at.fin_in || at.phase == simulator::Socket::Phase::kDead);
}
Result Send(int socket, std::span<const std::byte> from, bool /*more*/) {
  return Now().Send(socket, from);
}
Result ReadPipe(int pipe, std::span<std::byte> into) { return Now().ReadPipe(pipe, into); }

Opened OpenSocket(int family) { return Now().OpenSocket(family != AF_UNIX); }

Opened Accept(int listener, SocketAddress& peer) {
  std::uint16_t port = 0;
  Opened opened = Now().Accept(listener, port);
  if (opened.fd.valid()) peer = PeerAddress(opened.fd.get());
  return opened;
}

Result Bind(int socket, const SocketAddress& address) {
  return Now().Bind(socket, address.ip_port()->ip.back());
}

Result Connect(int socket, const SocketAddress& address) {
  // A Unix path is the number of the port.
  std::uint16_t port = address.port();
  if (address.family() == AF_UNIX) {
    port = static_cast<std::uint16_t>(
        std::stoi(reinterpret_cast<const sockaddr*>(&address.storage)->sa_data));
  }
  return Now().Connect(socket, port);
}

bool IsConnectedToItself(int /*socket*/, std::uint16_t /*port*/) { return false; }

SocketAddress PeerAddress(int socket) {
  const std::uint16_t port = Now().At(socket).port;
  return *SocketAddress::FromIp(simulator::HostOf(port, Now().conditions.local_clients), port);
}

SocketAddress LocalAddress(int /*socket*/) { return {}; }
SocketAddress OriginalDestination(int /*socket*/) { return {}; }

int TakeSocketError(int socket) { return Now().TakeError(Now().At(socket)); }

Result ShutdownWrite(int socket) {
  simulator::Socket& at = Now().At(socket);
  if (at.phase == simulator::Socket::Phase::kDead) {
    return {.status = Status::kFailed, .error = ENOTCONN};
  }
  Now().ShutdownWrite(at);
  return {};
}

bool SetNoDelay(int socket) { return Now().IsTcp(socket); }
void SwitchPacingOff(int /*socket*/) {}
void SwitchPacingOn(int /*socket*/) {}
void SetKeepAlive(int /*socket*/, int /*idle_s*/) {}
void SetKeepAliveIdle(int socket, int idle_s) { Now().KeepAlive(Now().At(socket), idle_s); }
std::size_t QueuedClients(int /*listener*/) { return 0; }
TcpFigures FiguresOf(int socket) { return simulator::FiguresOf(Now().At(socket)); }
void SetResetOnClose(int socket) { Now().At(socket).reset_on_close = true; }
void SetReceiveLowWaterMark(int socket, std::uint32_t bytes) {
  Now().SetLowWater(Now().At(socket), bytes);
}
std::size_t UnacknowledgedBytes(int socket) { return Now().At(socket).out.bytes(); }
Result SetNonBlocking(int /*socket*/) { return {}; }
Opened Duplicate(int /*fd*/) { return {.fd = UniqueFd(), .status = Status::kFailed}; }

OpenedPipe OpenPipe() { return Now().OpenPipe(); }
std::size_t ResizePipe(int pipe, std::size_t bytes) { return Now().ResizePipe(pipe, bytes); }
std::size_t PipeSize(int pipe) { return Now().PipeSize(pipe); }

Opened OpenEpoll() { return Now().OpenEpoll(); }
Status Watch(int epoll, int fd, std::uint64_t data) {
  return Now().Watch(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET, data);
}
Status WatchListener(int epoll, int fd, std::uint64_t data) {
  return Now().Watch(epoll, fd, EPOLLIN, data);
}
Status WatchWakeUp(int epoll, int fd, std::uint64_t data) {
  return Now().Watch(epoll, fd, EPOLLIN | EPOLLET, data);
}
void Unwatch(int epoll, int fd) { Now().Unwatch(epoll, fd); }
std::size_t WaitForEvents(int epoll, std::span<epoll_event> into, int timeout_ms) {
  return Now().Wait(epoll, into, timeout_ms);
}
std::uint32_t Readiness(int socket) { return Now().Readiness(socket); }
Opened OpenWakeUp() { return Now().OpenWakeUp(); }
void RaiseWakeUp(int wake_up) { Now().RaiseWakeUp(wake_up); }
std::uint64_t NowUs() { return Now().NowUs(); }
std::uint64_t NowMs() { return NowUs() / 1000; }

std::size_t DescriptorLimit() { return Now().conditions.descriptors; }
std::size_t PageSize() { return simulator::kPage; }
std::size_t PipePagesSoftLimit() { return 16'384; }
bool IsExemptFromPipeLimits() { return false; }
std::uint64_t RandomSeed() { return 0; }
std::uint16_t FirstEphemeralPort() { return std::numeric_limits<std::uint16_t>::max(); }
bool PacesUnlessTold() { return false; }
int TrySplice() { return 0; }

}  // namespace spliceway::sys
