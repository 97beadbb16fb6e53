#include "listen/acceptor.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// Clients taken in one turn at most, so that those who are connected already have theirs
/// (HAProxy's `tune.maxaccept` is of this order). More are left for the next turn.
constexpr int kMostAccepts = 16;
/// The same where the turn is crowded.
constexpr int kCrowdedAccepts = 4;
/// Bytes that could be moved while a client is taken.
constexpr std::size_t kCostOfClient = 16 * 1024;
/// Clients taken before the close at most: as many as the kernel lets wait by default
/// (`net.core.somaxconn`). It is one turn, some 50 ms where all of them are there.
constexpr int kMostAtClose = 4096;
/// How long a shortage is believed. Only slots are reported when they are free again; descriptors
/// and memory may have been taken by another program.
constexpr std::uint64_t kRetryMs = 100;

}  // namespace

Acceptor::Acceptor(std::shared_ptr<ListeningSocket> socket, EventLoop& loop, AcceptorOwner& owner)
    : socket_(std::move(socket)), loop_(loop), owner_(owner) {
  WatchOrBeShort();
}

void Acceptor::TakeWhoWaits() { TakeClients(kMostAtClose, kMostAtClose); }

void Acceptor::Close() {
  if (socket_ == nullptr) return;
  Timer::Disarm();
  if (is_watching()) loop_.Unwatch(socket_->fd());
  ForgetEvents();
  socket_.reset();
}

bool Acceptor::StartWatching() {
  if (loop_.WatchListener(socket_->fd(), *this, 0)) return true;
  shortage_ = ENOMEM;
  return false;
}

void Acceptor::WatchOrBeShort() {
  if (!StartWatching()) BeShort();
}

/// Of those who wait for an event of the socket, the kernel wakes the first one whose loop sleeps.
/// So the first would take all clients of a machine that is not busy, and its sessions would wait
/// for that. (nginx registers anew after as many: `ngx_reorder_accept_events`.)
void Acceptor::GoBehindOthers() {
  taken_ = 0;
  loop_.Unwatch(socket_->fd());
  WatchOrBeShort();
}

Acceptor::Taken Acceptor::TakeClient() {
  const std::optional<std::uint32_t> slot = owner_.TakeSlot(socket_->listener(), shortage_);
  if (!slot) return Taken::kShortage;
  const bool may_be_early = socket_->may_be_early();
  SocketAddress address;
  sys::Opened client = sys::Accept(socket_->fd(), address);
  if (client.status == sys::Status::kOk) {
    socket_->Prepare(client.fd.get(), address, may_be_early);
    ++taken_;
    loop_.Spend(kCostOfClient);
    owner_.OnAccepted(*slot, std::move(client.fd), address, socket_->listener(), socket_->is_tcp());
    return Taken::kClient;
  }
  owner_.GiveSlotBack(*slot, socket_->listener());
  if (client.status == sys::Status::kAgain) return Taken::kNobodyWaits;
  shortage_ = client.error;
  return Taken::kShortage;
}

/// Takes clients until `most` are taken, or `when_crowded` and the turn is so, or the answer is
/// another.
Acceptor::Taken Acceptor::TakeClients(int most, int when_crowded) {
  Taken last = Taken::kClient;
  for (int count = 0; last == Taken::kClient; ++count) {
    if (count >= (loop_.is_crowded() ? when_crowded : most)) break;
    last = TakeClient();
  }
  return last;
}

void Acceptor::OnEvents(unsigned /*token*/, std::uint32_t /*events*/) {
  if (!is_watching()) return;  // The event was fetched before the pause.
  // One, and more only while somebody waits turn after turn: whoever comes alone does not cost a
  // call that finds nobody.
  const bool in_a_row = loop_.turn() == last_turn_ + 1;
  accepts_ = in_a_row ? std::min(accepts_ * 2, kMostAccepts) : 1;
  last_turn_ = loop_.turn();
  const bool is_short =
      TakeClients(accepts_, std::min(accepts_, kCrowdedAccepts)) == Taken::kShortage;
  // The last slot may be in the hands of another listener's acceptor, who is about to find that
  // nobody waits: only those who are told so twice in a row pause.
  const bool found_all_taken = std::exchange(found_all_taken_, is_short && lacks_slots());
  if (is_short && (!lacks_slots() || found_all_taken)) {
    loop_.Unwatch(socket_->fd());
    return BeShort();
  }
  if (socket_->was_enough(taken_)) GoBehindOthers();
}

void Acceptor::BeShort() {
  is_short_ = true;
  TryAgainLater();
  socket_->Pause(owner_, shortage_);
}

void Acceptor::TryAgainLater() { loop_.Arm(*this, loop_.now_ms() + kRetryMs); }

/// Ends a pause only with as many clients in hand as a turn may take, or when none waits any more,
/// so that a shortage that goes on is not reported again and again.
void Acceptor::TryToEndShortage() {
  if (TakeClients(kMostAccepts, kCrowdedAccepts) == Taken::kShortage || !StartWatching())
    return TryAgainLater();
  is_short_ = false;
  Timer::Disarm();
  socket_->Resume(owner_);
}

void Acceptor::OnSlotsFree() {
  if (is_short_ && !is_told_to_pause_ && lacks_slots()) TryToEndShortage();
}

void Acceptor::OnTimer() { TryToEndShortage(); }

void Acceptor::Pause() {
  if (is_watching()) loop_.Unwatch(socket_->fd());
  Timer::Disarm();
  is_told_to_pause_ = true;
}

/// What it was short of may be there since.
void Acceptor::Resume() {
  if (!std::exchange(is_told_to_pause_, false)) return;
  if (is_short_) return TryToEndShortage();
  WatchOrBeShort();
}

}  // namespace spliceway
