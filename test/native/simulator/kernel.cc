#include "kernel.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <limits>
#include <utility>

#include "loop/event_loop.h"

namespace spliceway::simulator {

using sys::Opened;
using sys::Result;
using sys::Status;

Kernel*& Kernel::Current() {
  thread_local Kernel* current = nullptr;
  return current;
}

void Kernel::Fail(std::string what) {
  Trace("FAILED: %s", what.c_str());
  if (failure_.empty()) failure_ = std::move(what);
}

void Kernel::Trace(const char* format, ...) const {
  if (!traces) return;
  std::printf("%10.3f ms  ", static_cast<double>(now_us_ - 1'000'000'000) / 1000);
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::printf("\n");
}

// ── Descriptors ──

int Kernel::NewFile(File::Kind kind) {
  // The lowest that is free, as the real one, so that numbers are used again at once.
  std::size_t fd = 3;
  while (fd < files_.size() && files_[fd].kind != File::Kind::kFree) ++fd;
  if (fd >= files_.size()) files_.resize(fd + 1);
  files_[fd] = File();
  files_[fd].kind = kind;
  ++open_;
  return static_cast<int>(fd);
}

Kernel::File& Kernel::Get(int fd, File::Kind kind) {
  ++calls_;
  static File nothing;
  if (fd < 0 || At_(fd) >= files_.size() || files_[At_(fd)].kind != kind) {
    Fail("a call with a descriptor that is closed, or of another kind");
    nothing = File();
    nothing.pipe = std::make_shared<PipeBuffer>();
    static Socket no_socket;
    no_socket = Socket();
    no_socket.peer = &no_socket;
    nothing.socket = &no_socket;
    return nothing;
  }
  return files_[At_(fd)];
}

bool Kernel::IsTcp(int fd) const {
  const File& file = files_[At_(fd)];
  return file.kind == File::Kind::kSocket ? file.socket->is_tcp : file.is_tcp;
}

void Kernel::KeepAlive(Socket& socket, int idle_s) {
  if (socket.asks_after_s == 0 || idle_s < socket.asks_after_s) socket.asked_us = now_us_;
  socket.asks_after_s = idle_s;
}

Socket& Kernel::At(int fd) { return *Get(fd, File::Kind::kSocket).socket; }

bool Kernel::Shortage() {
  if (conditions.shortages == 0 || !choices_.OneIn(6)) return false;
  --conditions.shortages;
  ++shortages_met_;
  return true;
}

void Kernel::Close(int fd) {
  ++calls_;
  if (fd < 0 || At_(fd) >= files_.size() || files_[At_(fd)].kind == File::Kind::kFree) {
    return Fail("close of a descriptor that is closed");
  }
  File& file = files_[At_(fd)];
  Trace("close %d", fd);
  while (!file.registrations.empty()) Unwatch(file.registrations.front().epoll, fd);
  switch (file.kind) {
    case File::Kind::kSocket:
      file.socket->fd = -1;
      file.socket->left.unread -= std::min(file.socket->left.unread, file.socket->read);
      file.socket->left.fin = file.socket->left.fin && !file.socket->fin_read();
      CloseSocket(*file.socket);
      break;
    case File::Kind::kListener:
      for (Socket* socket : file.waiting) Reset(*socket);
      break;
    case File::Kind::kReadEnd:
      --pipes_;
      break;
    default:
      break;
  }
  file = File();
  --open_;
}

// ── Readiness ──

bool Kernel::IsReadable(const Socket& socket) {
  // tcp_stream_is_readable: as much as was asked for, or no room for more.
  const std::size_t wanted =
      std::min(socket.low_water, std::max<std::size_t>(socket.in_limit / 2, 1));
  return socket.in.bytes() >= wanted || socket.in.bytes() >= socket.in_limit;
}

std::uint32_t Kernel::Poll(const Socket& socket) {
  std::uint32_t events = 0;
  const bool is_dead = socket.phase == Socket::Phase::kDead;
  if (socket.error != 0) events |= EPOLLERR;
  if (socket.phase == Socket::Phase::kFresh) return events | EPOLLOUT | EPOLLHUP;
  if (socket.phase == Socket::Phase::kConnecting) return events;
  if (is_dead || (socket.fin_in && socket.fin_out)) events |= EPOLLHUP;
  if (is_dead || socket.fin_in) events |= EPOLLIN | EPOLLRDHUP;
  if (IsReadable(socket)) events |= EPOLLIN;
  if (is_dead || socket.fin_out || HasRoom(socket)) events |= EPOLLOUT;
  if (socket.in.holds_urgent()) events |= EPOLLPRI;
  return events;
}

std::uint32_t Kernel::Poll(const File& file) const {
  switch (file.kind) {
    case File::Kind::kSocket:
      // tcp_poll: whoever was told that there is no room is told when there is.
      if (!HasRoom(*file.socket)) file.socket->out_of_space = true;
      return Poll(*file.socket);
    case File::Kind::kListener:
      return file.waiting.empty() ? 0U : EPOLLIN;
    case File::Kind::kWakeUp:
      return file.raised ? EPOLLIN : 0U;
    default:
      return 0;
  }
}

std::uint32_t Kernel::Readiness(int fd) {
  const std::uint32_t events = Poll(Get(fd, File::Kind::kSocket));
  Trace("poll %d: %s%s%s%s%s%s", fd, events & EPOLLIN ? "IN " : "", events & EPOLLOUT ? "OUT " : "",
        events & EPOLLRDHUP ? "RDHUP " : "", events & EPOLLPRI ? "PRI " : "",
        events & EPOLLERR ? "ERR " : "", events & EPOLLHUP ? "HUP " : "");
  return events;
}

const Kernel::Registration* Kernel::In(const File& file, std::optional<int> epoll) {
  for (const Registration& registration : file.registrations) {
    if (!epoll || registration.epoll == *epoll) return &registration;
  }
  return nullptr;
}

/// As with EPOLLEXCLUSIVE: of several loops, up to the first that had nothing to do.
void Kernel::Wake(int fd, std::uint32_t events) {
  for (const Registration& registration : files_[At_(fd)].registrations) {
    if ((events & (registration.events | EPOLLERR | EPOLLHUP)) == 0) continue;
    std::vector<int>& ready = files_[At_(registration.epoll)].ready;
    const bool sleeps = ready.empty();
    if (std::find(ready.begin(), ready.end(), fd) == ready.end()) ready.push_back(fd);
    if (sleeps) return;
  }
}

void Kernel::Wake(const Socket& socket, std::uint32_t events) {
  if (socket.fd >= 0) Wake(socket.fd, events);
}

Status Kernel::Watch(int epoll, int fd, std::uint32_t events, std::uint64_t data) {
  Get(epoll, File::Kind::kEpoll);
  File& file = files_[At_(fd)];
  if (file.kind == File::Kind::kSocket) {
    file.socket->was_watched = true;
    file.socket->handler = data & ~std::uint64_t{EventLoop::kMaxToken};
  }
  if (file.kind != File::Kind::kWakeUp && Shortage()) return Status::kExhausted;
  if (In(file, epoll) != nullptr ||
      (file.kind != File::Kind::kListener && !file.registrations.empty())) {
    Fail("a descriptor was registered twice");
  }
  file.registrations.push_back({.epoll = epoll, .events = events, .data = data});
  // Of what is there already, this one is told.
  if ((Poll(file) & (events | EPOLLERR | EPOLLHUP)) != 0) {
    files_[At_(epoll)].ready.push_back(fd);
  }
  return Status::kOk;
}

void Kernel::Unwatch(int epoll, int fd) {
  ++calls_;
  std::erase_if(files_[At_(fd)].registrations,
                [&](const Registration& registration) { return registration.epoll == epoll; });
  std::erase(files_[At_(epoll)].ready, fd);
}

const Socket* Kernel::Beside(const Socket& socket, bool first) const {
  const Registration* const own = socket.fd < 0 ? nullptr : In(files_[At_(socket.fd)]);
  if (own == nullptr) return nullptr;
  constexpr std::uint64_t kToken = EventLoop::kMaxToken;
  const std::uint64_t data = own->data;
  for (const File& file : files_) {
    const Registration* const registration = In(file);
    if (file.kind != File::Kind::kSocket || file.socket == &socket || !registration) continue;
    // What the loop wants to be told differs in the token alone; a session begins with its client.
    const std::uint64_t other = registration->data;
    if (((other ^ data) & ~kToken) == 0 && ((other & kToken) == 0) == first) return file.socket;
  }
  return nullptr;
}

std::size_t Kernel::Wait(int epoll, std::span<epoll_event> into, int timeout_ms) {
  File& file = Get(epoll, File::Kind::kEpoll);
  --calls_;  // Turns are judged by themselves.
  file.sleeps_until_us = timeout_ms < 0 ? std::numeric_limits<std::uint64_t>::max()
                                        : now_us_ + static_cast<std::uint64_t>(timeout_ms) * 1000;
  if (conditions.signals && timeout_ms != 0 && choices_.OneIn(20)) return 0;
  std::vector<int> looked_at;
  looked_at.swap(file.ready);
  std::size_t count = 0;
  for (std::size_t index = 0; index < looked_at.size(); ++index) {
    const int fd = looked_at[index];
    if (count == into.size()) {
      file.ready.push_back(fd);
      continue;
    }
    const File& watched = files_[At_(fd)];
    const Registration& registration = *In(watched, epoll);
    const std::uint32_t events = Poll(watched) & (registration.events | EPOLLERR | EPOLLHUP);
    if (events == 0) continue;
    into[count].events = events;
    into[count].data.u64 = registration.data;
    ++count;
    if (watched.kind == File::Kind::kSocket && (events & EPOLLIN) != 0) {
      watched.socket->hides = false;
    }
    Trace("event: %d has %s%s%s%s%s%s", fd, events & EPOLLIN ? "IN " : "",
          events & EPOLLOUT ? "OUT " : "", events & EPOLLRDHUP ? "RDHUP " : "",
          events & EPOLLPRI ? "PRI " : "", events & EPOLLERR ? "ERR " : "",
          events & EPOLLHUP ? "HUP " : "");
    if ((registration.events & EPOLLET) == 0) file.ready.push_back(fd);
  }
  // What the loop does now may make it wait for something else: it will ask again.
  if (count > 0) file.sleeps_until_us = now_us_;
  return count;
}

void Kernel::RaiseWakeUp(int fd) {
  Get(fd, File::Kind::kWakeUp).raised = true;
  Wake(fd, EPOLLIN);
}

std::uint64_t Kernel::NowUs() {
  const std::uint64_t now_us = ++now_us_;
  // More often while somebody connects, who could be taken for late.
  const auto connects = [](const auto& socket) {
    return socket->is_core && !socket->closed && socket->phase == Socket::Phase::kConnecting;
  };
  if (conditions.stops &&
      choices_.OneIn(std::any_of(sockets_.begin(), sockets_.end(), connects) ? 16 : 64)) {
    constexpr std::array<std::uint64_t, 3> kSpans = {1'000'000, 60'000'000, 6 * 3'600'000'000};
    const std::uint64_t span_us = kSpans[choices_.Below(3)];
    Trace("the process stands still for %.0f s", static_cast<double>(span_us) / 1e6);
    stopped_us_ += span_us;
    now_us_ += span_us;
    // A loop that stood still in a turn asks again before it sleeps.
    for (File& file : files_) file.sleeps_until_us = std::min(file.sleeps_until_us, now_us_);
  }
  return now_us;
}

void Kernel::BeginTurn() {
  for (const auto& socket : sockets_) {
    if (!socket->is_core || socket->closed) continue;
    socket->left = {.unread = socket->arrived,
                    .fin = socket->fin_in,
                    .room = socket->phase == Socket::Phase::kOpen && HasRoom(*socket),
                    .open = socket->phase == Socket::Phase::kOpen};
  }
}

// ── Pipes, and what wakes loops ──

sys::OpenedPipe Kernel::OpenPipe() {
  ++calls_;
  if (open_ + 2 > conditions.descriptors || Shortage()) {
    return {.read_end = UniqueFd(),
            .write_end = UniqueFd(),
            .status = Status::kExhausted,
            .error = EMFILE};
  }
  auto pipe = std::make_shared<PipeBuffer>();
  const int read_end = NewFile(File::Kind::kReadEnd);
  const int write_end = NewFile(File::Kind::kWriteEnd);
  files_[At_(read_end)].pipe = pipe;
  files_[At_(write_end)].pipe = pipe;
  ++pipes_;
  return {.read_end = UniqueFd(read_end), .write_end = UniqueFd(write_end)};
}

std::size_t Kernel::ResizePipe(int fd, std::size_t bytes) {
  PipeBuffer& pipe = *Get(fd, File::Kind::kWriteEnd).pipe;
  if (Shortage()) return pipe.slots * kPage;
  // Less than was asked for, where the schedule has it so: as past the budget of the user.
  pipe.slots = std::min(bytes / kPage, std::max<std::size_t>(conditions.pipe_slots, 16));
  return pipe.slots * kPage;
}

std::size_t Kernel::PipeSize(int fd) { return Get(fd, File::Kind::kWriteEnd).pipe->slots * kPage; }

Opened Kernel::OpenEpoll() { return {.fd = UniqueFd(NewFile(File::Kind::kEpoll))}; }
Opened Kernel::OpenWakeUp() { return {.fd = UniqueFd(NewFile(File::Kind::kWakeUp))}; }

}  // namespace spliceway::simulator
