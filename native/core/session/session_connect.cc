// How a session comes to its backend.

#include <algorithm>
#include <cerrno>
#include <utility>

#include "session/session.h"
#include "sys/sys.h"

namespace spliceway {

using sys::Status;

namespace {

/// Of source addresses, for one attempt.
constexpr std::size_t kSourcesAtOnce = 8;
/// Of one that has no port left, as bytes that are moved: some 10 us.
constexpr std::size_t kCostOfSource = 16 * 1024;

bool LacksPort(const sys::Result& connected) {
  return connected.status == Status::kExhausted && connected.error == EADDRNOTAVAIL;
}

}  // namespace

void Session::Approach(HeldAddresses addresses, std::uint16_t backend) {
  addresses_ = std::move(addresses);
  next_address_ = 0;
  backend_row_ = backend;
  if (search_) {
    search_->lacks_port = search_->has_more_sources = false;
    search_->queue_place.in_vain = false;
  }
}

void Session::PassOver(std::uint16_t backend, PassedOver why) {
  addresses_.reset();
  backend_row_ = backend;
  if (search_) search_->lacks_port = false;
  if (why == PassedOver::kFull) backend_counters()->rejected.Add(1);
  if (why == PassedOver::kNowhere) backend_counters()->failed.Add(1);
}

void Session::Yield() {
  state_ = State::kYielding;
  context_->loop.Enqueue(*this);
}

bool Session::Pause(std::uint64_t until_ms) {
  const std::uint64_t began_ms = search().began_ms;
  const bool has_budget = timeouts_->search.budget_ms > 0;
  if (until_ms >= (has_budget ? BudgetDeadline() : ConnectDeadline(began_ms))) return false;
  state_ = State::kPausing;
  context_->loop.Arm(*this, until_ms);
  return true;
}

bool Session::TryNextAddress() {
  if (state_ != State::kIdle || !addresses_ || next_address_ == addresses_->size()) return false;
  if (search_is_over()) return false;
  if (search_) ++search_->attempts;
  address_ = next_address_++;
  state_ = State::kConnecting;
  NoteNow();
  TryConnect();
  return true;
}

// ── One attempt ──

/// Connects from one of the source addresses that the backend has of this family. They take turns.
/// One that has no port left for it is followed by the next at once, and by some more: to find none
/// the kernel looks at all ports, while all other sessions of the loop wait.
sys::Result Session::SetOut(Endpoint& endpoint, const SocketAddress& to, std::size_t most) {
  const auto sources = addresses_.SourcesFor(backend_row_, to.family());
  if (sources.empty()) return SetOutFrom(endpoint, to, nullptr);
  for (std::size_t tried = 0; tried < std::min(sources.size(), most); ++tried) {
    const std::optional<std::uint32_t> source =
        context_->owner.NextSource(*this, static_cast<std::uint32_t>(sources.size()));
    if (!source) return {.status = Status::kExhausted, .error = EADDRNOTAVAIL};
    const sys::Result connected = SetOutFrom(endpoint, to, &sources[*source]);
    if (!LacksPort(connected)) return connected;
    context_->loop.Spend(kCostOfSource);
    // Ports are those of one address that is connected to: of several, each is asked for its own.
    if (addresses_->size() == 1) context_->owner.OnNoPortFrom(*this, *source);
  }
  search().has_more_sources = sources.size() > most;
  return {.status = Status::kExhausted, .error = EADDRNOTAVAIL};
}

/// Opens a socket and begins to connect it; it is watched where that goes on, or is done already.
/// Where no socket could be opened, `endpoint` has none. `source` is null where the kernel picks.
sys::Result Session::SetOutFrom(Endpoint& endpoint, const SocketAddress& to,
                                const SocketAddress* source) {
  // First of all: of two sockets the second may be the one that there is no descriptor for.
  endpoint.socket.Reset();
  sys::Opened opened = sys::OpenSocket(to.family());
  if (opened.status != Status::kOk) return {.status = opened.status, .error = opened.error};
  endpoint.socket = std::move(opened.fd);
  endpoint.is_tcp = to.family() != AF_UNIX;
  endpoint.is_ours_alone = true;
  const int socket = endpoint.socket.get();
  if (endpoint.is_tcp) sys::SetNoDelay(socket);
  if (context_->paces_unless_told && to.is_loopback()) sys::SwitchPacingOff(socket);
  if (source != nullptr) {
    const sys::Result bound = sys::Bind(socket, *source);
    if (bound.status == Status::kFailed && bound.error == EADDRNOTAVAIL) {
      // No fault of the backend's, and the next address may be there.
      context_->owner.OnNoSource(*this, *source);
      return {.status = Status::kExhausted, .error = EADDRNOTAVAIL};
    }
    if (bound.status != Status::kOk) return bound;
  }
  const sys::Result connected = sys::Connect(socket, to);
  if (connected.status != Status::kOk && connected.status != Status::kAgain) return connected;
  context_->owner.OnSetOut(socket, to);
  // Watched only now: a socket that was never connected reports a hang-up at once.
  const unsigned token = endpoint.is_second ? kSecondBackendToken : kBackendToken;
  if (!context_->loop.Watch(socket, *this, token)) {
    return {.status = Status::kFailed, .error = ENOMEM};
  }
  return connected;
}

void Session::TryConnect() {
  if (postponed_ != Postponed::kNo && context_->owner.TurnsBack(*this)) return;
  const std::uint64_t now = context_->loop.now_ms();
  if (const std::uint64_t ms = route.is_remote ? 0 : context_->owner.HesitationMs();
      ms > 0 && postponed_ == Postponed::kNo) {
    Postpone(Postponed::kForClient);
    return context_->loop.Arm(*this, now + ms);
  }
  // Whoever waits there already came first.
  if (!has_place() && context_->rooms.HasWaiter(address())) {
    BeginTimeOfAddress();
    Postpone(Postponed::kForRoom);
    return ArmConnectTimer();
  }
  backend_ = Endpoint{};
  const sys::Result connected = SetOut(backend_, address(), kSourcesAtOnce);
  if (LacksPort(connected)) return LeaveForWantOfPort();
  if (backend_.socket.valid()) BeginTimeOfAddress();
  if (connected.status == Status::kExhausted && now < AttemptDeadline()) {
    // Not this backend's fault, and no other backend would help: wait until descriptors come back.
    const bool for_descriptor = !backend_.socket.valid();
    if (for_descriptor) context_->shortage.error.store(connected.error);
    backend_.socket.Reset();
    Postpone(for_descriptor ? Postponed::kForDescriptor : Postponed::kForRoom);
    return ArmConnectTimer();
  }
  if (connected.status == Status::kExhausted && IsCutShort()) return CutShort();
  const bool had_to_wait = postponed_ != Postponed::kNo && postponed_ != Postponed::kForClient;
  if (had_to_wait) search().races_not_before_ms = now + kAttemptDelayMs;
  Postpone(Postponed::kNo);
  if (connected.status == Status::kOk) return FinishConnect(backend_);
  if (connected.status != Status::kAgain) return FailAttempt(connected.error);
  ArmConnectTimer();
}

/// The time of an address begins only when there is a descriptor for it, where that of the search,
/// which has been running, bounds the wait.
void Session::BeginTimeOfAddress() {
  if (postponed_ != Postponed::kForDescriptor || timeouts_->search.budget_ms == 0) return;
  static_cast<void>(search());  // It is as old as this attempt.
  NoteNow();
}

/// Those that wait for a descriptor are counted, so that no new client takes it. Those that wait
/// for room are in the queue of their address, where they keep their place while they lack a
/// descriptor.
void Session::Postpone(Postponed why) {
  if (why == postponed_) return;
  if (postponed_ == Postponed::kForDescriptor) context_->shortage.sessions.fetch_sub(1);
  postponed_ = why;
  if (why == Postponed::kForDescriptor) {
    context_->shortage.sessions.fetch_add(1);
  } else if (why != Postponed::kForRoom) {
    if (search_) search_->place.reset();
  } else if (!has_place()) {
    context_->rooms.Add(address(), search().place.emplace(*this));
  }
}

void Session::FinishConnect(Endpoint& endpoint) {
  Rival* const other = rival();
  const bool is_rival = &endpoint != &backend_;
  // Where an error waits, it was reported.
  const int error = endpoint.error_told ? sys::TakeSocketError(endpoint.socket.get()) : 0;
  // So the kernel calls a reset of a connection that had stood, before and after the peer's FIN;
  // what came before it is the client's.
  const bool was_connected = error == ECONNRESET || error == EPIPE;
  if (error != 0 && !was_connected) return FailConnect(endpoint, error);
  const std::uint16_t port = (is_rival ? AddressOf(*other) : address()).port();
  // One that the kernel may give to us.
  if (port >= context_->first_ephemeral_port &&
      sys::IsConnectedToItself(endpoint.socket.get(), port)) {
    return FailConnect(endpoint, ECONNREFUSED);
  }
  if (is_rival) {
    context_->owner.OnOutrun(*this, address());
    Drop(backend_);
    TakeRival(*other);
  } else if (other != nullptr) {
    Drop(other->endpoint);
  }
  if (was_connected) backend_.Fail(error);
  Open();
}

void Session::FailConnect(const Endpoint& endpoint, int error) {
  if (&endpoint == &backend_) {
    FailAttempt(error);
  } else {
    FailRival(*rival(), error);
  }
}

void Session::LeaveForWantOfPort() {
  search().lacks_port = true;
  --search_->attempts;  // Nothing was sent.
  Timer::Disarm();
  Drop(backend_);
  Postpone(Postponed::kNo);
  state_ = State::kIdle;
  context_->owner.OnNoPort(*this, address());
}

void Session::FailAttempt(int error) {
  static_cast<void>(search());  // It goes on, and is as old as this attempt.
  Timer::Disarm();
  Drop(backend_);
  Postpone(Postponed::kNo);
  const SocketAddress& failed = address();
  if (Rival* const other = rival()) {
    TakeRival(*other);
    ArmConnectTimer();
  } else {
    state_ = State::kIdle;
    if (next_address_ == addresses_->size() && !lacks_port()) backend_counters()->failed.Add(1);
  }
  context_->owner.OnAttemptFailed(*this, failed, error);
}

void Session::TurnBack() {
  StopAttempts();
  Yield();
}

/// The time of the search is over before that of the attempt, which is no failure of the backend's:
/// nobody knows what the rest of the time would have brought. One that had all the time that the
/// client has for its search has failed.
bool Session::IsCutShort() const {
  const std::uint64_t budget = BudgetDeadline();
  if (budget == kNever || context_->loop.now_ms() < budget) return false;
  return postponed_ == Postponed::kForDescriptor ||
         (since_ms_ > SearchBegan() && budget < ConnectDeadline(since_ms_));
}

void Session::CutShort() {
  StopAttempts();
  state_ = State::kIdle;
  context_->owner.OnSearchOver(*this);
}

/// None is under way any more, and none of this backend's follows.
void Session::StopAttempts() {
  static_cast<void>(search());  // It goes on, and is as old as this attempt.
  if (Rival* const other = rival()) Drop(other->endpoint);
  search_->rival.reset();
  Timer::Disarm();
  Drop(backend_);
  Postpone(Postponed::kNo);
  addresses_.reset();
}

/// While the session goes on. Whatever a child's copy of the socket reported would be taken for its
/// successor's.
void Session::Drop(Endpoint& endpoint) {
  if (!endpoint.socket.valid()) return;
  context_->loop.Unwatch(endpoint.socket.get());
  endpoint.socket.Reset();
}

// ── Two attempts beside each other ──

Session::Search& Session::search() {
  if (!search_) {
    search_ = std::make_unique<Search>();
    const bool is_connecting = state_ == State::kConnecting;
    search_->began_ms = is_connecting ? since_ms_ : context_->loop.now_ms();
    search_->attempts = is_connecting ? 1 : 0;
  }
  return *search_;
}

Rival* Session::rival() const { return search_ && search_->rival ? &*search_->rival : nullptr; }

std::uint64_t Session::ConnectDeadline(std::uint64_t since_ms) const {
  return timeouts_->connect_ms == 0 ? kNever : since_ms + timeouts_->connect_ms;
}

std::uint64_t Session::SearchBegan() const {
  const Search* const search = search_.get();
  return search == nullptr ? since_ms_ : search->began_ms;
}

std::uint64_t Session::BudgetDeadline() const {
  const std::uint32_t budget_ms = timeouts_->search.budget_ms;
  return budget_ms == 0 ? kNever : SearchBegan() + budget_ms;
}

bool Session::MayTry() const {
  const std::uint32_t attempts = timeouts_->search.attempts;
  const std::uint32_t most = attempts == 0 ? kMostAttempts : std::min(attempts, kMostAttempts);
  return (search_ ? search_->attempts : 1) < most;
}

bool Session::search_is_over() const {
  return search_ && (!MayTry() || context_->loop.now_ms() >= BudgetDeadline());
}

/// A descriptor is not this address's to give, and the next one would need it as well. So the wait
/// for one is not part of its time where the search has one of its own.
std::uint64_t Session::AttemptDeadline() const {
  const std::uint64_t budget = BudgetDeadline();
  if (postponed_ == Postponed::kForDescriptor && budget != kNever) return budget;
  return std::min(ConnectDeadline(since_ms_), budget);
}

// ── A client that leaves ──

/// It has ended its stream, as far as is known without asking, without a word.
bool Session::MayHaveLeft() const {
  return timeouts_->search.abort_on_close && client_.end_told && !client_.urgent &&
         upstream_.held() == 0 && !(search_ && search_->client_has_spoken);
}

/// Who only listens is not told from who has left. A backend that answers soon serves both.
std::uint64_t Session::LeaveDeadline() const {
  return MayHaveLeft() ? SearchBegan() + kListensForMs : kNever;
}

/// What it had sent is still to be delivered.
bool Session::HasLeft() {
  if (sys::IsAtEnd(client_.socket.get())) return true;
  search().client_has_spoken = true;
  return false;
}

void Session::Leave() { Close(CloseReason::kReset, ECONNRESET, true); }

/// When another address is to be tried beside the one that is being tried, if that stays silent;
/// kNever when none is.
std::uint64_t Session::RaceBegins() const {
  if (rival() != nullptr || next_address_ == addresses_->size() || !MayTry()) return kNever;
  const int family = address().family();
  const int next = (*addresses_)[next_address_].family();
  const bool differ =
      (family == AF_INET && next == AF_INET6) || (family == AF_INET6 && next == AF_INET);
  if (!differ) return kNever;
  return std::max(since_ms_ + kAttemptDelayMs, search_ ? search_->races_not_before_ms : 0);
}

/// A rival's time is over later than that of the attempt that it is beside.
void Session::ArmConnectTimer() {
  std::uint64_t next = kNever;  // Its queue wakes whoever has a place there.
  if (postponed_ == Postponed::kNo) next = RaceBegins();
  if (postponed_ == Postponed::kForDescriptor && !has_place())
    next = context_->loop.now_ms() + kExhaustedRetryMs;
  const std::uint64_t deadline = std::min({AttemptDeadline(), LeaveDeadline(), next});
  if (deadline == kNever) {
    Timer::Disarm();
  } else {
    context_->loop.Arm(*this, deadline);
  }
}

/// Of a process that was stopped the clock has run on: who has answered meanwhile is not late.
void Session::OnConnectTimer() {
  const std::uint64_t now = context_->loop.now_ms();
  if (postponed_ != Postponed::kNo) {
    if (now >= LeaveDeadline() && HasLeft()) return Leave();
    // Before its turn only when its time is over.
    if (has_place() && now < AttemptDeadline()) return ArmConnectTimer();
    return TryConnect();
  }
  const auto is_silent = [&](Endpoint& endpoint) {
    if (!AnswerWaits(endpoint)) return true;
    FinishConnect(endpoint);
    return false;
  };
  if (now >= LeaveDeadline()) {
    if (!is_silent(backend_) || (rival() != nullptr && !is_silent(rival()->endpoint))) return;
    if (HasLeft()) return Leave();
  }
  if (now >= AttemptDeadline()) {
    if (!is_silent(backend_)) return;
    Rival* const other = rival();
    if (other != nullptr && !is_silent(other->endpoint)) return;
    if (IsCutShort()) return CutShort();
    FailAttempt(ETIMEDOUT);
  } else if (now >= RaceBegins()) {
    if (is_silent(backend_)) StartRival();
  } else {
    ArmConnectTimer();
  }
}

bool Session::AnswerWaits(Endpoint& endpoint) {
  const std::uint32_t events = sys::Readiness(endpoint.socket.get());
  endpoint.Note(events);
  return (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
}

void Session::StartRival() {
  Rival& other = search().rival.emplace();
  other.endpoint.is_second = !backend_.is_second;
  other.since_ms = context_->loop.now_ms();
  other.since_ticks = TicksNow();
  other.address = next_address_;
  // A descriptor beyond those that a session needs is for nobody while others wait for one.
  const sys::Result connected = context_->shortage.sessions.load() > 0
                                    ? sys::Result{.status = Status::kExhausted}
                                    : SetOut(other.endpoint, AddressOf(other), 1);
  // For want of memory, too: no failure of the backend's.
  if (connected.status == Status::kExhausted || connected.error == ENOMEM) {
    search_->races_not_before_ms = other.since_ms + kAttemptDelayMs;
    search_->rival.reset();
    return ArmConnectTimer();
  }
  ++next_address_;
  ++search_->attempts;
  if (connected.status == Status::kOk) return FinishConnect(other.endpoint);
  if (connected.status != Status::kAgain) return FailRival(other, connected.error);
  ArmConnectTimer();
}

/// The attempt beside it goes on, and another may be made beside that.
void Session::FailRival(Rival& other, int error) {
  const SocketAddress& failed = AddressOf(other);
  Drop(other.endpoint);
  search_->rival.reset();
  ArmConnectTimer();
  context_->owner.OnAttemptFailed(*this, failed, error);
}

/// What was the rival is the session's one attempt now.
void Session::TakeRival(Rival& other) {
  backend_ = std::move(other.endpoint);
  address_ = other.address;
  since_ms_ = other.since_ms & kLatestMs;
  since_ticks_ = other.since_ticks & 63;
  search_->rival.reset();
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
  if (HistogramRow* row = histograms()) row->Note(Measured::kConnect, MicrosecondsSince());
  state_ = State::kRelaying;
  BeginToKeepAlive();
  const bool is_on_trial = addresses_ && timeouts_->early_reset_ms > 0;
  addresses_.reset();
  search_.reset();
  if (is_on_trial) static_cast<void>(search());  // It begins now.
  if (CounterRow* row = backend_counters()) {
    row->opened.Add(1);
    row->open.Add(1);
  }
  NoteNow();
  due_ms_ = DrawDue() & kLatestMs;
  // They are, nearly always; their first edge may not have been handled yet.
  client_.writable = backend_.writable = true;
  ArmRelayTimer();
  context_->owner.OnOpened(*this);
  Advance();
}

}  // namespace spliceway
