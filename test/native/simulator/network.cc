// The kernel's connections: how they open, what is under way on them, and how they end.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernel.h"
#include "results.h"

namespace spliceway::simulator {

using sys::Opened;
using sys::Result;
using sys::Status;

// ── Opening ──

Socket& Kernel::NewSocket(std::uint16_t port, bool is_tcp) {
  sockets_.push_back(std::make_unique<Socket>());
  Socket& socket = *sockets_.back();
  socket.number = sockets_.size() - 1;
  socket.port = port;
  socket.is_tcp = is_tcp;
  for (std::size_t* limit : {&socket.in_limit, &socket.out_limit}) {
    *limit = choices_.OneIn(3)
                 ? conditions.largest_buffer
                 : std::max(choices_.UpTo(conditions.largest_buffer), conditions.smallest_buffer);
  }
  socket.refuses_splice = conditions.refuses_splice && choices_.OneIn(2);
  socket.made_us = socket.moved_us = socket.open_us = now_us_;
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

Result Kernel::Bind(int fd, std::uint8_t source) {
  Trace("%d is to come from %u", fd, source);
  if (source == conditions.missing_source) return Failed(EADDRNOTAVAIL);
  At(fd).source = source;
  return {};
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
  if (conditions.port_shortages > 0 && choices_.OneIn(3)) {
    --conditions.port_shortages;
    socket.lacked_port = true;
    Trace("no local port for %d", fd);
    return {.status = Status::kExhausted, .error = EADDRNOTAVAIL};
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
  socket.moved_us = socket.open_us = now_us_;
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

bool Kernel::Listens(std::uint16_t port) const {
  return std::any_of(files_.begin(), files_.end(), [port](const File& file) {
    return file.kind == File::Kind::kListener && file.port == port;
  });
}

bool Kernel::LackedPort(std::uint16_t port) const {
  return std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& socket) {
    return socket->lacked_port && socket->port == port;
  });
}

bool Kernel::LackedPortFrom(std::uint16_t port, std::uint8_t source) const {
  return source == conditions.missing_source ||
         std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& socket) {
           return socket->lacked_port && socket->port == port && socket->source == source;
         });
}

bool Kernel::IsUnderWay(const Socket& client) const {
  return std::any_of(sockets_.begin(), sockets_.end(), [&](const auto& other) {
    return other->is_core && other->fd >= 0 && other->connect_us != 0 &&
           ClientOf(*other) == &client;
  });
}

/// Sockets of the core that are open to the same backend, or accepted from the same client.
std::size_t Kernel::OthersOf(const Socket& socket) const {
  return static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [&](const auto& other) {
        if (!other->is_core || other->fd < 0 || other.get() == &socket) return false;
        if (!socket.was_accepted) return RowOf(other->port) == RowOf(socket.port);
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
  socket->all_others = static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [&](const auto& other) {
        return other.get() != socket && other->is_core && other->was_accepted && other->fd >= 0;
      }));
  Trace("accept %d, the client of port %u", socket->fd, port);
  return {.fd = UniqueFd(socket->fd)};
}

std::pair<int, Socket*> Kernel::OpenPair(std::uint16_t port, bool is_tcp) {
  const auto [near, far] = NewPair(port, is_tcp);
  near->fd = NewFile(File::Kind::kSocket);
  files_[At_(near->fd)].socket = near;
  return {near->fd, far};
}

// ── Ends ──

void Kernel::ShutdownWrite(Socket& socket) {
  Trace("shutdown %d", socket.fd);
  socket.fin_out = true;
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
    if (count > 0) to.arrived_us = now_us_;
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
  to.fin_in_us = now_us_;
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
    to.fin_in_us = now_us_;
    Wake(to, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
  }
  if (socket.out_of_space && HasRoom(socket)) {
    socket.out_of_space = false;
    Wake(socket, EPOLLOUT);
  }
}

}  // namespace spliceway::simulator
