#include "meter.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <utility>

#include "check.h"
#include "faults.h"

namespace spliceway::testing {
namespace {

std::array<std::atomic<std::uint64_t>, kCalls> calls{};
std::atomic<std::uint64_t> allocations{0};
std::atomic<std::uint64_t> allocated_bytes{0};
thread_local bool measured = true;

constexpr std::array<const char*, kCalls> kNames{
    "accept4",     "close",      "connect", "epoll_ctl", "epoll_wait", "fcntl", "getpeername",
    "getsockname", "getsockopt", "ioctl",   "pipe2",     "read",       "recv",  "send",
    "setsockopt",  "shutdown",   "socket",  "splice",    "write"};

}  // namespace

std::uint64_t CallCounts::total() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : counts) sum += count;
  return sum - (*this)[Call::kEpollWait];
}

std::string CallCounts::ToString() const {
  std::string text;
  for (std::size_t call = 0; call < kCalls; ++call) {
    if (counts[call] == 0 || static_cast<Call>(call) == Call::kEpollWait) continue;
    if (!text.empty()) text += ", ";
    text += std::string(kNames[call]) + ' ' + std::to_string(counts[call]);
  }
  return text;
}

CallCounts operator-(CallCounts left, const CallCounts& right) {
  for (std::size_t call = 0; call < kCalls; ++call) left.counts[call] -= right.counts[call];
  return left;
}

CallCounts operator*(CallCounts counts, std::uint64_t factor) {
  for (std::uint64_t& count : counts.counts) count *= factor;
  return counts;
}

CallCounts CallsSoFar() {
  CallCounts counts;
  for (std::size_t call = 0; call < kCalls; ++call) counts.counts[call] = calls[call].load();
  return counts;
}

std::uint64_t AllocationsSoFar() { return allocations.load(); }
std::uint64_t AllocatedBytesSoFar() { return allocated_bytes.load(); }

MeasuredScope::MeasuredScope(bool on) : before_(std::exchange(measured, on)) {}
MeasuredScope::~MeasuredScope() { measured = before_; }

void CountCall(Call call) {
  if (measured) calls[static_cast<std::size_t>(call)].fetch_add(1);
}

void CheckCalls(const char* what, const CallCounts& got, const CallCounts& expected,
                const char* file, int line) {
  bool same = true;
  for (std::size_t call = 0; call < kCalls; ++call) {
    same = same && (static_cast<Call>(call) == Call::kEpollWait ||
                    got.counts[call] == expected.counts[call]);
  }
  if (same) return;
  Fail(file, line, std::string("the system calls of ") + what);
  std::printf("    %-12s %8s %8s\n", "", "made", "expected");
  for (std::size_t call = 0; call < kCalls; ++call) {
    if (got.counts[call] == 0 && expected.counts[call] == 0) continue;
    std::printf("    %-12s %8llu %8llu%s\n", kNames[call],
                static_cast<unsigned long long>(got.counts[call]),
                static_cast<unsigned long long>(expected.counts[call]),
                static_cast<Call>(call) == Call::kEpollWait ? "  (not compared)"
                : got.counts[call] == expected.counts[call] ? ""
                                                            : "  <--");
  }
}

}  // namespace spliceway::testing

// The forms that are left out call one of these.

void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  if (spliceway::testing::measured) {
    spliceway::testing::allocations.fetch_add(1);
    spliceway::testing::allocated_bytes.fetch_add(size);
  }
  return std::malloc(size);
}

void* operator new(std::size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) std::abort();
  return memory;
}

void* operator new[](std::size_t size) { return operator new(size); }
void* operator new[](std::size_t size, const std::nothrow_t& tag) noexcept {
  const auto& hook = spliceway::testing::InstalledHooks().allocate;
  if (hook && hook(size) != 0) return nullptr;
  return operator new(size, tag);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
