#pragma once

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "byte_queue.h"
#include "choices.h"
#include "sys/sys.h"

namespace spliceway::simulator {

inline constexpr std::size_t kPage = 4096;

/// A time that does not come.
inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

/// Where the clients are, by their ports: there are two of them.
inline const char* HostOf(std::uint16_t client_port, bool local = false) {
  if (client_port % 2 == 0) return local ? "127.0.0.1" : "192.0.2.1";
  return local ? "127.0.0.3" : "192.0.2.3";
}

/// The port of a backend's first address is its row; that of its second, so much more.
inline constexpr std::uint16_t kSecondAddress = 16;
inline std::uint16_t RowOf(std::uint16_t backend_port) {
  const bool is_second = backend_port > kSecondAddress && backend_port <= 2 * kSecondAddress;
  return is_second ? static_cast<std::uint16_t>(backend_port - kSecondAddress) : backend_port;
}

/// One end of a connection, as the kernel keeps it.
struct Socket {
  enum class Phase : std::uint8_t {
    kFresh,       ///< Not connected yet.
    kConnecting,  ///< SYN sent.
    kOpen,
    kDead,  ///< Reset, or refused.
  };

  std::size_t number = 0;  ///< Of all sockets, in the order in which they were made.
  Socket* peer = nullptr;
  std::uint16_t port = 0;  ///< That the connection was made to: names a listener or a backend.
  bool is_tcp = true;
  bool is_core = false;  ///< Ours; else its owner is simulated, too.
  int fd = -1;
  Phase phase = Phase::kFresh;

  ByteQueue in;   ///< Arrived and not read.
  ByteQueue out;  ///< Written, and not taken over by the peer's kernel.
  std::size_t in_limit = 65536;
  std::size_t out_limit = 65536;
  std::size_t low_water = 1;
  std::uint64_t arrived = 0;  ///< Bytes of the stream so far.
  std::uint64_t read = 0;     ///< By its owner.
  std::uint64_t written = 0;

  int error = 0;            ///< Is told once.
  bool fin_out = false;     ///< The owner ended its stream.
  bool fin_passed = false;  ///< The peer's kernel knows.
  bool fin_in = false;
  bool reset_out = false;
  bool lost_by_reset = false;  ///< A reset came before the peer's FIN.
  bool closed = false;         ///< By its owner.
  bool reset_on_close = false;
  bool out_of_space = false;  ///< A write found the buffer full: room will be reported.
  bool hides = false;  ///< A read was told that no more is here, and no event has come since.
  bool refuses_splice = false;
  bool connects_at_once = false;  ///< To a Unix socket's listener, which accepts later.
  bool accepted = false;
  bool was_accepted = false;  ///< By a listener of the core.
  bool was_watched = false;   ///< By the core, or it tried to.
  std::uint64_t handler = 0;  ///< In the core, and which life of it; 0 before it was watched.
  bool lacked_port = false;   ///< Its connect found no local port.
  std::uint8_t source = 0;    ///< The last byte of the address that it comes from; 0 is any.
  bool was_noted = false;     ///< By who runs the schedule, as one that was accepted.
  bool was_judged = false;    ///< As one that set out for a backend.
  /// What was there as the turn began in which its owner closed it.
  struct {
    std::uint64_t unread = 0;  ///< Bytes that had arrived; those read since are none of them.
    bool fin = false;          ///< The end, of which its owner has not been told.
    bool room = false;         ///< A write would have been told of room.
    bool open = false;
  } left;
  /// Of the same client, or at the same backend, when it was accepted or set out.
  std::size_t others = 0;
  int asks_after_s = 0;        ///< Of silence, whether its peer is still there; 0 for as at first.
  std::uint64_t asked_us = 0;  ///< When its owner last had it ask sooner than before.
  std::size_t all_others = 0;  ///< That listeners have taken, of whatever client.
  std::uint64_t made_us = 0;
  std::uint64_t moved_us = 0;            ///< When its owner last wrote a byte, or connected.
  std::uint64_t arrived_us = 0;          ///< When the last byte arrived from the network.
  std::uint64_t fin_in_us = kNever;      ///< When the end of its peer's stream arrived.
  std::uint64_t closed_us = 0;           ///< When its owner closed it.
  std::uint64_t connect_us = 0;          ///< When its owner sent a SYN.
  std::uint64_t open_us = 0;             ///< When the other side answered, or it was made open.
  std::uint64_t fin_read_us = kNever;    ///< When its owner was told of the end.
  std::uint64_t reset_came_us = kNever;  ///< When a reset came before its owner closed it.

