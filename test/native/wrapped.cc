// Stands between the core and the C library: the linker sends each call of a function named in the
// Makefile's WRAPPED to its __wrap_ here.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <functional>

#include "faults.h"
#include "meter.h"
#include "steady_clock.h"

namespace {

using spliceway::testing::Call;
using spliceway::testing::CountCall;
using spliceway::testing::InstalledHooks;
using spliceway::testing::SteadyTime;

/// Counts the call and sets errno to what the hook wants; true when the call must fail.
template <typename... Arguments>
bool Fails(Call call, const std::function<int(Arguments...)>& hook, Arguments... arguments) {
  CountCall(call);
  const int error = hook ? hook(arguments...) : 0;
  if (error != 0) errno = error;
  return error != 0;
}

std::uint64_t Microseconds(const timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1000;
}

}  // namespace

extern "C" int __real_clock_gettime(clockid_t clock, timespec* now);

namespace {

std::uint64_t RealMicroseconds() {
  timespec now{};
  __real_clock_gettime(CLOCK_MONOTONIC, &now);
  return Microseconds(now);
}

}  // namespace

/// Wraps a function that is only counted.
#define COUNTED(call, result, name, parameters, arguments) \
  result __real_##name parameters;                         \
  result __wrap_##name parameters;                         \
  result __wrap_##name parameters {                        \
    CountCall(call);                                       \
    return __real_##name arguments;                        \
  }

extern "C" {

COUNTED(Call::kClose, int, close, (int fd), (fd))
COUNTED(Call::kGetpeername, int, getpeername, (int fd, sockaddr* address, socklen_t* length),
        (fd, address, length))
COUNTED(Call::kGetsockname, int, getsockname, (int fd, sockaddr* address, socklen_t* length),
        (fd, address, length))
COUNTED(Call::kGetsockopt, int, getsockopt,
        (int fd, int level, int name, void* value, socklen_t* length),
        (fd, level, name, value, length))
COUNTED(Call::kRead, ssize_t, read, (int fd, void* into, size_t length), (fd, into, length))
COUNTED(Call::kRecv, ssize_t, recv, (int fd, void* into, size_t length, int flags),
        (fd, into, length, flags))
COUNTED(Call::kSetsockopt, int, setsockopt,
        (int fd, int level, int name, const void* value, socklen_t length),
        (fd, level, name, value, length))
COUNTED(Call::kShutdown, int, shutdown, (int fd, int how), (fd, how))
COUNTED(Call::kWrite, ssize_t, write, (int fd, const void* from, size_t length), (fd, from, length))
// Variadic: a third argument that was not passed is read and handed on as it is.
COUNTED(Call::kFcntl, int, fcntl, (int fd, int operation, unsigned long argument),
        (fd, operation, argument))
COUNTED(Call::kIoctl, int, ioctl, (int fd, unsigned long request, void* argument),
        (fd, request, argument))

int __real_accept4(int listener, sockaddr* address, socklen_t* length, int flags);
int __wrap_accept4(int listener, sockaddr* address, socklen_t* length, int flags);
int __wrap_accept4(int listener, sockaddr* address, socklen_t* length, int flags) {
  if (Fails(Call::kAccept, InstalledHooks().accept, listener)) return -1;
  return __real_accept4(listener, address, length, flags);
}

int __wrap_clock_gettime(clockid_t clock, timespec* now);
int __wrap_clock_gettime(clockid_t clock, timespec* now) {
  if (__real_clock_gettime(clock, now) != 0) return -1;
  const std::uint64_t us =
      InstalledHooks().now_us ? InstalledHooks().now_us() : SteadyTime(Microseconds(*now));
  now->tv_sec = static_cast<time_t>(us / 1'000'000);
  now->tv_nsec = static_cast<long>(us % 1'000'000 * 1000);
  return 0;
}

int __real_connect(int fd, const sockaddr* address, socklen_t length);
int __wrap_connect(int fd, const sockaddr* address, socklen_t length);
int __wrap_connect(int fd, const sockaddr* address, socklen_t length) {
  if (Fails(Call::kConnect, InstalledHooks().connect, fd)) return -1;
  return __real_connect(fd, address, length);
}

int __real_epoll_ctl(int epoll, int operation, int fd, epoll_event* event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  if (Fails(Call::kEpollCtl, InstalledHooks().epoll_ctl, operation, fd)) return -1;
  return __real_epoll_ctl(epoll, operation, fd, event);
}

int __real_epoll_wait(int epoll, epoll_event* events, int capacity, int timeout_ms);
int __wrap_epoll_wait(int epoll, epoll_event* events, int capacity, int timeout_ms);
int __wrap_epoll_wait(int epoll, epoll_event* events, int capacity, int timeout_ms) {
  CountCall(Call::kEpollWait);
  if (InstalledHooks().wait) InstalledHooks().wait(timeout_ms);
  // Without a time-out there is no timer that could run off.
  const std::uint64_t longest_us = timeout_ms < 0
                                       ? std::uint64_t{1} << 40
                                       : std::uint64_t{1000} * static_cast<unsigned>(timeout_ms);
  SteadyTime(RealMicroseconds());
  const int count = __real_epoll_wait(epoll, events, capacity, timeout_ms);
  SteadyTime(RealMicroseconds(), longest_us);
  if (count > 0 && InstalledHooks().events) InstalledHooks().events(events, count);
  return count;
}

int __real_pipe2(int* ends, int flags);
int __wrap_pipe2(int* ends, int flags);
int __wrap_pipe2(int* ends, int flags) {
  if (Fails(Call::kPipe, InstalledHooks().pipe)) return -1;
  return __real_pipe2(ends, flags);
}

ssize_t __real_send(int fd, const void* from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void* from, size_t length, int flags);
ssize_t __wrap_send(int fd, const void* from, size_t length, int flags) {
  if (Fails(Call::kSend, InstalledHooks().send, fd)) return -1;
  return __real_send(fd, from, length, flags);
}

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol) {
  if (Fails(Call::kSocket, InstalledHooks().socket)) return -1;
  return __real_socket(domain, type, protocol);
}

ssize_t __real_splice(int from, loff_t* from_offset, int to, loff_t* to_offset, size_t length,
                      unsigned flags);
ssize_t __wrap_splice(int from, loff_t* from_offset, int to, loff_t* to_offset, size_t length,
                      unsigned flags);
ssize_t __wrap_splice(int from, loff_t* from_offset, int to, loff_t* to_offset, size_t length,
                      unsigned flags) {
  if (Fails(Call::kSplice, InstalledHooks().splice, from, to, flags)) return -1;
  return __real_splice(from, from_offset, to, to_offset, length, flags);
}

}  // extern "C"
