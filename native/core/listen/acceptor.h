#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "listen/client_table.h"
#include "loop/event_loop.h"
#include "relay/session_timeouts.h"
#include "sys/unique_fd.h"

namespace spliceway {

/// Who picks the backends for the clients of a listener. The numbers are those of
/// src/engine/native/binding.ts.
enum class Picks : std::uint8_t {
  kByCycle = 0,  ///< The loop, by the published cycle.
  kByOwner = 1,  ///< The engine's owner, who is asked for each client.
};

/// What all sessions of one listener have in common.
struct ListenerOptions {
  std::uint16_t listener = 0;  ///< Row of the counters.
  Picks picks = Picks::kByCycle;
  SessionTimeouts timeouts;
  ClientLimits clients = {};
};

/// Who gets the clients. Called on the loop's thread.
class AcceptorOwner {
 public:
  /// A slot for the next client; or nothing, and in `error` errno's number, 0 when all are taken,
  /// or EBUSY when the owner has more to answer than it can.
  virtual std::optional<std::uint32_t> TakeSlot(const ListenerOptions& options, int& error) = 0;
  virtual void GiveSlotBack(std::uint32_t slot) = 0;
  /// A client, and its address.
  virtual void OnAccepted(std::uint32_t slot, UniqueFd client, const SocketAddress& address,
                          const ListenerOptions& options, bool is_tcp) = 0;
  /// Accepting stopped; `error` is errno's number, 0 when all slots are taken.
  virtual void OnPaused(const ListenerOptions& options, int error) = 0;
  virtual void OnResumed(const ListenerOptions& options) = 0;

 protected:
  ~AcceptorOwner() = default;
};

/// Accepts clients on one listening socket. Level-triggered, so that it may leave some for the next
/// turn. When slots, descriptors or memory run out it stops, and the kernel's queue holds the
/// clients back; it tries again after a while, or when told that slots are free.
class Acceptor final : private EventHandler, private Timer {
 public:
  /// Accepts from now on, on `fd`, which must listen. `paces_unless_told` and `keep_alive_s` are
  /// those of the sessions' context. `owner` and `loop` must outlive it.
  Acceptor(UniqueFd fd, const ListenerOptions& options, bool paces_unless_told,
           std::uint16_t keep_alive_s, EventLoop& loop, AcceptorOwner& owner);
  ~Acceptor() { Close(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Takes those who wait already, as far as there is anything to take them with: they are
  /// connected and would be reset by the close.
  void TakeWhoWaits();
  /// Accepts no more: clients are refused from now on. Must stay valid to the end of the turn.
  void Close();
  /// Slots are free again: ends a pause for want of one.
  void OnSlotsFree();

 private:
  enum class Taken : std::uint8_t { kClient, kNobodyWaits, kShortage };

  void OnEvents(unsigned token, std::uint32_t events) override;
  void OnTimer() override;
  Taken TakeClient();
  Taken TakeClients(int most);
  void SetOptions(int socket) const;
  [[nodiscard]] bool StartWatching();
  void Pause();
  void TryToResume();
  void TryAgainLater();

  UniqueFd fd_;
  ListenerOptions options_;
  EventLoop& loop_;
  AcceptorOwner& owner_;
  std::uint64_t last_turn_ = 0;  // in which somebody waited
  std::size_t early_ = 0;        // the first ones, which were there before the options
  int accepts_ = 1;              // at most, in one turn
  int shortage_ = 0;             // the last one: errno's number, 0 when all slots were taken
  std::uint16_t keep_alive_s_;
  bool is_tcp_;
  bool unpaced_;
  bool paused_ = true;
  bool found_all_taken_ = false;  // all slots, the last time
};

}  // namespace spliceway