  [[nodiscard]] bool fin_read() const { return fin_read_us != kNever; }
  /// Bytes that had come as far as its owner could know.
  [[nodiscard]] std::uint64_t shown() const { return hides ? read : arrived; }
  [[nodiscard]] bool reset_came() const { return reset_came_us != kNever; }
};

/// What the kernel tells of a connection: of each something else.
inline sys::TcpFigures FiguresOf(const Socket& socket) {
  const auto number = static_cast<std::uint32_t>(socket.number);
  if (!socket.is_tcp) return {};
  return {.round_trip_us = number + 1, .sent = 2 * number, .retransmitted = number};
}

/// What a schedule lets the kernel do.
struct Conditions {
  std::size_t descriptors = 1000;
  std::size_t segment = 65536;  ///< Bytes of the largest piece in which bytes arrive.
  std::size_t pipe_slots = 16;
  std::size_t bytes_per_us = 4096;  ///< That the network takes.
  std::size_t smallest_buffer = 1;  ///< Bytes that a socket holds, each way.
  std::size_t largest_buffer = 400'000;
  bool signals = false;         ///< Splices come back short.
  bool races = false;           ///< Packets arrive between two calls of one turn.
  bool hesitates = false;       ///< Calls do less than they could, and an event follows.
  bool refuses_splice = false;  ///< Of some sockets.
  bool stops = false;           ///< The process stands still, for up to hours, between two calls.
  bool local_clients = false;   ///< At a loopback address.
  int port_shortages = 0;       ///< Connects that may find no local port.
  std::uint8_t missing_source = 0;  ///< That this machine does not have.
  int shortages = 0;                ///< Calls that may fail for want of memory or descriptors.
};

/// How a backend answers.
enum class Backend : std::uint8_t { kAccepts, kRefuses, kUnreachable, kSilent };

/// The kernel, as far as the core can tell the difference: descriptors, TCP and Unix sockets with
/// finite buffers, pipes limited by slots, edge-triggered epoll, a clock. One thread. Nothing
/// happens in it by itself: `Pass` moves what is under way on a connection, `Tell` answers a SYN.
/// kernel.cc has the descriptors, network.cc the connections, transfers.cc the calls that move
/// bytes.
class Kernel {
 public:
  explicit Kernel(Choices& choices) : choices_(choices) {}

  /// The one that the core talks to now.
  static Kernel*& Current();

  // For the core, by way of sys_simulated.cc.

  sys::Result Splice(int from, int to, std::size_t length);
  sys::Result Receive(int fd, std::span<std::byte> into);
  sys::Result Send(int fd, std::span<const std::byte> from);
  sys::Result ReadPipe(int fd, std::span<std::byte> into);
  sys::Opened OpenSocket(bool is_tcp);
  sys::Opened Accept(int fd, std::uint16_t& port);
  sys::Result Bind(int fd, std::uint8_t source);
  sys::Result Connect(int fd, std::uint16_t port);
  sys::OpenedPipe OpenPipe();
  std::size_t ResizePipe(int fd, std::size_t bytes);
  std::size_t PipeSize(int fd);
  sys::Opened OpenEpoll();
  sys::Opened OpenWakeUp();
  sys::Status Watch(int epoll, int fd, std::uint32_t events, std::uint64_t data);
  void Unwatch(int epoll, int fd);
  std::uint32_t Readiness(int fd);
  std::size_t Wait(int epoll, std::span<epoll_event> into, int timeout_ms);
  void RaiseWakeUp(int fd);
  void Close(int fd);
  /// The socket behind `fd`.
  Socket& At(int fd);
  [[nodiscard]] bool IsTcp(int fd) const;
  void KeepAlive(Socket& socket, int idle_s);
  void ShutdownWrite(Socket& socket);
  int TakeError(Socket& socket);
  void SetLowWater(Socket& socket, std::size_t bytes);
  std::uint64_t NowUs();

