#include "relay/pipe_pool.h"

#include <algorithm>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

constexpr std::uint64_t kRefusedForMs = 1000;

}  // namespace

PipePool::~PipePool() {
  for (std::unique_ptr<Pipe>& pipe : idle_) Discard(std::move(pipe));
}

std::unique_ptr<Pipe> PipePool::Borrow(std::uint64_t now_ms) {
  if (idle_.empty()) return Create(now_ms);
  std::unique_ptr<Pipe> pipe = std::move(idle_.back());
  idle_.pop_back();
  fewest_idle_ = std::min(fewest_idle_, idle_.size());
  return pipe;
}

std::unique_ptr<Pipe> PipePool::Create(std::uint64_t now_ms) {
  if (now_ms < refused_until_ms_) return nullptr;
  const bool is_first = alive_ == 0;
  const std::size_t granted = budget_.Take(is_first);
  if (granted == 0) return nullptr;

  const std::size_t usual = budget_.limits().default_bytes;
  sys::OpenedPipe opened = sys::OpenPipe();
  std::size_t capacity = 0;
  if (opened.status == sys::Status::kOk) {
    capacity = granted > usual ? sys::ResizePipe(opened.write_end.get(), granted)
                               : sys::PipeSize(opened.write_end.get());
  }
  // Past the user's limit the kernel gives pipes of two slots. Copying beats those.
  if (capacity < usual) {
    budget_.Give(granted, is_first);
    refused_until_ms_ = now_ms + kRefusedForMs;
    return nullptr;
  }
  budget_.Correct(granted, capacity);
  ++alive_;
  auto pipe = std::make_unique<Pipe>();
  pipe->read_end = std::move(opened.read_end);
  pipe->write_end = std::move(opened.write_end);
  pipe->capacity = capacity;
  return pipe;
}

void PipePool::Return(std::unique_ptr<Pipe> pipe) {
  if (pipe->held > 0 || idle_.size() >= budget_.limits().idle) {
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
  budget_.Give(pipe->capacity, alive_ == 0);
}

}  // namespace spliceway
