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
/// How long accepting stays paused. Only slots are reported when they are free again; descriptors
/// and memory may have been taken by another program.
constexpr std::uint64_t kRetryMs = 100;

}  // namespace

Acceptor::Acceptor(UniqueFd fd, const ListenerOptions& options, bool paces_unless_told,
                   std::uint16_t keep_alive_s, EventLoop& loop, AcceptorOwner& owner)
    : fd_(std::move(fd)),
      options_(options),
      loop_(loop),
      owner_(owner),
      keep_alive_s_(keep_alive_s),
      // Connections inherit their options from the listener, which spares calls for each.
      is_tcp_(sys::SetNoDelay(fd_.get())),
      // Clients of a loopback address are on this machine, nearly always.
      unpaced_(paces_unless_told && sys::LocalAddress(fd_.get()).is_loopback()) {
  if (unpaced_) sys::SwitchPacingOff(fd_.get());
  SetOptions(fd_.get());
  // Whoever opened it may have let clients in before.
  if (is_tcp_) early_ = sys::QueuedClients(fd_.get());
  if (StartWatching()) return;
  TryAgainLater();
  owner_.OnPaused(options_, shortage_);
}

void Acceptor::TakeWhoWaits() { TakeClients(kMostAtClose); }

void Acceptor::Close() {
  if (!fd_.valid()) return;
  Timer::Disarm();
  if (!paused_) loop_.Unwatch(fd_.get());
  ForgetEvents();
  fd_.Reset();
}

bool Acceptor::StartWatching() {
  paused_ = !loop_.WatchListener(fd_.get(), *this, 0);
  if (paused_) shortage_ = ENOMEM;
  return !paused_;
}

void Acceptor::SetOptions(int socket) const {
  if (is_tcp_ && keep_alive_s_ != 0) sys::SetKeepAlive(socket, keep_alive_s_);
}

Acceptor::Taken Acceptor::TakeClient() {
  const std::optional<std::uint32_t> slot = owner_.TakeSlot(options_, shortage_);
  if (!slot) return Taken::kShortage;
  SocketAddress address;
  sys::Opened client = sys::Accept(fd_.get(), address);
  if (client.status == sys::Status::kOk) {
    // The kernel may have been told to bring it here from elsewhere (DNAT, with `route_localnet`).
    if (unpaced_ && !address.is_loopback()) sys::SwitchPacingOn(client.fd.get());
    if (early_ > 0) {
      --early_;
      sys::SetNoDelay(client.fd.get());
      SetOptions(client.fd.get());
    }
    loop_.Spend(kCostOfClient);
    owner_.OnAccepted(*slot, std::move(client.fd), address, options_, is_tcp_);
    return Taken::kClient;
  }
  owner_.GiveSlotBack(*slot);
  if (client.status == sys::Status::kAgain) return Taken::kNobodyWaits;
  shortage_ = client.error;
  return Taken::kShortage;
}

/// Takes clients until `most` are taken or the answer is another.
Acceptor::Taken Acceptor::TakeClients(int most) {
  Taken last = Taken::kClient;
  for (int count = 0; count < most && last == Taken::kClient; ++count) last = TakeClient();
  return last;
}

void Acceptor::OnEvents(unsigned /*token*/, std::uint32_t /*events*/) {
  if (paused_) return;  // The event was fetched before the pause.
  // One, and more only while somebody waits turn after turn: whoever comes alone does not cost a
  // call that finds nobody.
  const bool in_a_row = loop_.turn() == last_turn_ + 1;
  accepts_ = in_a_row ? std::min(accepts_ * 2, kMostAccepts) : 1;
  last_turn_ = loop_.turn();
  const int most = loop_.is_crowded() ? std::min(accepts_, kCrowdedAccepts) : accepts_;
  const bool is_short = TakeClients(most) == Taken::kShortage;
  // The last slot may be in the hands of another listener's acceptor, who is about to find that
  // nobody waits: only those who are told so twice in a row pause.
  const bool found_all_taken = std::exchange(found_all_taken_, is_short && shortage_ == 0);
  if (is_short && (shortage_ != 0 || found_all_taken)) Pause();
}

void Acceptor::Pause() {
  loop_.Unwatch(fd_.get());
  paused_ = true;
  TryAgainLater();
  owner_.OnPaused(options_, shortage_);
}

void Acceptor::TryAgainLater() { loop_.Arm(*this, loop_.now_ms() + kRetryMs); }

/// Ends a pause only with as many clients in hand as a turn may take, or when none waits any more,
/// so that a shortage that goes on is not reported again and again.
void Acceptor::TryToResume() {
  if (TakeClients(kMostAccepts) == Taken::kShortage || !StartWatching()) return TryAgainLater();
  Timer::Disarm();
  owner_.OnResumed(options_);
}

void Acceptor::OnSlotsFree() {
  if (paused_ && shortage_ == 0) TryToResume();
}

void Acceptor::OnTimer() { TryToResume(); }

}  // namespace spliceway
