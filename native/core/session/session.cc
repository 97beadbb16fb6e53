#include "session/session.h"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <limits>
#include <utility>

#include "sys/sys.h"

namespace spliceway {

namespace {

/// Between the first two looks at whether the survivor of a reset has acknowledged everything, and
/// between any two at most.
constexpr std::uint64_t kDeliveryCheckMs = 10;
constexpr std::uint64_t kSlowestDeliveryCheckMs = 1000;
/// How long a survivor may take for that where no half-close time-out says otherwise.
constexpr std::uint64_t kDeliveryLimitMs = 60'000;
/// How long a client that has ended its stream may wait for the first byte, in a crowd of such.
constexpr std::uint32_t kCrowdMs = 1000;
/// A loop that has not stood still handles its timers sooner than this after they are due.
constexpr std::uint64_t kLateMs = 50;
/// Time-outs of open sessions are as coarse as this.
constexpr std::uint64_t kTimeoutStepMs = 16;

}  // namespace

void Session::Begin(SessionStart start, SessionContext& context) {
  context_ = &context;
  upstream_ = Relay(std::move(start.client_prefix));
  downstream_ = Relay();
  client_ = Endpoint{};
  backend_ = Endpoint{};
  const auto timeouts = context.timeouts.try_emplace(start.timeouts).first;
  ++timeouts->second;
  timeouts_ = &timeouts->first;
  slot_ = start.slot & ((1U << kSlotBits) - 1);
  listener_ = start.listener;
  backend_row_ = kNoRow;
  route = start.route;
  NoteBeginning();
  first_end_ = FirstEnd::kNone;
  client_spoke_last_ = false;
  starved_ = looks_again_ = false;
  state_ = State::kIdle;

  client_.socket = std::move(start.client);
  client_.is_ours_alone = start.accepted_tcp;
  client_.is_tcp = start.accepted_tcp || sys::SetNoDelay(client_.socket.get());
  if (CounterRow* row = listener_counters()) {
    row->opened.Add(1);
    row->open.Add(1);
  }
  if (!context_->loop.Watch(client_.socket.get(), *this, kClientToken)) {
    Close(CloseReason::kReset, ENOMEM, true);
  }
}

SocketAddress Session::client_address() const { return sys::PeerAddress(client_.socket.get()); }

/// Null where it has no backend of a pool.
HistogramRow* Session::histograms() const {
  if (backend_row_ == kNoRow) return nullptr;
  return &context_->counters.histograms().Row(context_->writer, context_->owner.PoolOf(*this));
}

CounterRow* Session::listener_counters() const {
  if (listener_ == kNoRow) return nullptr;
  return &context_->counters.Listener(context_->writer, listener_);
}

CounterRow* Session::backend_counters() const {
  if (backend_row_ == kNoRow) return nullptr;
  return &context_->counters.Backend(context_->writer, backend_row_);
}

// ── Events ──

void Session::OnEvents(unsigned token, std::uint32_t events) {
  Endpoint* const which = EndpointOf(token);
  if (which == nullptr) return;
  Endpoint& endpoint = *which;
  const bool hung_up = (events & (EPOLLERR | EPOLLHUP)) != 0;
  switch (state_) {
    case State::kIdle:
    case State::kPausing:
    case State::kYielding:
    case State::kQueued:
    case State::kConnecting:
      endpoint.Note(events);
      if (token == kClientToken) {
        // A reset ends the wait for a backend. An end of the stream does not, and neither does the
        // hang-up of a Unix client that wrote and closed: what it sent is still to be delivered.
        const int error = hung_up ? sys::TakeSocketError(client_.socket.get()) : 0;
        if (error != 0) return Close(CloseReason::kReset, error, true);
        const bool is_sought_for =
            state_ == State::kConnecting && postponed_ != Postponed::kForClient;
        if (is_sought_for && MayHaveLeft()) ArmConnectTimer();
        if (state_ == State::kQueued && MayHaveLeft()) ArmQueueTimer();
        if (state_ == State::kIdle && !route.awaits_word) AwaitAnswer();
      } else if (hung_up || (events & EPOLLOUT) != 0) {
        FinishConnect(endpoint);
      }
      return;
    case State::kRelaying:
      NoteEvents(endpoint, events);
      // Streams after messages.
      if (streams()) {
        context_->loop.Enqueue(*this);
      } else {
        Advance();
      }
      return;
    case State::kResetting:
      // Without an error, a hang-up is nothing but the survivor's FIN after ours; it still reads.
      if (!endpoint.failed && hung_up && sys::TakeSocketError(endpoint.socket.get()) != 0)
        Close(CloseReason::kReset, client_.failed ? client_.error : backend_.error, true);
      return;
    case State::kClosed:
      return;  // A second event of the turn in which the session ended.
  }
}

Endpoint* Session::EndpointOf(unsigned token) {
  if (token == kClientToken) return client_.socket.valid() ? &client_ : nullptr;
  const auto is_meant = [&](const Endpoint& endpoint) {
    return endpoint.socket.valid() && endpoint.is_second == (token == kSecondBackendToken);
  };
  if (is_meant(backend_)) return &backend_;
  Rival* const other = rival();
  return other != nullptr && is_meant(other->endpoint) ? &other->endpoint : nullptr;
}

void Session::NoteEvents(Endpoint& endpoint, std::uint32_t events) {
  endpoint.Note(events);
  // Asked for at once: a relay that waits for its sink does not read the source, and would not meet
  // the error.
  if ((events & EPOLLERR) != 0) {
    const int error = sys::TakeSocketError(endpoint.socket.get());
    if (error != 0) endpoint.Fail(error);
  }
}

void Session::OnReady() {
  if (state_ == State::kRelaying) return Advance();
  if (state_ != State::kYielding) return;
  state_ = State::kIdle;
  context_->owner.OnTurn(*this);
}

void Session::OnTimer() {
  const std::uint64_t now = context_->loop.now_ms();
  switch (state_) {
    case State::kPausing:
      if (now >= LeaveDeadline() && HasLeft()) return Leave();
      state_ = State::kIdle;
      return context_->owner.OnPauseOver(*this);
    case State::kQueued:
      return OnQueueTimer();
    case State::kConnecting:
      return OnConnectTimer();
    case State::kRelaying:
      // Bytes that move do not touch the timer; it finds out here how long ago the last ones did.
      // What waits in the kernel counts: of a process that was stopped the clock has run on, and
      // its events may come in a later turn. What came in this very turn does, too: a stream may
      // not have had its part of it yet.
      if (now >= RelayDeadline()) MoveWhatWaits();
      if (state_ != State::kRelaying) return;
      if (now >= RelayDeadline()) return GiveUpRelaying();
      KeepPeersAlive();
      if (starved_ || looks_again_) return LookAgain();
      return ArmRelayTimer();
    case State::kResetting:
      return ResetWhenDelivered(client_.failed ? backend_ : client_);
    case State::kIdle:
      return OnIdleTimer();
    case State::kYielding:
    case State::kClosed:
      return;
  }
}

/// Whoever has searched waits for another backend; else it is for the first word.
void Session::OnIdleTimer() {
  const std::uint64_t now = context_->loop.now_ms();
  if (!search_) return context_->owner.OnWordOverdue(*this, now >= since_ms_ + kWordMs + kLateMs);
  if (now >= LeaveDeadline() && HasLeft()) return Leave();
  if (search_is_over()) return context_->owner.OnSearchOver(*this);
  AwaitAnswer();
}

void Session::AwaitAnswer() {
  if (!search_) return;
  const std::uint64_t deadline = std::min(BudgetDeadline(), LeaveDeadline());
  if (deadline != kNever) context_->loop.Arm(*this, deadline);
}

void Session::AwaitWord() {
  since_ms_ = context_->loop.now_ms() & kLatestMs;
  context_->loop.Arm(*this, since_ms_ + kWordMs);
}

/// Asks the kernel what it may not have told yet. It is believed, and nothing else is tried: a
/// write below its mark of room may take some bytes, and a reader who takes nothing would have
/// moved one more.
void Session::MoveWhatWaits() {
  for (Endpoint* endpoint : {&client_, &backend_}) {
    NoteEvents(*endpoint, sys::Readiness(endpoint->socket.get()));
  }
  NoteWhatIsNeverTold();
  Advance();
}

// ── Relaying ──

/// A relay that has ended streams no more: what follows a long upload may be a short answer.
bool Session::streams() const {
  const auto streams = [&](const Relay& relay) {
    return relay.state() == Relay::State::kOpen && relay.streams(context_->relay.transfer);
  };
  return streams(upstream_) || streams(downstream_);
}

void Session::Advance() {
  EventLoop::Dequeue(*this);  // One turn is enough.
  context_->relay.now_ms = context_->loop.now_ms();
  context_->relay.message_bytes = context_->loop.allowance();
  const bool had_failed = client_.failed || backend_.failed;
  // The last FIN is the kernel's own, at the close, where nobody else keeps the socket open.
  const Relay::Progress up = upstream_.Pump(
      client_, backend_, downstream_.state() == Relay::State::kEnded && backend_.is_ours_alone,
      context_->relay);
  const Relay::Progress down = downstream_.Pump(
      backend_, client_, upstream_.state() == Relay::State::kEnded && client_.is_ours_alone,
      context_->relay);
  Account(up.bytes, down.bytes);
  if (search_) JudgeBeginning();
  context_->loop.Spend(up.bytes + down.bytes);
  if (up.bytes > 0) downstream_.NoteAnswer(backend_);
  if (down.bytes > 0) upstream_.NoteAnswer(client_);

  const bool starved = up.starved || down.starved;
  const bool marked = upstream_.marked() || downstream_.marked();
  // Only the look itself ends the wait for it: whatever else happens meanwhile tries nothing again.
  if ((starved && !starved_) || (marked && !looks_again_)) {
    starved_ = starved_ || starved;
    looks_again_ = looks_again_ || marked;
    ArmRelayTimer();
  }
  if (half_closed() && first_end_ == FirstEnd::kNone) {
    // The half-close time-out begins now, however long the session had been idle before.
    const bool client_is_over = upstream_.source_ended() || client_.end_told;
    first_end_ = client_.failed || backend_.failed ? FirstEnd::kLost
                 : client_is_over                  ? FirstEnd::kClient
                                                   : FirstEnd::kBackend;
    NoteNow();
    if (upstream_.state() == Relay::State::kEnded && downstream_.state() == Relay::State::kOpen &&
        downstream_.held() == 0 && silent()) {
      context_->owner.OnSilentEnd(*this);
    }
    ArmRelayTimer();
  }
  if (client_.failed || backend_.failed) {
    // Found out while writing, perhaps: what the lost side had sent before is still to be read.
    return had_failed ? AnswerFailure(up.more || down.more) : Advance();
  }
  if (upstream_.state() == Relay::State::kEnded && downstream_.state() == Relay::State::kEnded) {
    return Close(CloseReason::kFinished, 0, false);
  }
  if (up.more || down.more) context_->loop.Enqueue(*this);
}

/// No event tells of bytes below a mark, nor of memory that has come back.
void Session::NoteWhatIsNeverTold() {
  if (starved_ || upstream_.marked()) client_.readable = true;
  if (starved_ || downstream_.marked()) backend_.readable = true;
  if (starved_) client_.writable = backend_.writable = true;
}

void Session::LookAgain() {
  NoteWhatIsNeverTold();
  starved_ = looks_again_ = false;
  ArmRelayTimer();
  context_->loop.Enqueue(*this);
}

void Session::Account(std::size_t upstream, std::size_t downstream) {
  if (upstream == 0 && downstream == 0) return;
  SessionCounters& counters = context_->counters.Session(slot_);
  if (counters.bytes_downstream.value() == 0) {
    if (downstream > 0) NoteFirstByte();
    NoteNow();
  } else {
    since_ms_ = context_->loop.now_ms() & kLatestMs;  // Nothing is measured from here.
  }
  client_spoke_last_ = upstream > 0;
  counters.bytes_upstream.Add(upstream);
  counters.bytes_downstream.Add(downstream);
  if (downstream > 0 && route.ended_silently) context_->owner.OnAnswered(*this);
  for (CounterRow* row : {listener_counters(), backend_counters()}) {
    if (row == nullptr) continue;
    row->bytes_upstream.Add(upstream);
    row->bytes_downstream.Add(downstream);
  }
}

/// Where the client has spoken, its last word is what the backend answers. How long it had thought
/// before is no part of that.
void Session::NoteFirstByte() {
  if (HistogramRow* row = histograms()) row->Note(Measured::kFirstByte, MicrosecondsSince());
  if (!search_) return;
  search_.reset();
  context_->owner.OnFirstByte(*this);
}

/// Of a session that its backend may still reset early. Who ends first is the one that ends it: a
/// client that leaves is no failure of the backend's. The trial ends here at the latest; of a
/// session in which nothing happens, nobody looks when its time is over.
void Session::JudgeBeginning() {
  const bool client_ended = client_.end_told || client_.failed || upstream_.source_ended();
  const bool backend_ended = downstream_.source_ended() && downstream_.held() == 0;
  if (!client_ended && !backend_ended) return;
  const std::uint64_t deadline = search_->began_ms + timeouts_->early_reset_ms;
  search_.reset();
  if (!client_ended && context_->loop.now_ms() < deadline) context_->owner.OnEarlyReset(*this);
}

/// One side is lost. Once all that it had sent is written to the other side, that one is reset too.
void Session::AnswerFailure(bool more) {
  if (client_.failed && backend_.failed) return Close(CloseReason::kReset, client_.error, true);
  Relay& last_words = client_.failed ? upstream_ : downstream_;
  Endpoint& survivor = client_.failed ? backend_ : client_;
  if (last_words.state() != Relay::State::kOpen) {
    state_ = State::kResetting;
    since_ms_ = context_->loop.now_ms() & kLatestMs;
    kib_left_ = std::numeric_limits<std::uint16_t>::max();
    return ResetWhenDelivered(survivor);
  }
  // The survivor is not reading, or the turn was used up. `RelayDeadline` bounds the wait.
  if (more) context_->loop.Enqueue(*this);
  if (!Timer::armed()) ArmRelayTimer();
}

/// A reset throws away what the survivor's peer has not acknowledged, so it waits for that, for as
/// long as the peer goes on taking it.
void Session::ResetWhenDelivered(Endpoint& survivor) {
  const std::uint64_t now = context_->loop.now_ms();
  const std::uint64_t limit =
      timeouts_->half_close_ms == 0 ? kDeliveryLimitMs : timeouts_->half_close_ms;
  // On a Unix socket what was written is in the peer's queue already and survives the close.
  const std::size_t left = survivor.is_tcp ? sys::UnacknowledgedBytes(survivor.socket.get()) : 0;
  const auto kib_left = static_cast<std::uint16_t>(
      std::min<std::size_t>((left + 1023) / 1024, std::numeric_limits<std::uint16_t>::max()));
  if (kib_left < kib_left_) {
    kib_left_ = kib_left;
    since_ms_ = now & kLatestMs;
  }
  if (left == 0 || now >= since_ms_ + limit) {
    return Close(CloseReason::kReset, client_.failed ? client_.error : backend_.error, true);
  }
  // As long again as nothing has been taken already.
  context_->loop.Arm(
      *this, std::min(now + std::clamp(now - since_ms_, kDeliveryCheckMs, kSlowestDeliveryCheckMs),
                      since_ms_ + limit));
}

// ── Time-outs ──

/// One side has ended its stream, though bytes that the other does not take may keep that end from
/// being read.
bool Session::half_closed() const {
  const auto is_over = [](const Relay& relay, const Endpoint& source) {
    return relay.source_ended() || source.end_told || source.failed;
  };
  return is_over(upstream_, client_) || is_over(downstream_, backend_);
}

/// Nothing has moved either way since the session began.
bool Session::silent() const {
  const SessionCounters& moved = context_->counters.Session(slot_);
  return moved.bytes_upstream.value() == 0 && moved.bytes_downstream.value() == 0;
}

/// The shortest of those that apply now.
Session::Patience Session::patience() const {
  Patience shortest{.ms = kNever, .reason = CloseReason::kIdleTimeout, .resets = false};
  const auto apply = [&](std::uint32_t ms, CloseReason reason, bool resets = false) {
    if (ms != 0 && ms <= shortest.ms) shortest = {.ms = ms, .reason = reason, .resets = resets};
  };
  apply(timeouts_->idle_ms, CloseReason::kIdleTimeout);
  if (timeouts_->handshake_ms != 0 && silent()) {
    apply(timeouts_->handshake_ms, CloseReason::kHandshakeTimeout);
  }
  if (half_closed()) apply(timeouts_->half_close_ms, CloseReason::kHalfCloseTimeout);
  // A ring of balancers ends with one of its sessions, and only a reset goes on both ways.
  if (route.ended_silently && context_->owner.HasCrowd()) {
    apply(kCrowdMs, CloseReason::kHalfCloseTimeout, true);
  }
  return shortest;
}

std::uint64_t Session::RelayDeadline() const { return std::min(PatienceDeadline(), AgeDeadline()); }

std::uint64_t Session::PatienceDeadline() const {
  std::uint64_t limit = patience().ms;
  // The survivor of a reset may not hold the session for ever, whatever else it may do.
  if (limit == kNever && (client_.failed || backend_.failed)) limit = kDeliveryLimitMs;
  return limit == kNever ? kNever : since_ms_ + limit;
}

void Session::ArmRelayTimer() {
  // Its peers are asked when one more is over. Of another silence than last time, perhaps.
  if (keep_alive_.stage != KeepAlive::kNobody) {
    keep_alive_.periods = SilentPeriods() & KeepAlive::kMask;
  }
  std::uint64_t deadline = std::min(RelayDeadline(), KeepAliveDeadline());
  deadline = std::min(deadline, NextLookAtAge());
  // Up to a multiple, so that the time-outs of many idle sessions share their wake-ups.
  if (deadline != kNever)
    deadline = (deadline + kTimeoutStepMs - 1) / kTimeoutStepMs * kTimeoutStepMs;
  if (starved_) deadline = std::min(deadline, context_->loop.now_ms() + kExhaustedRetryMs);
  if (looks_again_) deadline = std::min(deadline, context_->loop.now_ms() + 1);
  if (deadline == kNever) {
    Timer::Disarm();
  } else {
    context_->loop.Arm(*this, deadline);
  }
}

void Session::GiveUpRelaying() {
  // The survivor does not read what it is still owed.
  if (client_.failed) return Close(CloseReason::kReset, client_.error, true);
  if (backend_.failed) return Close(CloseReason::kReset, backend_.error, true);
  // A close that looks clean must not hide that bytes did not arrive. Those that the kernel has
  // been given do arrive after a plain close, and a reset would take them back. For want of memory
  // some may not have been read.
  const bool bytes_lost = upstream_.held() > 0 || downstream_.held() > 0 || starved_;
  if (context_->loop.now_ms() < PatienceDeadline()) {
    return Close(CloseReason::kMaxAge, ETIMEDOUT, bytes_lost || moved_lately());
  }
  const Patience over = patience();
  Close(over.reason, ETIMEDOUT, bytes_lost || over.resets);
}

// ── The end ──

void Session::End(Ending ending) {
  if (state_ == State::kClosed) return;
  if (CounterRow* row = listener_counters()) {
    if (ending == Ending::kNoBackend) row->failed.Add(1);
    if (ending == Ending::kDenied) row->rejected.Add(1);
  }
  Close(CloseReason::kEnded, 0, ending != Ending::kNoBackend, ending);
}

void Session::Close(CloseReason reason, int error, bool reset, Ending ending) {
  const bool was_open = is_open();
  NoteEnd(reason, error, ending);
  if (HistogramRow* row = was_open ? histograms() : nullptr) {
    row->Note(Measured::kBytes, moved().bytes_upstream.value() + moved().bytes_downstream.value());
    // Last: whoever has seen the end by it finds the rest.
    row->Note(Measured::kDuration, age_ms() * 1000);
  }
  state_ = State::kClosed;
  Timer::Disarm();
  EventLoop::Dequeue(*this);
  upstream_.Abandon(context_->relay.pipes);
  downstream_.Abandon(context_->relay.pipes);
  // Another descriptor keeps the registration, for as long as the owner likes: longer than a
  // generation means something. And when the owner hands it over again, the kernel would take it,
  // under the same number, for the one that is watched.
  if (route.is_kept) context_->loop.Unwatch(client_.socket.get());
  Rival* const other = rival();
  for (Endpoint* endpoint : {&client_, &backend_, other == nullptr ? nullptr : &other->endpoint}) {
    if (endpoint == nullptr) continue;
    if (reset && endpoint->is_tcp && endpoint->socket.valid())
      sys::SetResetOnClose(endpoint->socket.get());
    // No call to take it out of epoll first: what it may still report is known by its generation.
    endpoint->socket.Reset();
  }
  ForgetEvents();
  Postpone(Postponed::kNo);
  addresses_.reset();
  const auto timeouts = context_->timeouts.find(*timeouts_);
  // A few are kept, for those who come next.
  if (--timeouts->second == 0 && context_->timeouts.size() > 16) context_->timeouts.erase(timeouts);
  timeouts_ = nullptr;
  context_->owner.OnClosed(*this, reason, error);
  search_.reset();
  // Whoever sees it counted out finds its place free.
  if (CounterRow* row = backend_counters(); row != nullptr && was_open) row->open.Subtract(1);
  if (CounterRow* row = listener_counters()) row->open.Subtract(1);
}

}  // namespace spliceway
