#pragma once

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "sys/socket_address.h"
#include "sys/unique_fd.h"

/// Every system call of the core, and nothing else. The files *_linux.cc make the real ones; a test
/// may link another implementation in their place (a simulated kernel), so no code above this seam
/// calls the kernel, but for the making of threads.
///
/// errno is turned into a `Status` here, once. EINTR is retried here. All descriptors that these
/// functions create are non-blocking and close-on-exec.
namespace spliceway::sys {

enum class Status : std::uint8_t {
  kOk,
  kAgain,        ///< Nothing can be done until the descriptor is ready again.
  kEnd,          ///< The peer ended its stream; all that it sent has been read.
  kUnsupported,  ///< EINVAL, ENOSYS, EPERM from a splice: not this way; copying may still work.
  kExhausted,    ///< EMFILE, ENFILE, ENOMEM, ENOBUFS: the system has none to give at the moment.
                 ///< Of `Connect`, two more.
  kFailed,       ///< Anything else; see `error`. The connection is lost.
};

struct Result {
  Status status = Status::kOk;
  int error = 0;          ///< errno where status is kFailed, kUnsupported or kExhausted, else 0.
  std::size_t bytes = 0;  ///< Moved; may be short. 0 unless status is kOk.
};

/// A new descriptor, or why there is none.
struct Opened {
  UniqueFd fd;
  Status status = Status::kOk;
  int error = 0;
};

// Moving bytes. `length` must not be 0.

/// splice(2) between a socket and a pipe, either way. kEnd only from a socket that returned 0.
Result Splice(int from, int to, std::size_t length);
Result Receive(int socket, std::span<std::byte> into);
/// The peer has ended its stream, and nothing is left to be read before that. Reads nothing.
bool IsAtEnd(int socket);
/// `more`: the caller sends or ends the stream at once, and the kernel may keep the bytes until
/// then (MSG_MORE).
Result Send(int socket, std::span<const std::byte> from, bool more = false);
Result ReadPipe(int pipe, std::span<std::byte> into);

// Sockets.

Opened OpenSocket(int family);
/// Takes a connection that waits at a listening socket; `peer` gets its address.
/// Connections that failed before they were taken are skipped. kAgain: none waits.
Opened Accept(int listener, SocketAddress& peer);
/// Has a socket that is to connect come from this address of the machine, from a port that the
/// kernel picks when it connects: of those that are free for where it goes, and not of those that
/// are free for every place (IP_BIND_ADDRESS_NO_PORT; ip(7)). Before Linux 4.2 it is the latter. An
/// address that this machine does not have fails with EADDRNOTAVAIL.
Result Bind(int socket, const SocketAddress& from);
/// kOk: connected. kAgain: in progress, wait for EPOLLOUT and ask `TakeSocketError`. kExhausted:
/// not now; EAGAIN says that the queue of a Unix socket's listener is full, EADDRNOTAVAIL that no
/// local port is left for this address. Else failed; with EADDRNOTAVAIL where this machine has no
/// address to connect from, as for ::1 where IPv6 is switched off.
/// The zone of a link-local address is looked up now; ENODEV when there is no such interface.
Result Connect(int socket, const SocketAddress& to);
/// True when the socket is connected to itself, as a connect to a closed local port can be when the
/// kernel happens to pick that port as the source ("simultaneous open", RFC 9293 section 3.5).
/// `port` is that of the peer; one call tells nearly always.
bool IsConnectedToItself(int socket, std::uint16_t port);
/// The address of the peer; its family is AF_UNSPEC when there is none any more.
SocketAddress PeerAddress(int socket);
/// The address that a socket is bound to; of the family AF_UNSPEC where the kernel does not tell.
SocketAddress LocalAddress(int socket);
/// Where the peer of a TCP connection had connected to, before a NAT of this machine brought it
/// here; of the family AF_UNSPEC where none did, or the kernel does not tell.
SocketAddress OriginalDestination(int socket);
/// Reads and clears the pending error of a socket (SO_ERROR); 0 when there is none.
int TakeSocketError(int socket);
/// Sends the FIN: the peer reads end of stream after what was sent before.
Result ShutdownWrite(int socket);
/// Switches Nagle's algorithm off. False when the socket is not TCP.
bool SetNoDelay(int socket);
/// Has the kernel send what a TCP socket is given as soon as the windows allow, and not by a timer:
/// Reno instead of BBR. A connection must not be established yet: what was paced once stays so.
/// Those that a listening socket gets from then on inherit it. See `PacesUnlessTold`.
void SwitchPacingOff(int socket);
/// The contrary; at any time.
void SwitchPacingOn(int socket);
/// Has the kernel ask a TCP socket's peer whether it is still there, once nothing has come from it
/// for `idle_s` seconds (1 to 32767): six times, a sixth of that time apart, and 1 s at least. When
/// nothing answers, the connection is lost, with ETIMEDOUT. Counted from its last byte, whenever
/// this is called. Sockets that a listening socket gets from then on inherit it.
void SetKeepAlive(int socket, int idle_s);
/// Changes `idle_s` alone. A peer that has been silent for as long already is asked at once.
void SetKeepAliveIdle(int socket, int idle_s);
/// Clients of a listening TCP socket that nobody has accepted yet: they have not inherited what the
/// listener is told now. 0 where the kernel does not tell.
std::size_t QueuedClients(int listener);
/// What the kernel has measured of a TCP connection.
struct TcpFigures {
  std::uint32_t round_trip_us;  ///< Smoothed.
  std::uint32_t sent;           ///< Segments with data, those included that were sent again.
  std::uint32_t retransmitted;  ///< Segments that were sent again.
};
/// All 0 of a socket that is not TCP's.
TcpFigures FiguresOf(int socket);
/// Makes the close of this TCP socket a reset (SO_LINGER with 0 seconds).
void SetResetOnClose(int socket);
/// Has the kernel report a TCP socket as readable only when it holds so many bytes, or its end
/// (SO_RCVLOWAT); 1 as at first. What is there already is reported at once where it is enough.
void SetReceiveLowWaterMark(int socket, std::uint32_t bytes);
/// Bytes sent but not acknowledged by the peer's kernel (SIOCOUTQ); 0 when that cannot be told.
std::size_t UnacknowledgedBytes(int socket);
/// Switches O_NONBLOCK on, for sockets that someone else opened.
Result SetNonBlocking(int socket);
/// F_DUPFD_CLOEXEC: a second descriptor for the same open file.
Opened Duplicate(int fd);

/// What a descriptor is to somebody who wants to accept on it, without having opened it.
enum class Inherited : std::uint8_t {
  kListening,     ///< A stream socket of IPv4, IPv6 or Unix that listens.
  kNotOpen,       ///< No such descriptor.
  kNoSocket,      ///< A file, a pipe, a terminal.
  kNoStream,      ///< A socket of datagrams, or of another kind.
  kOtherFamily,   ///< A stream socket of a family that nobody here knows, such as AF_VSOCK.
  kConnected,     ///< A stream socket with a peer, as a client is that somebody else accepted.
  kNotListening,  ///< A stream socket that was never told to listen.
};
Inherited Inspect(int fd);
/// The path that a Unix socket is bound to, an abstract name after an '@'; empty for any other.
std::string BoundPath(int socket);

// Pipes.

struct OpenedPipe {
  UniqueFd read_end;
  UniqueFd write_end;
  Status status = Status::kOk;
  int error = 0;
};
OpenedPipe OpenPipe();
/// Asks for a size and returns the size that the pipe then has, in bytes.
std::size_t ResizePipe(int pipe, std::size_t bytes);
/// The size that a pipe has, in bytes.
std::size_t PipeSize(int pipe);

// Event loop.

Opened OpenEpoll();
/// Registers `fd` edge-triggered for everything that a relay must know: input, output, the peer's
/// FIN and urgent data. Errors and hang-ups always report. `data` comes back with each event.
Status Watch(int epoll, int fd, std::uint64_t data);
/// Registers a listening socket, level-triggered: it reports until nobody waits any more. Of
/// several instances that it is registered with, a client wakes the first one that sleeps, if any
/// does.
Status WatchListener(int epoll, int fd, std::uint64_t data);
/// Registers what `OpenWakeUp` gave: it reports once each time that it was raised.
Status WatchWakeUp(int epoll, int fd, std::uint64_t data);
void Unwatch(int epoll, int fd);
/// Events that came, at most `into.size()`; 0 on time-out, or after a signal where none waits.
/// `timeout_ms` −1 waits for ever.
std::size_t WaitForEvents(int epoll, std::span<epoll_event> into, int timeout_ms);
/// What epoll would report of a socket now, which `Watch` registered.
std::uint32_t Readiness(int socket);
/// An eventfd, to wake a loop from another thread.
Opened OpenWakeUp();
void RaiseWakeUp(int wake_up);
/// CLOCK_MONOTONIC in milliseconds.
std::uint64_t NowMs();
/// The same in microseconds.
std::uint64_t NowUs();

// What the machine allows.

/// Soft limit of descriptors for this process.
std::size_t DescriptorLimit();
/// Bytes of a page of memory, the unit in which pipes are limited.
std::size_t PageSize();
/// `/proc/sys/fs/pipe-user-pages-soft`: pages of pipe buffers for the user; 0 means no limit.
std::size_t PipePagesSoftLimit();
/// True when this process is exempt from the limits on pipes (CAP_SYS_RESOURCE or CAP_SYS_ADMIN in
/// the initial user namespace; in another one, a rootless container's, they do not count).
bool IsExemptFromPipeLimits();
/// A number that nobody outside can guess, for hashes.
std::uint64_t RandomSeed();
/// First of the ports that the kernel picks as source ports (`net.ipv4.ip_local_port_range`).
std::uint16_t FirstEphemeralPort();
/// True where TCP sends by a timer unless told otherwise, and this program may tell it
/// (`net.ipv4.tcp_congestion_control` is BBR, and `tcp_allowed_congestion_control` has Reno). Tried
/// on a socket of its own.
bool PacesUnlessTold();

/// Splices one byte from a socket through a pipe to a socket: 0, or errno's number of the call that
/// refused.
int TrySplice();

/// Sends one datagram to whoever started the process, as sd_notify(3) describes: 0, or errno's
/// number. Where the other's queue is full, waits for a second at most if `waits` (what is said
/// once must not get lost, and nobody is to be stopped by one who does not listen), else not at
/// all. `to` is a path of the file system, or a name after an '@' (unix(7), abstract).
int Notify(const std::string& to, const std::string& text, bool waits);

/// Who is at the other end of a Unix socket, as they were when they connected.
struct PeerCredentials {
  int pid = 0;
  unsigned uid = 0;
  unsigned gid = 0;
};
/// Nothing where the kernel does not say, as for sockets of other families.
std::optional<PeerCredentials> CredentialsOfPeer(int socket);

/// Ends the process without waiting for any of its threads, and without what is to be done at exit.
[[noreturn]] void ExitAtOnce(int status);

}  // namespace spliceway::sys
