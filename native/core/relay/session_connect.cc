// How a session comes to its backend.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "relay/session.h"
#include "sys/sys.h"

namespace spliceway {

using sys::Status;

void Session::Approach(std::shared_ptr<const Addresses> addresses, std::uint16_t backend) {
  addresses_ = std::move(addresses);
  next_address_ = 0;
  backend_row_ = backend;
  if (addresses_->empty()) backend_counters()->failed.Add(1);
}

void Session::PassOver(std::uint16_t backend) {
  addresses_.reset();
  backend_row_ = backend;
  backend_counters()->rejected.Add(1);
}

bool Session::TryNextAddress() {
  if (state_ != State::kIdle || !addresses_ || next_address_ == addresses_->size()) return false;
  ++next_address_;
  state_ = State::kConnecting;
  since_ms_ = context_->loop.now_ms();
  TryConnect();
  return true;
}

void Session::TryConnect() {
  const std::uint64_t now = context_->loop.now_ms();
  const std::uint64_t deadline =
      timeouts_.connect_ms == 0 ? kNever : since_ms_ + timeouts_.connect_ms;
  const SocketAddress& to = address();
  const auto postpone = [&](Postponed why) {
    Postpone(why);
    context_->loop.Arm(*this, std::min(now + kExhaustedRetryMs, deadline));
  };
  sys::Opened opened = sys::OpenSocket(to.family());
  // Not this backend's fault, and no other backend would help: wait until descriptors come back.
  if (opened.status == Status::kExhausted && now < deadline) {
    context_->shortage.error.store(opened.error);
    return postpone(Postponed::kForDescriptor);
  }
  if (opened.status != Status::kOk) return FailAttempt(opened.error);

  backend_ = Endpoint{};
  backend_.socket = std::move(opened.fd);
  backend_.is_tcp = to.family() != AF_UNIX;
  backend_.is_ours_alone = true;
  const std::uint16_t port = to.port();
  port_like_ours_ = port >= context_->first_ephemeral_port ? port : 0;
  if (backend_.is_tcp) sys::SetNoDelay(backend_.socket.get());
  if (context_->paces_unless_told && to.is_loopback()) sys::SwitchPacingOff(backend_.socket.get());
  const sys::Result connected = sys::Connect(backend_.socket.get(), to);
  Postpone(Postponed::kNo);
  if (connected.status == Status::kExhausted && now < deadline) {
    backend_.socket.Reset();
    return postpone(Postponed::kForRoomInQueue);
  }
  if (connected.status != Status::kOk && connected.status != Status::kAgain) {
    return FailAttempt(connected.error);
  }
  // Watched only now: a socket that was never connected reports a hang-up at once.
  if (!context_->loop.Watch(backend_.socket.get(), *this, kBackendToken)) {
    return FailAttempt(ENOMEM);
  }
  if (connected.status == Status::kOk) return FinishConnect();
  if (deadline != kNever) context_->loop.Arm(*this, deadline);
}

/// Those that wait for a descriptor are counted, so that no new client takes it.
void Session::Postpone(Postponed why) {
  if (why == postponed_) return;
  if (postponed_ == Postponed::kForDescriptor) context_->shortage.sessions.fetch_sub(1);
  postponed_ = why;
  if (postponed_ == Postponed::kForDescriptor) context_->shortage.sessions.fetch_add(1);
}

void Session::FinishConnect() {
  // Where an error waits, it was reported.
  const int error = backend_.end_near ? sys::TakeSocketError(backend_.socket.get()) : 0;
  // So the kernel calls a reset of a connection that had stood, before and after the peer's FIN;
  // what came before it is the client's.
  const bool was_connected = error == ECONNRESET || error == EPIPE;
  if (error != 0 && !was_connected) return FailAttempt(error);
  if (port_like_ours_ != 0 && sys::IsConnectedToItself(backend_.socket.get(), port_like_ours_)) {
    return FailAttempt(ECONNREFUSED);
  }
  if (was_connected) backend_.Fail(error);
  Open();
}

void Session::FailAttempt(int error) {
  Timer::Disarm();
  if (backend_.socket.valid()) {
    // The one socket that is closed while its session goes on: whatever a child's copy of it
    // reported would be taken for its successor's.
    context_->loop.Unwatch(backend_.socket.get());
    backend_.socket.Reset();
  }
  Postpone(Postponed::kNo);
  state_ = State::kIdle;
  if (next_address_ == addresses_->size()) backend_counters()->failed.Add(1);
  context_->owner.OnAttemptFailed(*this, error);
}

void Session::Join(UniqueFd backend, PendingBytes prefix) {
  if (state_ != State::kIdle) return;
  backend_row_ = kNoRow;
  backend_ = Endpoint{};
  backend_.socket = std::move(backend);
  backend_.is_tcp = sys::SetNoDelay(backend_.socket.get());
  downstream_ = Relay(std::move(prefix));
  if (!context_->loop.Watch(backend_.socket.get(), *this, kBackendToken)) {
    return Close(CloseReason::kReset, ENOMEM, true);
  }
  Open();
}

void Session::Open() {
  state_ = State::kRelaying;
  // A socket that somebody else connected is as they want it.
  keep_alive_s_ = addresses_ && backend_.is_tcp ? context_->keep_alive_s : 0;
  addresses_.reset();
  tried.reset();
  if (CounterRow* row = backend_counters()) {
    row->opened.Add(1);
    row->open.Add(1);
  }
  since_ms_ = context_->loop.now_ms();
  // They are, nearly always; their first edge may not have been handled yet.
  client_.writable = backend_.writable = true;
  ArmRelayTimer();
  context_->owner.OnOpened(*this);
  Advance();
}

}  // namespace spliceway
