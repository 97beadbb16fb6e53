#include "server.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "protocol.h"
#include "sockets.h"
#include "sys/unique_fd.h"

namespace load {
namespace {

enum class Kind { kUnknown, kEcho, kTransfer };

struct Connection {
  UniqueFd fd;
  Kind kind = Kind::kUnknown;
  protocol::Length length{};
  size_t length_bytes = 0;
  uint64_t received = 0;
};

class Server {
 public:
  explicit Server(UniqueFd listener)
      : listener_(std::move(listener)), epoll_(epoll_create1(EPOLL_CLOEXEC)), buffer_(256 << 10) {}

  int Run() {
    Watch(listener_.get());
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count =
          epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) return 1;
      for (int i = 0; i < count; i++) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (fd == listener_.get()) {
          Accept();
        } else if (!Receive(*connections_[static_cast<size_t>(fd)])) {
          connections_[static_cast<size_t>(fd)].reset();
        }
      }
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  void Accept() {
    for (;;) {
      UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd.valid()) return;
      const auto index = static_cast<size_t>(fd.get());
      if (connections_.size() <= index) connections_.resize(index + 1);
      Watch(fd.get());
      connections_[index] = std::make_unique<Connection>();
      connections_[index]->fd = std::move(fd);
    }
  }

  /// False: the connection is over.
  bool Receive(Connection& connection) {
    const ssize_t count = recv(connection.fd.get(), buffer_.data(), buffer_.size(), 0);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) {
      if (connection.kind == Kind::kTransfer) Confirm(connection);
      return false;
    }
    size_t begin = 0;
    const auto end = static_cast<size_t>(count);
    if (connection.kind == Kind::kUnknown) {
      connection.kind = buffer_[0] == protocol::kTransfer ? Kind::kTransfer : Kind::kEcho;
      if (connection.kind == Kind::kTransfer) begin = 1;
    }
    return connection.kind == Kind::kEcho ? Echo(connection, end) : Count(connection, begin, end);
  }

  /// A client has one small message under way, for which a send buffer always has room.
  bool Echo(const Connection& connection, size_t bytes) {
    const ssize_t sent = send(connection.fd.get(), buffer_.data(), bytes, MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(bytes);
  }

  bool Count(Connection& connection, size_t begin, size_t end) {
    while (begin < end && connection.length_bytes < protocol::kLengthBytes) {
      connection.length[connection.length_bytes++] = static_cast<unsigned char>(buffer_[begin++]);
    }
    connection.received += end - begin;
    const bool complete = connection.length_bytes == protocol::kLengthBytes &&
                          connection.received == protocol::DecodeLength(connection.length);
    if (complete) Confirm(connection);
    return true;
  }

  static void Confirm(const Connection& connection) {
    const protocol::Length answer = protocol::EncodeLength(connection.received);
    send(connection.fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  }

  UniqueFd listener_;
  UniqueFd epoll_;
  std::vector<char> buffer_;
  /// By descriptor.
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace

int Serve(const char* host, sockaddr_in address) {
  UniqueFd listener = Listen(address);
  if (!listener.valid()) {
    std::perror("listen");
    return 1;
  }
  std::printf("listening on %s:%u\n", host, unsigned{LocalPort(listener.get())});
  std::fflush(stdout);
  return Server(std::move(listener)).Run();
}

}  // namespace load
