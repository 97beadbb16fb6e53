#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sys/socket_address.h"
#include "sys/unique_fd.h"

/// Peers for the tests: plain sockets on loopback, driven without blocking.
namespace spliceway::testing {

struct Listener {
  UniqueFd fd;
  SocketAddress address;
};

/// Listens on 127.0.0.1, port 0.
Listener ListenTcp(int backlog = 64);
/// Takes one connection that is waiting, non-blocking.
UniqueFd Accept(const Listener& listener);

struct Pair {
  UniqueFd near;  ///< For the code under test.
  UniqueFd peer;  ///< For the test.
};

struct PairOptions {
  int peer_receive_buffer = 0;  ///< SO_RCVBUF of the peer; 0 leaves the kernel's.
  int near_receive_buffer = 0;
  int near_send_buffer = 0;
  int segment = 0;  ///< TCP_MAXSEG, so that even loopback cuts small.
};

/// Two ends of a TCP connection.
Pair TcpPair(const PairOptions& options = {});
/// Two ends of a Unix stream.
Pair UnixPair();

/// A path for a Unix socket, in a folder of its own that goes with it.
class TempSocket {
 public:
  TempSocket();
  ~TempSocket();
  TempSocket(const TempSocket&) = delete;
  TempSocket& operator=(const TempSocket&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

/// `count` bytes that differ along the way, so that a lost or doubled piece shows.
std::string Pattern(std::size_t count, unsigned seed = 1);

/// Writes what fits; returns how much.
std::size_t WriteSome(int fd, const std::string& text, std::size_t from = 0);
/// Writes one message of a Unix socket that brings a descriptor along.
void SendWithDescriptor(const UniqueFd& fd, const std::string& text);
/// Reads what is there into the end of `into`. Returns 0 at the end of the stream, 1 when something
/// came, -EAGAIN when nothing is there, or another negated errno.
int ReadSome(int fd, std::string& into);
/// Closes with a reset.
void ResetPeer(UniqueFd& fd);
/// Descriptors that this process holds.
std::size_t OpenDescriptors();

}  // namespace spliceway::testing