  // For those at the other ends.

  /// A listening socket for the core.
  int Listen(std::uint16_t port, bool is_tcp);
  /// A client connects to a listener: its own end, or null when nobody listens.
  Socket* ConnectTo(std::uint16_t port, std::uint16_t client_port);
  /// A connection that is open at once: the core's descriptor and the other end.
  std::pair<int, Socket*> OpenPair(std::uint16_t port, bool is_tcp);
  std::size_t Write(Socket& socket, const char* bytes, std::size_t count);
  void WriteUrgent(Socket& socket);
  /// Bytes read; 0 where there are none, or none any more.
  std::size_t Read(Socket& socket, std::size_t most, std::string& into);
  /// A write would take something.
  [[nodiscard]] static bool HasSpace(const Socket& socket) { return Room(socket) > 0; }
  void CloseSocket(Socket& socket);
  void Reset(Socket& socket);

  // For who runs the schedule.

  [[nodiscard]] bool CanPass(const Socket& from) const;
  /// Takes to the other end what this one has under way, or some of it.
  void Pass(Socket& from);
  [[nodiscard]] bool CanTell(const Socket& socket) const {
    if (socket.phase == Socket::Phase::kConnecting) {
      return !socket.closed && backends[socket.port] != Backend::kSilent;
    }
    return socket.connects_at_once && !socket.accepted;
  }
  /// Answers a SYN; returns the backend's end if it accepts.
  Socket* Tell(Socket& socket);
  [[nodiscard]] bool is_ready(int epoll) const { return !files_[At_(epoll)].ready.empty(); }
  /// The client's socket of the session that has this one to its backend; null for none.
  [[nodiscard]] const Socket* ClientOf(const Socket& socket) const { return Beside(socket, true); }
  /// The other one to a backend of the same session.
  [[nodiscard]] const Socket* RivalOf(const Socket& socket) const { return Beside(socket, false); }
  /// When a loop that found nothing wants to be woken.
  [[nodiscard]] std::uint64_t sleeps_until_us(int epoll) const {
    return files_[At_(epoll)].sleeps_until_us;
  }
  /// A loop whose turn began before the process stood still has reckoned its sleep from then: it
  /// asks again.
  void AskAgain(int epoll) {
    std::uint64_t& until_us = files_[At_(epoll)].sleeps_until_us;
    until_us = std::min(until_us, now_us_);
  }
  /// Somebody accepts on a port, or may yet.
  [[nodiscard]] bool Listens(std::uint16_t port) const;
  /// Clients that no loop has accepted yet.
  [[nodiscard]] std::size_t clients_waiting() const;
  [[nodiscard]] const std::vector<std::unique_ptr<Socket>>& sockets() const { return sockets_; }
  [[nodiscard]] std::size_t open_descriptors() const { return open_; }
  [[nodiscard]] std::size_t pipes() const { return pipes_; }
  /// Calls of the core, but for waits.
  [[nodiscard]] std::uint64_t calls() const { return calls_; }
  [[nodiscard]] std::uint64_t bytes_moved() const { return bytes_moved_; }
  [[nodiscard]] std::uint64_t now_us() const { return now_us_; }
  /// For how long the process has stood still.
  [[nodiscard]] std::uint64_t stopped_us() const { return stopped_us_; }
  /// The time without that.
  [[nodiscard]] std::uint64_t run_us() const { return now_us_ - stopped_us_; }
  /// Notes what there is before a turn; see `Socket::left`.
  void BeginTurn();
  void AdvanceTo(std::uint64_t us) { now_us_ = std::max(now_us_, us); }
  /// A write would be told of room.
  [[nodiscard]] static bool HasRoom(const Socket& socket) {
    return Used(socket) <= socket.out_limit * 2 / 3;
  }
  [[nodiscard]] bool shortage_was_met() const { return shortages_met_ > 0; }
  /// No local port was left for a connect to this one, once.
  [[nodiscard]] bool LackedPort(std::uint16_t port) const;
  /// The same from a source address; or the machine was without that address, once.
  [[nodiscard]] bool LackedPortFrom(std::uint16_t port, std::uint8_t source) const;
  /// Some socket of the core is on its way to a backend, or connected, for this client of it.
  [[nodiscard]] bool IsUnderWay(const Socket& client) const;

