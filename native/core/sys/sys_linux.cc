#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "sys/sys.h"

namespace spliceway::sys {
namespace {

/// Of Linux, the only one that asks to be paced (SK_PACING_NEEDED in net/ipv4/tcp_bbr.c).
constexpr std::string_view kPaced = "bbr";
/// The one that every kernel has.
constexpr std::string_view kUnpaced = "reno";
constexpr std::size_t kCongestionControlBytes = 16;  // TCP_CA_NAME_MAX

/// Calls until it is not interrupted by a signal.
template <typename Call>
auto Retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

Status StatusOf(int error) {
  switch (error) {
    case EAGAIN:
      return Status::kAgain;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
      return Status::kExhausted;
    default:
      return Status::kFailed;
  }
}

Result Failure(int error) {
  const Status status = StatusOf(error);
  return {.status = status, .error = status == Status::kAgain ? 0 : error};
}

Result Moved(ssize_t count) {
  if (count > 0) return {.bytes = static_cast<std::size_t>(count)};
  if (count == 0) return {.status = Status::kEnd};
  return Failure(errno);
}

Opened Open(int fd) {
  if (fd >= 0) return {.fd = UniqueFd(fd)};
  return {.fd = UniqueFd(), .status = StatusOf(errno), .error = errno};
}

bool SetCongestionControl(int socket, std::string_view name) {
  return ::setsockopt(socket, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                      static_cast<socklen_t>(name.size())) == 0;
}

Status Register(int epoll, int fd, std::uint32_t events, std::uint64_t data) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = data;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? Status::kOk : StatusOf(errno);
}

/// Ties the socket to the interface that the zone names now. False with errno ENODEV when there is
/// none. The name is given to SO_BINDTODEVICE: SIOCGIFINDEX, asked by root for a name that is not
/// there, has the kernel run modprobe (dev_load in net/core/dev_ioctl.c), once for each client.
bool TieToZone(int socket, SocketAddress& address) {
  const char* zone = address.zone.data();
  const char* end = zone + std::strlen(zone);
  if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, zone, static_cast<socklen_t>(end - zone)) ==
      0) {
    return true;
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &address.storage, sizeof v6);
  ifreq request{};
  std::memcpy(request.ifr_name, zone, address.zone.size());
  // Before Linux 5.7 the option takes CAP_NET_RAW.
  if (errno == EPERM && ::ioctl(socket, SIOCGIFINDEX, &request) == 0) {
    v6.sin6_scope_id = static_cast<std::uint32_t>(request.ifr_ifindex);
  } else if (const auto [rest, error] = std::from_chars(zone, end, v6.sin6_scope_id);
             rest != end || error != std::errc()) {
    errno = ENODEV;
    return false;
  }
  std::memcpy(&address.storage, &v6, sizeof v6);
  return true;
}

bool GetOption(int socket, int option, int& value) {
  socklen_t length = sizeof value;
  return ::getsockopt(socket, SOL_SOCKET, option, &value, &length) == 0;
}

}  // namespace

void Close(int fd) {
  // On Linux the descriptor is gone even when close reports EINTR; a retry could close somebody
  // else's.
  ::close(fd);
}

Result Splice(int from, int to, std::size_t length) {
  // SPLICE_F_NONBLOCK governs the pipe end only; the sockets carry O_NONBLOCK themselves. No
  // SPLICE_F_MORE: it corks the tail of a message for up to 200 ms. SPLICE_F_MOVE does nothing
  // here.
  const ssize_t count =
      Retry([&] { return ::splice(from, nullptr, to, nullptr, length, SPLICE_F_NONBLOCK); });
  if (count < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) {
    return {.status = Status::kUnsupported, .error = errno};
  }
  return Moved(count);
}

Result Receive(int socket, std::span<std::byte> into) {
  return Moved(Retry([&] { return ::recv(socket, into.data(), into.size(), 0); }));
}

