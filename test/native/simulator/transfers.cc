// The kernel's calls that move bytes: reads, writes and splices.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "kernel.h"
#include "results.h"

namespace spliceway::simulator {

using sys::Result;
using sys::Status;

// ── What schedules let happen in them ──

/// The network does not wait for the end of a turn: before a call something may arrive.
void Kernel::Race(Socket& socket) {
  if (!conditions.races || socket.peer == nullptr || !choices_.OneIn(4)) return;
  Socket& from = choices_.OneIn(4) ? socket : *socket.peer;
  if (CanPass(from)) Pass(from);
}

/// A call does less than it could, as if the rest came a moment later. On TCP only: a Unix socket's
/// buffer is its peer's.
bool Kernel::Hesitates(const Socket& socket) {
  return conditions.hesitates && socket.is_tcp && choices_.OneIn(8);
}

/// The call says EAGAIN without a need; the events come afterwards.
bool Kernel::SaysAgain(Socket& socket, std::uint32_t events) {
  if (!Hesitates(socket)) return false;
  if ((events & EPOLLOUT) != 0) socket.out_of_space = true;
  if ((events & EPOLLIN) != 0) socket.hides = true;
  Wake(socket, events);
  return true;
}

// ── Reading ──

void Kernel::NoteEndRead(Socket& socket) const {
  socket.fin_read_us = std::min(socket.fin_read_us, now_us_);
}

void Kernel::AfterRead(Socket& socket, std::size_t count) {
  socket.read += count;
  if (socket.is_core) bytes_moved_ += count;
  // A Unix socket's buffer is the peer's: reading makes room for it at once.
  if (!socket.is_tcp && socket.peer->out_of_space && HasRoom(*socket.peer)) Flush(*socket.peer);
}

Result Kernel::Receive(int fd, std::span<std::byte> into) {
  Socket& socket = At(fd);
  Race(socket);
  if (socket.in.bytes() > 0) {
    if (Shortage()) return {.status = Status::kExhausted, .error = ENOBUFS};
    if (SaysAgain(socket, EPOLLIN)) return kAgain;
    if (Hesitates(socket)) {
      into = into.first(std::min(into.size(), 1 + choices_.UpTo(socket.in.bytes())));
      socket.hides = true;
      Wake(socket, EPOLLIN);
    }
  }
  std::size_t count = 0;
  while (!socket.in.empty() && count < into.size()) {
    if (socket.in.front().urgent) {
      // tcp_recvmsg stops before the mark, and steps over it when it stands there.
      if (count > 0) break;
      socket.in.Take();
      continue;
    }
    const Fragment taken = socket.in.Take(into.size() - count);
    std::memcpy(into.data() + count, taken.data(), taken.size());
    count += taken.size();
    // Between two messages with descriptors.
    if (!socket.is_tcp && choices_.OneIn(8)) break;
  }
  Trace("recv %d, %zu: %zu", fd, into.size(), count);
  if (count > 0) {
    AfterRead(socket, count);
    return {.bytes = count};
  }
  if (socket.error != 0) {
    NoteEndRead(socket);
    return Failed(std::exchange(socket.error, 0));
  }
  if (socket.fin_in || socket.phase == Socket::Phase::kDead) {
    NoteEndRead(socket);
    return kEnd;
  }
  return kAgain;
}

Result Kernel::SpliceIn(Socket& socket, PipeBuffer& pipe, std::size_t length) {
  std::size_t count = 0;
  if (pipe.held.fragments() >= pipe.slots) return kAgain;
  while (!socket.in.empty() && count < length && pipe.held.fragments() < pipe.slots) {
    if (socket.in.front().urgent) break;  // For ever.
    Fragment taken = socket.in.Take(std::min(length - count, kPage));
    count += taken.size();
    pipe.held.Push(std::move(taken));
    if (conditions.signals && choices_.OneIn(8)) break;
  }
  if (count > 0) {
    AfterRead(socket, count);
    return {.bytes = count};
  }
  if (socket.error != 0) {
    NoteEndRead(socket);
    return Failed(std::exchange(socket.error, 0));
  }
  if (socket.fin_in || socket.phase == Socket::Phase::kDead) {
    if (socket.in.empty()) NoteEndRead(socket);
    return kEnd;
  }
  return kAgain;
}

Result Kernel::ReadPipe(int fd, std::span<std::byte> into) {
  ByteQueue& held = Get(fd, File::Kind::kReadEnd).pipe->held;
  std::size_t count = 0;
  while (!held.empty() && count < into.size()) {
    const Fragment taken = held.Take(into.size() - count);
    std::memcpy(into.data() + count, taken.data(), taken.size());
    count += taken.size();
  }
  if (count == 0) return kAgain;
  return {.bytes = count};
}

std::size_t Kernel::Read(Socket& socket, std::size_t most, std::string& into) {
  std::size_t count = 0;
  while (!socket.in.empty() && count < most) {
    const Fragment taken = socket.in.Take(most - count);
    if (taken.urgent) continue;
    into.append(taken.data(), taken.size());
    count += taken.size();
  }
  AfterRead(socket, count);
  return count;
}

// ── Writing ──

/// What a write meets instead of room: errno's number, told once; 0 for nothing.
int Kernel::WriteError(Socket& socket) {
  if (socket.error != 0) return std::exchange(socket.error, 0);
  if (socket.fin_out || socket.phase == Socket::Phase::kDead) return EPIPE;
  if (!socket.is_tcp && socket.peer->closed) return EPIPE;
  return 0;
}

Result Kernel::Send(int fd, std::span<const std::byte> from) {
  Socket& socket = At(fd);
  Race(socket);
  const int error = WriteError(socket);
  if (error != 0) {
    Trace("send %d, %zu: errno %d", fd, from.size(), error);
    return Failed(error);
  }
  if (Shortage()) return {.status = Status::kExhausted, .error = ENOBUFS};
  if (SaysAgain(socket, EPOLLOUT)) return kAgain;
  if (Hesitates(socket)) from = from.first(std::min(from.size(), 1 + choices_.UpTo(from.size())));
  const std::size_t count = Write(socket, reinterpret_cast<const char*>(from.data()), from.size());
  Trace("send %d, %zu: %zu", fd, from.size(), count);
  if (count == 0) return kAgain;
  return {.bytes = count};
}

std::size_t Kernel::Write(Socket& socket, const char* bytes, std::size_t count) {
  const std::size_t some = std::min(count, Room(socket));
  if (some < count) socket.out_of_space = true;
  if (some == 0) return 0;
  auto block = std::make_shared<const std::string>(bytes, some);
  for (std::size_t begin = 0; begin < some; begin += conditions.segment) {
    socket.out.Push(
        {.block = block, .begin = begin, .end = std::min(begin + conditions.segment, some)});
  }
  socket.written += some;
  socket.moved_us = now_us_;
  if (!socket.is_tcp) Flush(socket);
  return some;
}

void Kernel::WriteUrgent(Socket& socket) {
  static const auto block = std::make_shared<const std::string>("!");
  socket.out.Push({.block = block, .begin = 0, .end = 1, .urgent = true});
}

Result Kernel::SpliceOut(PipeBuffer& pipe, Socket& socket, std::size_t length) {
  const int error = WriteError(socket);
  if (error != 0) return Failed(error);
  std::size_t count = 0;
  while (!pipe.held.empty() && count < length) {
    const std::size_t room = Room(socket);
    if (room == 0) {
      socket.out_of_space = true;
      break;
    }
    Fragment taken = pipe.held.Take(std::min(length - count, room));
    count += taken.size();
    socket.written += taken.size();
    socket.out.Push(std::move(taken));
    if (!socket.is_tcp) Flush(socket);
    if (conditions.signals && choices_.OneIn(8)) break;
  }
  if (count == 0) return kAgain;
  socket.moved_us = now_us_;
  return {.bytes = count};
}

Result Kernel::Splice(int from, int to, std::size_t length) {
  const bool into_pipe = files_[At_(from)].kind == File::Kind::kSocket;
  Socket& socket = At(into_pipe ? from : to);
  PipeBuffer& pipe =
      into_pipe ? *Get(to, File::Kind::kWriteEnd).pipe : *Get(from, File::Kind::kReadEnd).pipe;
  --calls_;
  if (socket.refuses_splice) return {.status = Status::kUnsupported, .error = EINVAL};
  if (Shortage()) return {.status = Status::kExhausted, .error = ENOMEM};
  Race(socket);
  if (into_pipe && socket.in.bytes() > 0 && SaysAgain(socket, EPOLLIN)) return kAgain;
  if (!into_pipe && SaysAgain(socket, EPOLLOUT)) return kAgain;
  const Result result =
      into_pipe ? SpliceIn(socket, pipe, length) : SpliceOut(pipe, socket, length);
  Trace("splice %d to %d, %zu: %zu%s", from, to, length, result.bytes,
        result.status == Status::kAgain    ? " EAGAIN"
        : result.status == Status::kEnd    ? " end"
        : result.status == Status::kFailed ? " failed"
                                           : "");
  return result;
}

}  // namespace spliceway::simulator