  /// Something that may not happen; the first is kept.
  void Fail(std::string what);
  [[nodiscard]] const std::string& failure() const { return failure_; }
  /// Prints what happens, where someone asked for it.
  [[gnu::format(printf, 2, 3)]] void Trace(const char* format, ...) const;

  Conditions conditions;
  std::array<Backend, 64> backends{};  ///< By port.
  bool traces = false;

 private:
  struct PipeBuffer {
    ByteQueue held;
    std::size_t slots = 16;
  };
  struct Registration {
    int epoll;
    std::uint32_t events;
    std::uint64_t data;
  };
  struct File {
    enum class Kind : std::uint8_t {
      kFree,
      kSocket,
      kListener,
      kReadEnd,
      kWriteEnd,
      kEpoll,
      kWakeUp
    };
    Kind kind = Kind::kFree;
    Socket* socket = nullptr;
    std::shared_ptr<PipeBuffer> pipe;
    std::vector<Socket*> waiting;  // of a listener
    std::uint16_t port = 0;
    bool is_tcp = true;
    bool raised = false;
    // One, or with a listener one for each loop, in the order in which they are woken.
    std::vector<Registration> registrations;
    std::vector<int> ready;  // of an epoll instance
    std::uint64_t sleeps_until_us = 0;
  };

  File& Get(int fd, File::Kind kind);
  /// That with the instance of events, or the first; null where there is none.
  [[nodiscard]] static const Registration* In(const File& file, std::optional<int> epoll = {});
  [[nodiscard]] static std::size_t At_(int fd) { return static_cast<std::size_t>(fd); }
  int NewFile(File::Kind kind);
  /// Another socket of the core that is watched for the same handler: the first, or a later one.
  [[nodiscard]] const Socket* Beside(const Socket& socket, bool first) const;
  Socket& NewSocket(std::uint16_t port, bool is_tcp);
  std::pair<Socket*, Socket*> NewPair(std::uint16_t port, bool is_tcp);
  [[nodiscard]] std::size_t OthersOf(const Socket& socket) const;
  [[nodiscard]] bool Shortage();
  void Race(Socket& socket);
  [[nodiscard]] bool Hesitates(const Socket& socket);
  [[nodiscard]] bool SaysAgain(Socket& socket, std::uint32_t events);
  [[nodiscard]] static std::uint32_t Poll(const Socket& socket);
  [[nodiscard]] std::uint32_t Poll(const File& file) const;
  static bool IsReadable(const Socket& socket);
  void Wake(int fd, std::uint32_t events);
  void Wake(const Socket& socket, std::uint32_t events);
  void Flush(Socket& socket);
  void TakeReset(Socket& socket);
  static int WriteError(Socket& socket);
  sys::Result SpliceIn(Socket& socket, PipeBuffer& pipe, std::size_t length);
  sys::Result SpliceOut(PipeBuffer& pipe, Socket& socket, std::size_t length);
  void AfterRead(Socket& socket, std::size_t count);
  void NoteEndRead(Socket& socket) const;
  /// Bytes in the buffer that is written to: a Unix socket's is where the peer reads.
  static std::size_t Used(const Socket& socket) {
    return socket.is_tcp || socket.peer == nullptr ? socket.out.bytes() : socket.peer->in.bytes();
  }
  static std::size_t Room(const Socket& socket) {
    const std::size_t used = Used(socket);
    return used < socket.out_limit ? socket.out_limit - used : 0;
  }

  Choices& choices_;
  std::vector<File> files_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  std::size_t open_ = 0;
  std::size_t pipes_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t bytes_moved_ = 0;
  std::uint64_t now_us_ = 1'000'000'000;
  std::uint64_t stopped_us_ = 0;
  int shortages_met_ = 0;
  std::string failure_;
};

}  // namespace spliceway::simulator
