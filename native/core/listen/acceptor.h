#pragma once

#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>

#include "listen/listening_socket.h"
#include "loop/event_loop.h"
#include "sys/unique_fd.h"

namespace spliceway {

/// The listener has as many sessions as it may: no call of the system fails with this one.
inline constexpr int kAllPlacesTaken = EUSERS;

/// Who gets the clients. Called on the loop's thread.
class AcceptorOwner {
 public:
  /// A slot for the next client of a listener; or nothing, and in `error` errno's number, 0 when
  /// all are taken, `kAllPlacesTaken`, or EBUSY when the owner has more to answer than it can.
  virtual std::optional<std::uint32_t> TakeSlot(std::uint16_t listener, int& error) = 0;
  virtual void GiveSlotBack(std::uint32_t slot, std::uint16_t listener) = 0;
  /// A client, and its address.
  virtual void OnAccepted(std::uint32_t slot, UniqueFd client, const SocketAddress& address,
                          std::uint16_t listener, bool is_tcp) = 0;
  /// Accepting stopped; `error` as for `TakeSlot`.
  virtual void OnPaused(std::uint16_t listener, int error) = 0;
  virtual void OnResumed(std::uint16_t listener) = 0;

 protected:
  ~AcceptorOwner() = default;
};

/// Accepts clients of one listening socket on one loop, perhaps beside acceptors of others.
/// Level-triggered, so that it may leave some for the next turn. When slots, descriptors or memory
/// run out it stops, and the kernel's queue holds the clients back; it tries again after a while,
/// or when told that slots are free. It may also be told to pause, and then neither ends the other:
/// it accepts when both are over.
///
/// *Invariant:* the kernel wakes one of the loops for a client. An acceptor that was woken is there
/// for everybody who waits, until it has been told that nobody does: it watches the socket, or has
/// a timer that ends its pause, or awaits `Resume`.
class Acceptor final : private EventHandler, private Timer {
 public:
  /// Accepts from now on. `owner` and `loop` must outlive it.
  Acceptor(std::shared_ptr<ListeningSocket> socket, EventLoop& loop, AcceptorOwner& owner);
  ~Acceptor() { Close(); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Takes those who wait already, as far as there is anything to take them with: they are
  /// connected and would be reset by the close.
  void TakeWhoWaits();
  /// Accepts no more. Once all acceptors of the socket are closed, clients are refused. Must stay
  /// valid to the end of the turn.
  void Close();
  /// Slots are free again, or places of a listener: ends a pause for want of one.
  void OnSlotsFree();
  /// Takes nobody until `Resume`. Its owner is not told of this pause.
  void Pause();
  void Resume();
  [[nodiscard]] std::uint16_t listener() const { return socket_->listener(); }

 private:
  enum class Taken : std::uint8_t { kClient, kNobodyWaits, kShortage };

  void OnEvents(unsigned token, std::uint32_t events) override;
  void OnTimer() override;
  Taken TakeClient();
  Taken TakeClients(int most, int when_crowded);
  /// Of what the owner gives, and tells when there is some again.
  [[nodiscard]] bool lacks_slots() const { return shortage_ == 0 || shortage_ == kAllPlacesTaken; }
  [[nodiscard]] bool is_watching() const { return !is_short_ && !is_told_to_pause_; }
  [[nodiscard]] bool StartWatching();
  void GoBehindOthers();
  void WatchOrBeShort();
  void BeShort();
  void TryToEndShortage();
  void TryAgainLater();

  std::shared_ptr<ListeningSocket> socket_;
  EventLoop& loop_;
  AcceptorOwner& owner_;
  std::uint64_t last_turn_ = 0;  // in which somebody waited
  int accepts_ = 1;              // at most, in one turn
  int taken_ = 0;                // since it let the other acceptors go first
  int shortage_ = 0;             // the last one: as for `AcceptorOwner::TakeSlot`
  bool is_short_ = false;        // of what it takes to accept
  bool is_told_to_pause_ = false;
  bool found_all_taken_ = false;  // all slots, or all places, the last time
};

}  // namespace spliceway
