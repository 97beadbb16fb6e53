#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <functional>

/// Failures of the kernel that cannot be had on demand. The tests are linked with `--wrap`, so each
/// call of the core goes through a function in wrapped.cc, which asks the hook first and then calls
/// the real one.
namespace spliceway::testing {

struct Hooks {
  /// Each gets the call's arguments and returns errno's number to fail with, or 0 to go on.
  std::function<int(int from, int to, unsigned flags)> splice = {};
  std::function<int(int fd)> send = {};
  std::function<int()> socket = {};
  std::function<int()> pipe = {};
  std::function<int(int fd)> connect = {};
  std::function<int(int listener)> accept = {};
  std::function<int(int operation, int fd)> epoll_ctl = {};
  /// The time, in microseconds.
  std::function<std::uint64_t()> now_us = {};
  /// For `new (std::nothrow) T[]` alone: nothing else in the core can be refused memory.
  std::function<int(std::size_t bytes)> allocate = {};
  /// Told the time-out of each wait, in milliseconds.
  std::function<void(int timeout_ms)> wait = {};
  /// Gets what epoll_wait is about to return, to change the order.
  std::function<void(epoll_event* events, int count)> events = {};
};

/// Installs hooks while it lives. One at a time; calls come from any thread.
class HookScope {
 public:
  explicit HookScope(Hooks hooks);
  ~HookScope();
  HookScope(const HookScope&) = delete;
  HookScope& operator=(const HookScope&) = delete;
};

/// What is installed now; for wrapped.cc.
const Hooks& InstalledHooks();

/// True for a pipe's descriptor.
bool IsPipe(int fd);
/// True for a socket that is a stream.
bool IsStream(int fd);

}  // namespace spliceway::testing
