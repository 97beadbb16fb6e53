#include "sockets.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

namespace spliceway::testing {
namespace {

void SetOption(int fd, int level, int name, int value) {
  if (value != 0) setsockopt(fd, level, name, &value, sizeof value);
}

}  // namespace

Listener ListenTcp(int backlog) {
  Listener listener{.fd = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
                    .address = {}};
  const SocketAddress any = *SocketAddress::FromIp("127.0.0.1", 0);
  if (bind(listener.fd.get(), reinterpret_cast<const sockaddr*>(&any.storage), any.length) != 0)
    std::abort();
  if (listen(listener.fd.get(), backlog) != 0) std::abort();
  listener.address.length = sizeof listener.address.storage;
  getsockname(listener.fd.get(), reinterpret_cast<sockaddr*>(&listener.address.storage),
              &listener.address.length);
  return listener;
}

UniqueFd Accept(const Listener& listener) {
  return UniqueFd(accept4(listener.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

Pair TcpPair(const PairOptions& options) {
  const Listener listener = ListenTcp();
  SetOption(listener.fd.get(), SOL_SOCKET, SO_RCVBUF, options.near_receive_buffer);
  SetOption(listener.fd.get(), SOL_SOCKET, SO_SNDBUF, options.near_send_buffer);
  SetOption(listener.fd.get(), IPPROTO_TCP, TCP_MAXSEG, options.segment);
  UniqueFd peer(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SetOption(peer.get(), SOL_SOCKET, SO_RCVBUF, options.peer_receive_buffer);
  SetOption(peer.get(), IPPROTO_TCP, TCP_MAXSEG, options.segment);
  SetOption(peer.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (connect(peer.get(), reinterpret_cast<const sockaddr*>(&listener.address.storage),
              listener.address.length) != 0) {
    std::abort();
  }
  return {.near = Accept(listener), .peer = std::move(peer)};
}

Pair UnixPair() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0)
    std::abort();
  return {.near = UniqueFd(ends[0]), .peer = UniqueFd(ends[1])};
}

TempSocket::TempSocket() : folder_("/tmp/spliceway-test-XXXXXX") {
  if (mkdtemp(folder_.data()) == nullptr) std::abort();
  path_ = folder_ + "/socket";
}

TempSocket::~TempSocket() {
  unlink(path_.c_str());
  rmdir(folder_.c_str());
}

std::string Pattern(std::size_t count, unsigned seed) {
  std::string text(count, '\0');
  std::uint32_t state = seed * 2654435761U + 1;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

std::size_t WriteSome(int fd, const std::string& text, std::size_t from) {
  const ssize_t count =
      send(fd, text.data() + from, text.size() - from, MSG_DONTWAIT | MSG_NOSIGNAL);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void SendWithDescriptor(const UniqueFd& fd, const std::string& text) {
  iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  const int sent = fd.get();
  std::memcpy(CMSG_DATA(header), &sent, sizeof sent);
  if (sendmsg(fd.get(), &message, 0) != static_cast<ssize_t>(text.size())) std::abort();
}

int ReadSome(int fd, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t count = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (count < 0) return -errno;
  into.append(buffer.data(), static_cast<std::size_t>(count));
  return count > 0 ? 1 : 0;
}

void ResetPeer(UniqueFd& fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.Reset();
}

std::size_t OpenDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  std::size_t count = 0;
  while (readdir(folder.get()) != nullptr) ++count;
  return count - 3;  // ".", ".." and the folder's own
}

}  // namespace spliceway::testing