bool IsAtEnd(int socket) {
  std::byte next{};
  return ::recv(socket, &next, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

Result Send(int socket, std::span<const std::byte> from, bool more) {
  const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
  return Moved(Retry([&] { return ::send(socket, from.data(), from.size(), flags); }));
}

Result ReadPipe(int pipe, std::span<std::byte> into) {
  return Moved(Retry([&] { return ::read(pipe, into.data(), into.size()); }));
}

Opened OpenSocket(int family) {
  return Open(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Opened Accept(int listener, SocketAddress& peer) {
  for (;;) {
    peer.length = sizeof peer.storage;
    const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&peer.storage), &peer.length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return {.fd = UniqueFd(fd)};
    switch (errno) {
      case EINTR:
      // accept(2): Linux passes on what befell the connection while it waited, and that is no
      // failure of the listener.
      case ECONNABORTED:
      case ENETDOWN:
      case EPROTO:
      case ENOPROTOOPT:
      case EHOSTDOWN:
      case ENONET:
      case EHOSTUNREACH:
      case EOPNOTSUPP:
      case ENETUNREACH:
        continue;
      default:
        return {.fd = UniqueFd(), .status = StatusOf(errno), .error = errno};
    }
  }
}

namespace {

/// Whether this machine has an address to connect from. TCP says EADDRNOTAVAIL both for want of one
/// and for want of a port; datagrams have ports of their own, and do not lack the latter.
bool HasSourceFor(const SocketAddress& to) {
  const UniqueFd probe(::socket(to.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return true;
  const auto* address = reinterpret_cast<const sockaddr*>(&to.storage);
  return ::connect(probe.get(), address, to.length) == 0 || errno != EADDRNOTAVAIL;
}

}  // namespace

Result Bind(int socket, const SocketAddress& from) {
  // Of IPv6 as well: it is an option of the socket's ports.
  const int on = 1;
  ::setsockopt(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&from.storage), from.length) == 0) {
    return {};
  }
  return Failure(errno);
}

Result Connect(int socket, const SocketAddress& to) {
  SocketAddress address = to;
  if (to.zone.front() != '\0' && !TieToZone(socket, address)) return Failure(errno);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) {
    return {};
  }
  // EINTR here means what EINPROGRESS means: the attempt goes on. A Unix socket whose listener has
  // a full queue says EAGAIN and, unlike with TCP, no event will follow.
  if (errno == EINPROGRESS || errno == EINTR) return {.status = Status::kAgain};
  if (errno == EAGAIN) return {.status = Status::kExhausted, .error = EAGAIN};
  if (errno == EADDRNOTAVAIL && HasSourceFor(address)) {
    return {.status = Status::kExhausted, .error = EADDRNOTAVAIL};
  }
  return Failure(errno);
}

bool IsConnectedToItself(int socket, std::uint16_t port) {
  const SocketAddress local = LocalAddress(socket);
  if (local.port() != port) return false;
  const SocketAddress peer = PeerAddress(socket);
  return local.length == peer.length &&
         std::memcmp(&local.storage, &peer.storage, local.length) == 0;
}

SocketAddress PeerAddress(int socket) {
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  auto* address = reinterpret_cast<sockaddr*>(&peer.storage);
  if (::getpeername(socket, address, &peer.length) != 0) return {};
  return peer;
}

SocketAddress LocalAddress(int socket) {
  SocketAddress local;
  local.length = sizeof local.storage;
  auto* address = reinterpret_cast<sockaddr*>(&local.storage);
  if (::getsockname(socket, address, &local.length) != 0) return {};
  return local;
}

int TakeSocketError(int socket) {
  int error = 0;
  return GetOption(socket, SO_ERROR, error) ? error : errno;
}

Result ShutdownWrite(int socket) {
  if (::shutdown(socket, SHUT_WR) == 0) return {};
  return Failure(errno);
}

bool SetNoDelay(int socket) {
  const int on = 1;
  return ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

void SwitchPacingOff(int socket) { SetCongestionControl(socket, kUnpaced); }

void SwitchPacingOn(int socket) { SetCongestionControl(socket, kPaced); }

void SetResetOnClose(int socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void SetReceiveLowWaterMark(int socket, std::uint32_t bytes) {
  const int value = static_cast<int>(bytes);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value);
}

std::size_t UnacknowledgedBytes(int socket) {
  int count = 0;
  if (::ioctl(socket, SIOCOUTQ, &count) != 0 || count < 0) return 0;
  return static_cast<std::size_t>(count);
}

Result SetNonBlocking(int socket) {
  const int flags = ::fcntl(socket, F_GETFL);
  if (flags < 0) return Failure(errno);
  if ((flags & O_NONBLOCK) != 0) return {};
  return ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0 ? Result{} : Failure(errno);
}

Opened Duplicate(int fd) { return Open(::fcntl(fd, F_DUPFD_CLOEXEC, 0)); }

Inherited Inspect(int fd) {
  // In the order of the questions: each makes sense only after the one before.
  int type = 0;
  if (!GetOption(fd, SO_TYPE, type)) {
    return errno == EBADF ? Inherited::kNotOpen : Inherited::kNoSocket;
  }
  if (type != SOCK_STREAM) return Inherited::kNoStream;
  int family = AF_UNSPEC;
  GetOption(fd, SO_DOMAIN, family);
  if (family != AF_INET && family != AF_INET6 && family != AF_UNIX) return Inherited::kOtherFamily;
  int listening = 0;
  if (GetOption(fd, SO_ACCEPTCONN, listening) && listening != 0) return Inherited::kListening;
  return PeerAddress(fd).length > 0 ? Inherited::kConnected : Inherited::kNotListening;
}

std::string BoundPath(int socket) {
  sockaddr_un local{};
  socklen_t length = sizeof local;
  auto* address = reinterpret_cast<sockaddr*>(&local);
  if (::getsockname(socket, address, &length) != 0 || local.sun_family != AF_UNIX) return {};
  constexpr std::size_t kPathAt = offsetof(sockaddr_un, sun_path);
  if (length <= kPathAt) return {};
  const std::size_t size = std::min(length - kPathAt, sizeof local.sun_path);
  std::string path(local.sun_path, size);
  if (path.front() == '\0') path.front() = '@';
  // A zero byte ends a path, and what some programs pad abstract names with.
  return path.substr(0, path.find('\0'));
}

OpenedPipe OpenPipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0) {
    return {.read_end = UniqueFd(ends[0]), .write_end = UniqueFd(ends[1])};
  }
  return {
      .read_end = UniqueFd(), .write_end = UniqueFd(), .status = StatusOf(errno), .error = errno};
}

std::size_t ResizePipe(int pipe, std::size_t bytes) {
  // EPERM above pipe-max-size, or past the user's budget, leaves the pipe as it was.
  const int size = ::fcntl(pipe, F_SETPIPE_SZ, static_cast<int>(bytes));
  return size > 0 ? static_cast<std::size_t>(size) : PipeSize(pipe);
}

std::size_t PipeSize(int pipe) {
  const int size = ::fcntl(pipe, F_GETPIPE_SZ);
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

Opened OpenEpoll() { return Open(::epoll_create1(EPOLL_CLOEXEC)); }

Status Watch(int epoll, int fd, std::uint64_t data) {
  return Register(epoll, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET, data);
}

Status WatchListener(int epoll, int fd, std::uint64_t data) {
  return Register(epoll, fd, EPOLLIN | EPOLLEXCLUSIVE, data);
}

Status WatchWakeUp(int epoll, int fd, std::uint64_t data) {
  // Edge-triggered, each write to an eventfd is reported, whether it was read in between or not: so
  // nobody reads it, and it counts to 2^64 in peace.
  return Register(epoll, fd, EPOLLIN | EPOLLET, data);
}

void Unwatch(int epoll, int fd) { ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, nullptr); }

std::size_t WaitForEvents(int epoll, std::span<epoll_event> into, int timeout_ms) {
  const auto wait = [&](int ms) {
    return ::epoll_wait(epoll, into.data(), static_cast<int>(into.size()), ms);
  };
  int count = wait(timeout_ms);
  // A process that was stopped wakes up with EINTR, whatever has come meanwhile.
  if (count < 0 && errno == EINTR) count = wait(0);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

std::uint32_t Readiness(int socket) {
  pollfd asked{.fd = socket, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI, .revents = 0};
  if (Retry([&] { return ::poll(&asked, 1, 0); }) <= 0) return 0;
  // The numbers of both are the same (include/uapi/linux/eventpoll.h).
  return static_cast<std::uint32_t>(asked.revents);
}

Opened OpenWakeUp() { return Open(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

void RaiseWakeUp(int wake_up) {
  const std::uint64_t one = 1;
  // Cannot fail but with EAGAIN at 2^64 − 1, and then the loop is woken anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_up, &one, sizeof one);
}

std::uint64_t NowUs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

std::uint64_t NowMs() { return NowUs() / 1000; }

std::uint64_t RandomSeed() {
  std::uint64_t seed = 0;
  // Fails early in the boot of a machine only: then the clock, of which nobody knows the last bits.
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) seed = NowUs();
  return seed;
}

bool PacesUnlessTold() {
  const UniqueFd tried(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  std::array<char, kCongestionControlBytes> name{};
  socklen_t length = name.size() - 1;
  return ::getsockopt(tried.get(), IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) == 0 &&
         std::string_view(name.data()) == kPaced && SetCongestionControl(tried.get(), kUnpaced);
}

int Notify(const std::string& to, const std::string& text, bool waits) {
  std::optional<SocketAddress> address = SocketAddress::FromPath(to);
  if (!address) return ENAMETOOLONG;
  auto* target = reinterpret_cast<sockaddr*>(&address->storage);
  if (to.front() == '@') {
    // An abstract name begins with a zero byte, and has none at its end.
    target->sa_data[0] = '\0';
    --address->length;
  }
  const UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return errno;
  const timeval second{.tv_sec = 1, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  const int flags = MSG_NOSIGNAL | (waits ? 0 : MSG_DONTWAIT);
  const ssize_t sent = Retry([&] {
    return ::sendto(socket.get(), text.data(), text.size(), flags, target, address->length);
  });
  return sent < 0 ? errno : 0;
}

void ExitAtOnce(int status) { ::_exit(status); }

}  // namespace spliceway::sys
