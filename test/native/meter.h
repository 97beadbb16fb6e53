#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What the core costs, counted: system calls (by wrapped.cc) and allocations (by meter.cc, which
/// replaces operator new).
///
/// Every thread is measured but that of the tests, whose own calls would be in the way; it is
/// measured where a `MeasuredScope` says so.
namespace spliceway::testing {

enum class Call : std::uint8_t {
  kAccept,
  kClose,
  kConnect,
  kEpollCtl,
  kEpollWait,
  kFcntl,
  kGetpeername,
  kGetsockname,
  kGetsockopt,
  kIoctl,
  kPipe,
  kRead,
  kRecv,
  kSend,
  kSetsockopt,
  kShutdown,
  kSocket,
  kSplice,
  kWrite,
};
constexpr std::size_t kCalls = static_cast<std::size_t>(Call::kWrite) + 1;

/// How often each call was made.
struct CallCounts {
  std::array<std::uint64_t, kCalls> counts{};

  [[nodiscard]] std::uint64_t operator[](Call call) const {
    return counts[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] std::uint64_t& operator[](Call call) {
    return counts[static_cast<std::size_t>(call)];
  }
  /// All but epoll_wait, whose number depends on what happens to come together.
  [[nodiscard]] std::uint64_t total() const;
  /// "recv 2, send 2": all but epoll_wait and those that were not made.
  [[nodiscard]] std::string ToString() const;
};
CallCounts operator-(CallCounts left, const CallCounts& right);
CallCounts operator*(CallCounts counts, std::uint64_t factor);

/// What has been called so far; take it before and after, and subtract.
CallCounts CallsSoFar();
/// Calls of operator new so far.
std::uint64_t AllocationsSoFar();
/// Bytes that they asked for.
std::uint64_t AllocatedBytesSoFar();

/// Measures this thread, or leaves it out, while it lives.
class MeasuredScope {
 public:
  explicit MeasuredScope(bool measured = true);
  ~MeasuredScope();
  MeasuredScope(const MeasuredScope&) = delete;
  MeasuredScope& operator=(const MeasuredScope&) = delete;

 private:
  bool before_;
};

/// For wrapped.cc.
void CountCall(Call call);

/// Fails the test, with a table, where counts differ (epoll_wait left out).
void CheckCalls(const char* what, const CallCounts& got, const CallCounts& expected,
                const char* file, int line);

}  // namespace spliceway::testing

#define CHECK_CALLS(what, got, expected) \
  ::spliceway::testing::CheckCalls((what), (got), (expected), __FILE__, __LINE__)
