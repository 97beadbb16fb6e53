#include "relay/pipe_pool.h"

#include <algorithm>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

constexpr std::size_t kPage = 4096;
/// The kernel's own default, 16 pages (fs/pipe.c, PIPE_DEF_BUFFERS).
constexpr std::size_t kDefaultBytes = 16 * kPage;
/// What an unprivileged process may ask for (`pipe-max-size`). One slot holds one fragment of a
/// packet, whatever its size, so a pipe of 16 slots fills at some 23 KiB of MSS-sized segments; 256
/// slots cost half the CPU a byte.
constexpr std::size_t kLargeBytes = 256 * kPage;
/// Pages for processes that the kernel does not limit: 256 MiB, should all pipes be full at once.
constexpr std::size_t kUnlimitedPages = 65'536;
constexpr std::size_t kIdlePipes = 32;
constexpr std::uint64_t kRefusedForMs = 1000;

std::size_t PagesOf(std::size_t bytes) { return (bytes + kPage - 1) / kPage; }

}  // namespace

PipeLimits PipeLimits::ForThisMachine(std::size_t pools) {
  const std::size_t soft = sys::PipePagesSoftLimit();
  const std::size_t pages = soft == 0 || sys::IsExemptFromPipeLimits()
                                ? kUnlimitedPages
                                : std::min(soft / 2, kUnlimitedPages);
  return {.large_bytes = kLargeBytes,
          .default_bytes = kDefaultBytes,
          .pages = pages / pools,
          .pipes = std::max<std::size_t>(sys::DescriptorLimit() / 16 / pools, 1),
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
  if (pages_ + PagesOf(limits_.default_bytes) > limits_.pages) return nullptr;

  sys::OpenedPipe opened = sys::OpenPipe();
  if (opened.status != sys::Status::kOk) {
    refused_until_ms_ = now_ms + kRefusedForMs;
    return nullptr;
  }
  const bool large = pages_ + PagesOf(limits_.large_bytes) <= limits_.pages / 2;
  const std::size_t capacity = large ? sys::ResizePipe(opened.write_end.get(), limits_.large_bytes)
                                     : sys::PipeSize(opened.write_end.get());
  // Past the user's limit the kernel gives pipes of two slots. Copying beats those.
  if (capacity < limits_.default_bytes) {
    refused_until_ms_ = now_ms + kRefusedForMs;
    return nullptr;
  }
  ++alive_;
  pages_ += PagesOf(capacity);
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
  pages_ -= PagesOf(pipe->capacity);
}

}  // namespace spliceway
