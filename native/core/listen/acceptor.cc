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
/// How long accepting stays paused when nobody says that something is free again: the shortage may
/// be of another program.
constexpr std::uint64_t kRetryMs = 100;

}  // namespace

Acceptor::Acceptor(UniqueFd fd, const ListenerOptions& options, EventLoop& loop,
                   AcceptorOwner& owner)
    : fd_(std::move(fd)),
      options_(options),
      loop_(loop),
      owner_(owner),
      // Connections inherit the option from the listener, which spares a call for each.
      is_tcp_(sys::SetNoDelay(fd_.get())) {
  if (StartWatching()) return;
  loop_.Arm(*this, loop_.now_ms() + kRetryMs);
  owner_.OnPaused(options_, ENOMEM);
}

void Acceptor::Close() {
  if (!fd_.valid()) return;
  Timer::Disarm();
  if (!paused_) loop_.Unwatch(fd_.get());
  ForgetEvents();
  fd_.Reset();
}

bool Acceptor::StartWatching() {
  paused_ = !loop_.WatchListener(fd_.get(), *this, 0);
  return !paused_;
}

Acceptor::Taken Acceptor::TakeClient(int& error) {
  error = 0;
  const std::optional<std::uint32_t> slot = owner_.TakeSlot();
  if (!slot) return Taken::kShortage;
  SocketAddress address;
  sys::Opened client = sys::Accept(fd_.get(), owner_.WantsAddress(options_) ? &address : nullptr);
  if (client.status == sys::Status::kOk) {
    owner_.OnAccepted(*slot, std::move(client.fd), address, options_, is_tcp_);
    return Taken::kClient;
  }
  owner_.GiveSlotBack(*slot);
  if (client.status == sys::Status::kAgain) return Taken::kNobodyWaits;
  error = client.error;
  return Taken::kShortage;
}

void Acceptor::OnEvents(unsigned /*token*/, std::uint32_t /*events*/) {
  // One, and more only while somebody waits turn after turn: whoever comes alone does not cost a
  // call that finds nobody.
  const bool in_a_row = loop_.turn() == last_turn_ + 1;
  accepts_ = in_a_row ? std::min(accepts_ * 2, kMostAccepts) : 1;
  last_turn_ = loop_.turn();
  // Not paused: the event may have been fetched before the pause.
  for (int taken = 0; taken < accepts_ && !paused_; ++taken) {
    int error = 0;
    switch (TakeClient(error)) {
      case Taken::kClient:
        break;
      case Taken::kNobodyWaits:
        return;
      case Taken::kShortage:
        return Pause(error);
    }
  }
}

void Acceptor::Pause(int error) {
  loop_.Unwatch(fd_.get());
  paused_ = true;
  loop_.Arm(*this, loop_.now_ms() + kRetryMs);
  owner_.OnPaused(options_, error);
}

/// Ends a pause only with a client in hand, or when none waits, so that a shortage that goes on is
/// not reported again and again.
void Acceptor::TryToResume() {
  if (!paused_) return;
  int error = 0;
  if (!owner_.HasRoom() || TakeClient(error) == Taken::kShortage || !StartWatching()) {
    loop_.Arm(*this, loop_.now_ms() + kRetryMs);
    return;
  }
  Timer::Disarm();
  owner_.OnResumed(options_);
}

void Acceptor::OnTimer() { TryToResume(); }

}  // namespace spliceway
