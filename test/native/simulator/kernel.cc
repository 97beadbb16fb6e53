#include "kernel.h"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

namespace spliceway::simulator {

using sys::Opened;
using sys::Result;
using sys::Status;

namespace {

constexpr std::size_t kPage = 4096;

Result Failed(int error) { return {.status = Status::kFailed, .error = error}; }
constexpr Result kAgain = {.status = Status::kAgain};
constexpr Result kEnd = {.status = Status::kEnd};

}  // namespace

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

Socket& Kernel::At(int fd) { return *Get(fd, File::Kind::kSocket).socket; }

bool Kernel::Shortage() {
  if (conditions.shortages == 0 || !choices_.OneIn(6)) return false;
  --conditions.shortages;
  ++shortages_met_;
  return true;
}

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
  Wake(socket, events);
  return true;
}

void Kernel::Close(int fd) {
  ++calls_;
  if (fd < 0 || At_(fd) >= files_.size() || files_[At_(fd)].kind == File::Kind::kFree) {
    return Fail("close of a descriptor that is closed");
  }
  File& file = files_[At_(fd)];
  Trace("close %d", fd);
  if (file.registration) Unwatch(file.registration->epoll, fd);
  switch (file.kind) {
    case File::Kind::kSocket:
      file.socket->fd = -1;
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

void Kernel::Wake(int fd, std::uint32_t events) {
  const File& file = files_[At_(fd)];
  if (!file.registration) return;
  if ((events & (file.registration->events | EPOLLERR | EPOLLHUP)) == 0) return;
  std::vector<int>& ready = files_[At_(file.registration->epoll)].ready;
  if (std::find(ready.begin(), ready.end(), fd) == ready.end()) ready.push_back(fd);
}

void Kernel::Wake(const Socket& socket, std::uint32_t events) {
  if (socket.fd >= 0) Wake(socket.fd, events);
}

Status Kernel::Watch(int epoll, int fd, std::uint32_t events, std::uint64_t data) {
  Get(epoll, File::Kind::kEpoll);
  File& file = files_[At_(fd)];
  if (file.kind == File::Kind::kSocket) file.socket->was_watched = true;
  if (file.kind != File::Kind::kWakeUp && Shortage()) return Status::kExhausted;
  if (file.registration) Fail("a descriptor was registered twice");
  file.registration = Registration{.epoll = epoll, .events = events, .data = data};
  const std::uint32_t now = Poll(file);
  if (now != 0) Wake(fd, now);
  return Status::kOk;
}

void Kernel::Unwatch(int epoll, int fd) {
  ++calls_;
  files_[At_(fd)].registration.reset();
  std::erase(files_[At_(epoll)].ready, fd);
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
    const Registration& registration = *watched.registration;
    const std::uint32_t events = Poll(watched) & (registration.events | EPOLLERR | EPOLLHUP);
    if (events == 0) continue;
    into[count].events = events;
    into[count].data.u64 = registration.data;
    ++count;
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

std::uint64_t Kernel::NowUs() { return ++now_us_; }

// ── Opening ──

Socket& Kernel::NewSocket(std::uint16_t port, bool is_tcp) {
  sockets_.push_back(std::make_unique<Socket>());
  Socket& socket = *sockets_.back();
  socket.port = port;
  socket.is_tcp = is_tcp;
  for (std::size_t* limit : {&socket.in_limit, &socket.out_limit}) {
    *limit = choices_.OneIn(3)
                 ? conditions.largest_buffer
                 : std::max(choices_.UpTo(conditions.largest_buffer), conditions.smallest_buffer);
  }
  socket.refuses_splice = conditions.refuses_splice && choices_.OneIn(2);
  socket.moved_us = now_us_;
  return socket;
}

std::pair<Socket*, Socket*> Kernel::NewPair(std::uint16_t port, bool is_tcp) {
  Socket& near = NewSocket(port, is_tcp);
  Socket& far = NewSocket(port, is_tcp);
  near.peer = &far;
  far.peer = &near;
  near.phase = far.phase = Socket::Phase::kOpen;
  near.is_core = true;
  return {&near, &far};
}

Opened Kernel::OpenSocket(bool is_tcp) {
  ++calls_;
  if (open_ >= conditions.descriptors || Shortage()) {
    return {.fd = UniqueFd(), .status = Status::kExhausted, .error = EMFILE};
  }
  const int fd = NewFile(File::Kind::kSocket);
  Socket& socket = NewSocket(0, is_tcp);
  socket.is_core = true;
  socket.fd = fd;
  files_[At_(fd)].socket = &socket;
  return {.fd = UniqueFd(fd)};
}

Result Kernel::Connect(int fd, std::uint16_t port) {
  Socket& socket = At(fd);
  socket.port = port;
  socket.connect_us = now_us_;
  socket.others = OthersOf(socket);
  Trace("connect %d to port %u", fd, port);
  if (backends[port] == Backend::kUnreachable) return Failed(ENETUNREACH);
  if (!socket.is_tcp) {
    if (backends[port] != Backend::kAccepts) return Failed(ECONNREFUSED);
    // The queue of a Unix socket's listener is full.
    if (Shortage()) return {.status = Status::kExhausted, .error = EAGAIN};
    Socket& far = NewSocket(port, false);
    far.peer = &socket;
    socket.peer = &far;
    socket.phase = far.phase = Socket::Phase::kOpen;
    socket.connects_at_once = true;
    return {};
  }
  if (Shortage()) return {.status = Status::kExhausted, .error = ENOBUFS};
  socket.phase = Socket::Phase::kConnecting;
  return kAgain;
}

Socket* Kernel::Tell(Socket& socket) {
  if (backends[socket.port] != Backend::kAccepts) {
    Trace("port %u refuses", socket.port);
    socket.error = ECONNREFUSED;
    socket.phase = Socket::Phase::kDead;
    Wake(socket, EPOLLERR | EPOLLHUP | EPOLLIN | EPOLLOUT);
    return nullptr;
  }
  Trace("port %u accepts", socket.port);
  if (socket.connects_at_once) {
    socket.accepted = true;
    return socket.peer;
  }
  Socket& far = NewSocket(socket.port, socket.is_tcp);
  far.peer = &socket;
  socket.peer = &far;
  far.phase = socket.phase = Socket::Phase::kOpen;
  socket.moved_us = now_us_;
  Wake(socket, EPOLLOUT);
  return &far;
}

int Kernel::Listen(std::uint16_t port, bool is_tcp) {
  const int fd = NewFile(File::Kind::kListener);
  files_[At_(fd)].port = port;
  files_[At_(fd)].is_tcp = is_tcp;
  return fd;
}

Socket* Kernel::ConnectTo(std::uint16_t port, std::uint16_t client_port) {
  for (std::size_t fd = 0; fd < files_.size(); ++fd) {
    if (files_[fd].kind != File::Kind::kListener || files_[fd].port != port) continue;
    const auto [near, far] = NewPair(client_port, files_[fd].is_tcp);
    files_[fd].waiting.push_back(near);
    Wake(static_cast<int>(fd), EPOLLIN);
    return far;
  }
  return nullptr;
}

/// Sockets of the core that are open to the same backend, or accepted from the same client.
std::size_t Kernel::OthersOf(const Socket& socket) const {
  return static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [&](const auto& other) {
        if (!other->is_core || other->fd < 0 || other.get() == &socket) return false;
        if (!socket.was_accepted) return other->port == socket.port;
        return other->was_accepted && HostOf(other->port) == HostOf(socket.port);
      }));
}

std::size_t Kernel::clients_waiting() const {
  std::size_t count = 0;
  for (const File& file : files_) count += file.waiting.size();
  return count;
}

Opened Kernel::Accept(int fd, std::uint16_t& port) {
  File& listener = Get(fd, File::Kind::kListener);
  if (listener.waiting.empty()) {
    return {.fd = UniqueFd(), .status = Status::kAgain, .error = EAGAIN};
  }
  if (open_ >= conditions.descriptors || Shortage()) {
    return {.fd = UniqueFd(), .status = Status::kExhausted, .error = EMFILE};
  }
  Socket* socket = listener.waiting.front();
  listener.waiting.erase(listener.waiting.begin());
  socket->fd = NewFile(File::Kind::kSocket);  // May move `listener`.
  files_[At_(socket->fd)].socket = socket;
  port = socket->port;
  socket->was_accepted = true;
  socket->others = OthersOf(*socket);
  Trace("accept %d, the client of port %u", socket->fd, port);
  return {.fd = UniqueFd(socket->fd)};
}

std::pair<int, Socket*> Kernel::OpenPair(std::uint16_t port, bool is_tcp) {
  const auto [near, far] = NewPair(port, is_tcp);
  near->fd = NewFile(File::Kind::kSocket);
  files_[At_(near->fd)].socket = near;
  return {near->fd, far};
}

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

// ── Ends ──

void Kernel::ShutdownWrite(Socket& socket) {
  Trace("shutdown %d", socket.fd);
  socket.fin_out = true;
  socket.ended_us = now_us_;
  if (!socket.is_tcp) Flush(socket);
}

int Kernel::TakeError(Socket& socket) { return std::exchange(socket.error, 0); }

void Kernel::SetLowWater(Socket& socket, std::size_t bytes) {
  socket.low_water = bytes;
  if (IsReadable(socket)) Wake(socket, EPOLLIN);
}

void Kernel::Reset(Socket& socket) {
  if (!socket.is_tcp) return CloseSocket(socket);  // Which knows no reset.
  socket.closed_us = now_us_;
  socket.out.Clear();
  socket.in.Clear();
  socket.closed = true;
  socket.fin_out = true;
  if (socket.phase == Socket::Phase::kOpen) socket.reset_out = true;
}

void Kernel::CloseSocket(Socket& socket) {
  if (socket.closed) return;
  if (socket.is_tcp && socket.phase == Socket::Phase::kOpen &&
      (socket.reset_on_close || !socket.in.empty())) {
    // RFC 2525 section 2.17: an end that leaves bytes unread is a reset.
    if (socket.is_core && !socket.reset_on_close) {
      Trace("close of a socket with %zu bytes that nobody read", socket.in.bytes());
    }
    return Reset(socket);
  }
  socket.closed = true;
  socket.closed_us = now_us_;
  socket.fin_out = true;
  if (!socket.is_tcp && socket.peer != nullptr) {
    // unix_release_sock
    if (!socket.in.empty()) {
      socket.peer->error = ECONNRESET;
      socket.peer->lost_by_reset = !socket.peer->fin_in;
    }
    socket.in.Clear();
    Flush(socket);
    socket.peer->phase = Socket::Phase::kDead;
    Wake(*socket.peer, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP);
  }
}

// ── The network ──

bool Kernel::CanPass(const Socket& from) const {
  if (from.peer == nullptr || !from.is_tcp) return false;
  if (from.reset_out) return true;
  if (!from.out.empty()) {
    return from.peer->closed || from.peer->phase == Socket::Phase::kDead ||
           from.out.front().urgent || from.peer->in.bytes() < from.peer->in_limit;
  }
  return from.fin_out && !from.fin_passed && from.phase == Socket::Phase::kOpen;
}

void Kernel::TakeReset(Socket& socket) {
  if (socket.phase == Socket::Phase::kDead) return;
  if (!socket.closed) {
    // tcp_reset
    socket.error = socket.fin_in ? EPIPE : ECONNRESET;
    socket.lost_by_reset = !socket.fin_in;
    socket.reset_came_us = now_us_;
  }
  socket.phase = Socket::Phase::kDead;
  socket.out.Clear();
  socket.reset_out = false;
  Wake(socket, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
}

void Kernel::Pass(Socket& from) {
  Socket& to = *from.peer;
  if (from.reset_out) {
    Trace("a reset arrives at %s%d, port %u", to.is_core ? "" : "a peer ", to.fd, to.port);
    from.reset_out = false;
    from.phase = Socket::Phase::kDead;
    return TakeReset(to);
  }
  if (!from.out.empty()) {
    if (to.phase == Socket::Phase::kDead) {
      from.out.Clear();
      return;
    }
    if (to.closed) {
      // Nobody is left to read it.
      Trace("bytes for a closed socket are answered with a reset, port %u", from.port);
      from.out.Clear();
      to.out.Clear();
      to.phase = Socket::Phase::kDead;
      return TakeReset(from);
    }
    // All of it, or what the network brings first.
    std::size_t most = choices_.OneIn(3) ? 1 + choices_.UpTo(from.out.bytes()) : SIZE_MAX;
    std::size_t count = 0;
    while (!from.out.empty() && count < most) {
      if (from.out.front().urgent) {
        to.in.Push(from.out.Take());
        Wake(to, EPOLLIN | EPOLLPRI);
        continue;
      }
      if (to.in.bytes() >= to.in_limit) break;
      Fragment taken = from.out.Take(std::min(most - count, to.in_limit - to.in.bytes()));
      count += taken.size();
      to.in.Push(std::move(taken));
    }
    to.arrived += count;
    now_us_ += count / conditions.bytes_per_us;
    Trace("%zu bytes arrive at %s%d, port %u", count, to.is_core ? "" : "a peer ", to.fd, to.port);
    if (count > 0 && IsReadable(to)) Wake(to, EPOLLIN);
    if (from.out_of_space && HasRoom(from)) {
      from.out_of_space = false;
      Wake(from, EPOLLOUT);
    }
    return;
  }
  Trace("a FIN arrives at %s%d, port %u", to.is_core ? "" : "a peer ", to.fd, to.port);
  from.fin_passed = true;
  if (to.phase == Socket::Phase::kDead || to.closed) return;
  to.fin_in = true;
  Wake(to, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
}

/// Unix sockets have no network: what is written is at the other end.
void Kernel::Flush(Socket& socket) {
  Socket& to = *socket.peer;
  bool any = false;
  while (!socket.out.empty()) {
    Fragment taken = socket.out.Take();
    to.arrived += taken.size();
    any = true;
    to.in.Push(std::move(taken));
  }
  if (any) Wake(to, EPOLLIN);
  if (socket.fin_out && !socket.fin_passed) {
    socket.fin_passed = true;
    to.fin_in = true;
    Wake(to, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
  }
  if (socket.out_of_space && HasRoom(socket)) {
    socket.out_of_space = false;
    Wake(socket, EPOLLOUT);
  }
}

}  // namespace spliceway::simulator
