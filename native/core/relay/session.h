#pragma once

#include <cstdint>
#include <memory>

#include "loop/event_loop.h"
#include "relay/endpoint.h"
#include "relay/relay.h"
#include "stats/counters.h"
#include "sys/socket_address.h"

namespace spliceway {

class Session;

/// Why a session ended. The numbers are those of `closeReasons` in src/engine/native/binding.ts.
enum class CloseReason : std::uint8_t {
  kFinished = 0,  ///< Both sides ended their stream and all bytes were passed on.
  kReset = 1,     ///< One side was reset or lost; the other was reset, after what had come before.
  kIdleTimeout = 2,       ///< No byte moved for too long.
  kHalfCloseTimeout = 3,  ///< One side had ended its stream and the other was silent for too long.
  kEnded = 4,             ///< Ended from outside.
};

/// Who keeps sessions. Called on the loop's thread.
class SessionOwner {
 public:
  /// The backend refused, timed out or could not be reached; `error` is errno's number. The session
  /// waits for another `Connect`, or for `End`.
  virtual void OnAttemptFailed(Session& session, int error) = 0;
  /// Client and backend are joined.
  virtual void OnOpened(Session& session) = 0;
  /// The last call for a session; its descriptors are closed. The owner must keep the object until
  /// the end of the loop's turn.
  virtual void OnClosed(Session& session, CloseReason reason, int error) = 0;

 protected:
  ~SessionOwner() = default;
};

/// How a session is ended from outside.
enum class Ending : std::uint8_t {
  kReset,      ///< Both connections are reset.
  kNoBackend,  ///< No backend answered: the client's connection is closed, which TCP turns into a
               ///< reset where the client had sent something that nobody read.
};

/// What the sessions of one loop share.
struct SessionContext {
  EventLoop& loop;
  RelayContext relay;
  SessionOwner& owner;
  /// Backend ports from here on could be the source port of a connect to themselves.
  std::uint16_t first_ephemeral_port;
};

/// Milliseconds; 0 switches a time-out off.
struct SessionTimeouts {
  std::uint32_t connect_ms = 0;
  std::uint32_t idle_ms = 0;
  std::uint32_t half_close_ms = 0;
};

/// The counter rows that a session adds to; null where it belongs to none.
struct SessionRows {
  CounterRow* listener = nullptr;
  CounterRow* backend = nullptr;
};

/// One client connection joined to one backend connection: two endpoints, two relays, and the rules
/// of closing.
///
///     kIdle ──Connect──▶ kConnecting ──▶ kRelaying ──▶ kClosed
///       ▲                     │              │            ▲
///       └───attempt failed────┘              └─ kResetting┘
///
/// How it ends, seen from one side X with the other side Y:
///
/// | X does           | Y gets                                                                  |
/// |------------------|-------------------------------------------------------------------------|
/// | ends its stream  | all bytes, then the FIN; Y may go on sending until it ends or times out |
/// | resets, is lost  | what X had sent, acknowledged by Y's kernel, then a reset               |
/// | is silent        | a FIN after the time-out, or a reset if bytes had not left this process |
///
/// Unix sockets know no reset: their survivor reads the end of the stream.
///
/// One thread only: that of the loop.
class Session final : public EventHandler, public ReadyEntry, public Timer {
 public:
  Session(std::uint32_t slot, UniqueFd client, PendingBytes client_prefix,
          const SessionTimeouts& timeouts, SessionRows rows, SessionCounters& counters,
          SessionContext& context);
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Starts watching the client. Ends the session at once when the kernel refuses to.
  void Start();
  /// Tries one address of a backend; answers through `SessionOwner`. `row` counts for the backend:
  /// a failure only when this was the last of its addresses.
  void Connect(const SocketAddress& address, CounterRow& row, bool is_last);
  /// Relays to a socket that is connected already; its bytes in `prefix` go to the client first.
  void Join(UniqueFd backend, PendingBytes prefix);
  /// Ends the session from outside.
  void End(Ending ending);

  [[nodiscard]] std::uint32_t slot() const { return slot_; }

 private:
  enum class State : std::uint8_t { kIdle, kConnecting, kRelaying, kResetting, kClosed };

  void OnEvents(unsigned token, std::uint32_t events) override;
  void OnReady() override;
  void OnTimer() override;

  void TryConnect();
  void FinishConnect();
  void FailAttempt(int error);
  void CloseSocket(Endpoint& endpoint);
  void Open();

  void Advance();
  void Account(std::size_t upstream, std::size_t downstream);
  void AnswerFailure(bool more);
  void ArmRelayTimer();
  [[nodiscard]] bool half_closed() const;
  [[nodiscard]] std::uint64_t RelayDeadline() const;
  void GiveUpRelaying();
  void ResetWhenDelivered(Endpoint& survivor);
  void Close(CloseReason reason, int error, bool reset);

  SessionContext& context_;
  SessionCounters& counters_;
  SessionRows rows_;
  Endpoint client_;
  Endpoint backend_;
  Relay upstream_;
  Relay downstream_;
  std::uint64_t since_ms_ = 0;  // last byte moved, or start of the state
  SessionTimeouts timeouts_;
  std::uint32_t slot_;
  State state_ = State::kIdle;
  bool half_close_noted_ = false;
  bool is_last_address_ = false;
  std::unique_ptr<SocketAddress> address_;  // only while connecting
};

}  // namespace spliceway
