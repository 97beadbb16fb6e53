#include "relay/pipe_pool.h"

#include <algorithm>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// Pages of a pipe as the kernel makes it (fs/pipe.c, PIPE_DEF_BUFFERS).
constexpr std::size_t kDefaultPages = 16;
/// What an unprivileged process may ask for (`pipe-max-size`). One slot, a page, holds one fragment
/// of a packet, whatever its size, so a pipe of 16 slots fills at some 23 KiB of MSS-sized
/// segments; 256 slots cost half the CPU a byte.
constexpr std::size_t kLargeBytes = 1024 * 1024;
/// For processes that the kernel does not limit, should all pipes be full at once.
constexpr std::size_t kUnlimitedBytes = 256 * 1024 * 1024;
constexpr std::size_t kIdlePipes = 32;
constexpr std::uint64_t kRefusedForMs = 1000;

}  // namespace

PipeLimits PipeLimits::ForThisMachine(std::size_t pools) {
  const std::size_t page = sys::PageSize();
  const std::size_t soft = sys::PipePagesSoftLimit();
  const bool unlimited = soft == 0 || sys::IsExemptFromPipeLimits();
  const std::size_t total =
      unlimited ? kUnlimitedBytes : std::min(soft / 2 * page, kUnlimitedBytes);
  return {.large_bytes = std::max(kLargeBytes, kDefaultPages * page),
          .default_bytes = kDefaultPages * page,
          .total_bytes = total / pools,
          .pipes = std::max<std::size_t>(sys::DescriptorLimit() / 64 / pools, 1),
          .idle = kIdlePipes};
}

std::unique_ptr<Pipe> PipePool::Borrow(std::uint64_t now_ms) {
  if (idle_.empty()) return Create(now_ms);
  std::unique_ptr<Pipe> pipe = std::move(idle_.back());
  idle_.pop_back();
  fewest_idle_ = std::min(fewest_idle_, idle_.size());
  return pipe;
}

std::unique_ptr<Pipe> PipePool::Create(std::uint64_t now_ms) {
  if (alive_ >= limits_.pipes || now_ms < refused_until_ms_) return nullptr;
  if (capacity_ + limits_.default_bytes > limits_.total_bytes) return nullptr;

  sys::OpenedPipe opened = sys::OpenPipe();
  if (opened.status != sys::Status::kOk) {
    refused_until_ms_ = now_ms + kRefusedForMs;
    return nullptr;
  }
  const bool large = capacity_ + limits_.large_bytes <= limits_.total_bytes / 2;
  const std::size_t capacity = large ? sys::ResizePipe(opened.write_end.get(), limits_.large_bytes)
                                     : sys::PipeSize(opened.write_end.get());
  // Past the user's limit the kernel gives pipes of two slots. Copying beats those.
  if (capacity < limits_.default_bytes) {
    refused_until_ms_ = now_ms + kRefusedForMs;
    return nullptr;
  }
  ++alive_;
  capacity_ += capacity;
  auto pipe = std::make_unique<Pipe>();
  pipe->read_end = std::move(opened.read_end);
  pipe->write_end = std::move(opened.write_end);
  pipe->capacity = capacity;
  return pipe;
}

void PipePool::Return(std::unique_ptr<Pipe> pipe) {
  if (pipe->held > 0 || idle_.size() >= limits_.idle) {
    Discard(std::move(pipe));
  } else {
    idle_.push_back(std::move(pipe));
  }
}

void PipePool::Trim() {
  for (; fewest_idle_ > 0; --fewest_idle_) {
    Discard(std::move(idle_.back()));
    idle_.pop_back();
  }
  fewest_idle_ = idle_.size();
}

void PipePool::Discard(std::unique_ptr<Pipe> pipe) {
  --alive_;
  capacity_ -= pipe->capacity;
}

}  // namespace spliceway
