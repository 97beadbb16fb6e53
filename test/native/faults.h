#pragma once

#include <atomic>
#include <functional>

/// Failures of the kernel that cannot be had on demand. The tests are linked with `--wrap`, so each
/// call of the core goes through a function here, which asks the hook first and then calls the real
/// one.
namespace spliceway::testing {

struct Hooks {
  /// Each gets the call's arguments and returns errno's number to fail with, or 0 to go on.
  std::function<int(int from, int to, unsigned flags)> splice = {};
  std::function<int()> socket = {};
  std::function<int()> pipe = {};
  std::function<int(int fd)> connect = {};
};

/// Installs hooks while it lives. One at a time; calls come from any thread.
class HookScope {
 public:
  explicit HookScope(Hooks hooks);
  ~HookScope();
  HookScope(const HookScope&) = delete;
  HookScope& operator=(const HookScope&) = delete;
};

/// True for a pipe's descriptor.
bool IsPipe(int fd);

}  // namespace spliceway::testing
