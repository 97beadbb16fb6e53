#include "world.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace spliceway::simulator {
namespace {

constexpr std::uint16_t kListenerPort = 1;
constexpr std::uint16_t kFirstBackendPort = 2;
constexpr std::uint16_t kFirstClientPort = 40;
constexpr std::size_t kMostPairs = 4;
constexpr std::size_t kSlots = 16;
/// Steps after which a schedule runs in circles: the longest of a million took a tenth.
constexpr std::uint64_t kMostSteps = 200'000;
/// How long what could be moved may wait: the core's longest retry, 50 ms, and some.
constexpr std::uint64_t kLongestWaitUs = 60'000;
/// Turns in a row of a loop that asked for one at once and then did nothing.
constexpr int kMostIdleTurns = 8;
/// All that ends by itself has ended by then, the survivors of resets included (60 s).
constexpr std::uint64_t kPatienceUs = 120'000'000;

std::string Name(const Peer& peer) { return "stream " + std::to_string(peer.stream()); }

}  // namespace

World::World(Choices& choices, const Options& options)
    : choices_(choices), options_(options), kernel_(choices) {
  kernel_.traces = options.traces;
  Kernel::Current() = &kernel_;
  SetUp();
  gives_up_at_us_ = kernel_.now_us() + kPatienceUs;
}

World::~World() {
  crew_.reset();
  Kernel::Current() = nullptr;
}

// ── The scene ──

void World::SetUp() {
  Conditions& conditions = kernel_.conditions;
  constexpr std::array<std::size_t, 4> kSegments = {65536, 1448, 536, 16384};
  conditions.segment = kSegments[choices_.Below(4)];
  conditions.pipe_slots = choices_.OneIn(2) ? 256 : 16;
  conditions.signals = choices_.OneIn(4);
  conditions.refuses_splice = choices_.OneIn(12);
  if (choices_.OneIn(6)) conditions.shortages = 1 + static_cast<int>(choices_.Below(20));
  if (choices_.OneIn(8)) conditions.bytes_per_us = 100;
  const Transfer transfer = static_cast<Transfer>(choices_.Below(3));
  const bool few_descriptors = choices_.OneIn(6);
  // Without it, sessions may wait for descriptors that others like them hold.
  timeouts_.connect_ms = few_descriptors || choices_.OneIn(2) ? 1000 : 0;
  timeouts_.handshake_ms = choices_.OneIn(6) ? 2000 : 0;
  timeouts_.idle_ms = choices_.OneIn(3) ? 3000 : 0;
  timeouts_.half_close_ms = choices_.OneIn(4) ? 1500 : 0;
  may_stay_ = choices_.OneIn(4);

  MakeWorkers(1 + choices_.Below(2), transfer);
  crew_->observed.store(!choices_.OneIn(3));
  MakePairs();
  MakeBackends();
  const int listener = kernel_.Listen(kListenerPort, !choices_.OneIn(6));
  crew_->open_listeners.fetch_add(1);
  crew_->workers.front()->Post(ListenCommand{
      .fd = UniqueFd(listener),
      .options = {.listener = 0,
                  .picks = choices_.OneIn(3) ? Picks::kByOwner : Picks::kByCycle,
                  .timeouts = timeouts_,
                  .clients = {.remote = choices_.OneIn(8) ? 1 + choices_.Below(2) : 0}}});
  base_descriptors_ = kernel_.open_descriptors();
  if (few_descriptors) conditions.descriptors = base_descriptors_ + 2 + choices_.Below(8);
  if (choices_.OneIn(6)) drains_at_us_ = kernel_.now_us() + choices_.Below(100'000);
}

void World::MakeWorkers(std::size_t count, Transfer transfer) {
  crew_ = std::make_unique<Crew>(kSlots, kFirstClientPort, 1,
                                 std::make_shared<Counters>(count, 1, kFirstClientPort, kSlots),
                                 [this] { rung_ = true; });
  for (std::size_t index = 0; index < count; ++index) {
    int error = 0;
    epolls_.push_back(static_cast<int>(3 + kernel_.open_descriptors()));
    crew_->workers.push_back(
        Worker::Create({.index = index,
                        .pipes = {.large_bytes = 1 << 20,
                                  .default_bytes = 65536,
                                  .total_bytes = choices_.OneIn(8) ? std::size_t{65536} : 8U << 20,
                                  .pipes = choices_.OneIn(8) ? 1U : 8U,
                                  .idle = 2},
                        .transfer = transfer,
                        .busy_poll_us = choices_.OneIn(16) ? 20U : 0U},
                       *crew_, error));
  }
  idle_turns_.resize(count);
}

void World::MakePairs() {
  const bool much = choices_.OneIn(64);
  const std::size_t wanted = much ? 6U << 20 : choices_.OneIn(4) ? 400'000 : 20'000;
  const std::size_t most = std::min(wanted, options_.most_bytes);
  // Slowly enough for a stream to last, and fast enough to count as one.
  if (much) kernel_.conditions.bytes_per_us = 100;
  kernel_.conditions.largest_buffer = much ? 4U << 20 : 400'000;
  // A byte at a time, of many, takes long and shows nothing more.
  kernel_.conditions.smallest_buffer = most / 256 + 1;
  pairs_.resize(1 + choices_.Below(kMostPairs));
  for (Pair& pair : pairs_) {
    pair.client_habits = Habits::Choose(choices_, most, may_stay_);
    pair.client_habits.answers = false;
    pair.backend_habits = Habits::Choose(choices_, most, may_stay_);
    pair.starts_at_us = kernel_.now_us() + (choices_.OneIn(2) ? choices_.Below(50'000) : 0);
    pair.by_owner = choices_.OneIn(4);
    pair.joins = pair.by_owner && choices_.OneIn(2);
  }
}

void World::MakeBackends() {
  // Two for each client, some of them down.
  const std::size_t count = 2 * pairs_.size();
  std::vector<std::uint16_t> cycle;
  for (std::size_t index = 0; index < count; ++index) {
    const auto port = static_cast<std::uint16_t>(kFirstBackendPort + index);
    Backend& backend = kernel_.backends[port];
    backend = Backend::kAccepts;
    if (choices_.OneIn(6)) {
      constexpr std::array<Backend, 3> kDown = {Backend::kRefuses, Backend::kUnreachable,
                                                Backend::kSilent};
      backend = kDown[choices_.Below(timeouts_.connect_ms > 0 ? 3 : 2)];
    }
    const SocketAddress address = choices_.OneIn(6) ? *SocketAddress::FromPath(std::to_string(port))
                                                    : *SocketAddress::FromIp("192.0.2.2", port);
    crew_->table.SetAddresses(port, {address});
    if (choices_.OneIn(8)) crew_->table.PlacesOf(port).Limit(1);
    cycle.push_back(port);
    rows_.push_back(port);
  }
  crew_->table.SetCycle(std::move(cycle));
}

// ── What happens next ──

void World::CollectPossible() {
  possible_.clear();
  for (std::size_t index = 0; index < epolls_.size(); ++index) {
    if (kernel_.is_ready(epolls_[index]) ||
        kernel_.sleeps_until_us(epolls_[index]) <= kernel_.now_us()) {
      possible_.push_back({.step = Step::kTurn, .which = index});
    }
  }
  const auto& sockets = kernel_.sockets();
  for (std::size_t index = 0; index < sockets.size(); ++index) {
    if (kernel_.CanPass(*sockets[index])) {
      possible_.push_back({.step = Step::kPass, .which = index});
    } else if (kernel_.CanTell(*sockets[index])) {
      possible_.push_back({.step = Step::kTell, .which = index});
    }
  }
  for (std::size_t index = 0; index < pairs_.size(); ++index) {
    const Pair& pair = pairs_[index];
    if (!pair.started) {
      if (pair.starts_at_us <= kernel_.now_us()) {
        possible_.push_back({.step = Step::kStart, .which = index});
      }
      continue;
    }
    if (pair.client && pair.client->CanAct()) {
      possible_.push_back({.step = Step::kPeer, .which = 2 * index});
    }
    if (pair.backend && pair.backend->CanAct()) {
      possible_.push_back({.step = Step::kPeer, .which = 2 * index + 1});
    }
  }
  if (rung_) possible_.push_back({.step = Step::kOwner, .which = 0});
  if (!drain_asked_ && drains_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kDrain, .which = 0});
  }
}

void World::Take(const Possible& possible) {
  if (possible.step != Step::kTurn) ++stimuli_;
  switch (possible.step) {
    case Step::kTurn:
      return Turn(possible.which);
    case Step::kPass:
      return kernel_.Pass(*kernel_.sockets()[possible.which]);
    case Step::kTell:
      return Tell(*kernel_.sockets()[possible.which]);
    case Step::kPeer: {
      Pair& pair = pairs_[possible.which / 2];
      return (possible.which % 2 == 0 ? pair.client : pair.backend)->Act();
    }
    case Step::kStart:
      return StartClient(pairs_[possible.which]);
    case Step::kOwner:
      return ServeOwner();
    case Step::kDrain:
      return Drain();
  }
}

void World::Turn(std::size_t worker) {
  kernel_.Trace("a turn of loop %zu", worker);
  const std::uint64_t bytes = kernel_.bytes_moved();
  const std::uint64_t calls = kernel_.calls();
  const bool was_ready = kernel_.is_ready(epolls_[worker]);
  crew_->workers[worker]->RunTurn();
  // A loop that waits for nothing must have something to do.
  const bool is_idle = !was_ready && kernel_.bytes_moved() == bytes && kernel_.calls() == calls &&
                       kernel_.sleeps_until_us(epolls_[worker]) <= kernel_.now_us();
  idle_turns_[worker] = is_idle ? idle_turns_[worker] + 1 : 0;
  if (idle_turns_[worker] > kMostIdleTurns) kernel_.Fail("a loop spins");
}

void World::Tell(Socket& socket) {
  Pair* pair = PairOf(socket);
  Socket* far = kernel_.Tell(socket);
  if (far == nullptr) return;
  if (pair == nullptr) return kernel_.CloseSocket(*far);
  if (pair->backend) {
    const Peer& earlier = *pair->backend;
    if (earlier.socket().peer->fd >= 0 || earlier.socket().arrived > 0) {
      kernel_.Fail("a client has two backends");
    }
    pair->backend->GiveUp();
    pair->given_up.push_back(std::move(pair->backend));
  }
  const auto stream = static_cast<std::uint32_t>(2 * (pair - pairs_.data()) + 1);
  pair->backend = std::make_unique<Peer>(kernel_, choices_, *far, stream, pair->backend_habits);
}

void World::StartClient(Pair& pair) {
  pair.started = true;
  const auto index = static_cast<std::size_t>(&pair - pairs_.data());
  const auto port = static_cast<std::uint16_t>(kFirstClientPort + index);
  const auto stream = static_cast<std::uint32_t>(2 * index);
  if (!pair.by_owner) {
    Socket* socket = kernel_.ConnectTo(kListenerPort, port);
    if (socket == nullptr) {
      pair.refused = true;
      return;
    }
    pair.client = std::make_unique<Peer>(kernel_, choices_, *socket, stream, pair.client_habits);
    return;
  }
  int error = 0;
  const std::optional<std::uint32_t> slot = crew_->TakeSlot(error);
  if (!slot || drain_asked_) {
    if (slot) crew_->GiveSlot(*slot);
    pair.refused = true;
    return;
  }
  pair.slot = slot;
  const auto [fd, far] = kernel_.OpenPair(port, true);
  pair.client = std::make_unique<Peer>(kernel_, choices_, *far, stream, pair.client_habits);
  const std::size_t read = std::min(choices_.UpTo(2000), pair.client_habits.bytes);
  pair.client->SkipPrefix(read);
  const std::string prefix = BytesOf(stream, 0, read);
  const std::size_t worker = choices_.Below(static_cast<std::uint32_t>(epolls_.size()));
  crew_->worker_of_slot[*slot] = static_cast<std::uint16_t>(worker);
  crew_->workers[worker]->Start(
      {.start = {.slot = *slot,
                 .client = UniqueFd(fd),
                 .client_prefix = PendingBytes(std::as_bytes(std::span(prefix))),
                 .timeouts = timeouts_,
                 .listener = 0,
                 .route = {.reported = true}}});
  if (!pair.joins) {
    pair.rows_left = rows_;
    return GiveBackend(pair);
  }
  const auto [backend_fd, backend] = kernel_.OpenPair(0, true);
  pair.backend =
      std::make_unique<Peer>(kernel_, choices_, *backend, stream + 1, pair.backend_habits);
  const std::size_t backend_read = std::min(choices_.UpTo(2000), pair.backend_habits.bytes);
  pair.backend->SkipPrefix(backend_read);
  const std::string backend_prefix = BytesOf(stream + 1, 0, backend_read);
  crew_->workers[worker]->Post(
      JoinCommand{.slot = *slot,
                  .backend = UniqueFd(backend_fd),
                  .backend_prefix = PendingBytes(std::as_bytes(std::span(backend_prefix)))});
}

// ── The program that owns the engine ──

void World::ServeOwner() {
  rung_ = false;
  std::array<SessionEvent, 4> events;
  std::size_t count = 0;
  do {
    count = crew_->events.Take(events);
    for (std::size_t index = 0; index < count; ++index) HandleEvent(events[index]);
  } while (count == events.size());
}

void World::HandleEvent(const SessionEvent& event) {
  const auto slot = static_cast<std::uint32_t>(event.slot);
  switch (event.kind) {
    case SessionEvent::Kind::kAccepted: {
      Pair& pair = pairs_[static_cast<std::size_t>(event.port - kFirstClientPort)];
      pair.slot = slot;
      pair.rows_left = rows_;
      return;
    }
    case SessionEvent::Kind::kNeedBackend:
      return GiveBackend(*PairOfSlot(slot));
    case SessionEvent::Kind::kClosed: {
      Pair& pair = *PairOfSlot(slot);
      pair.reason = static_cast<CloseReason>(event.reason);
      pair.slot.reset();
      crew_->workers[crew_->worker_of_slot[slot]]->Post(ReleaseCommand{.slot = slot});
      return;
    }
    case SessionEvent::Kind::kDrained:
      drained_ = true;
      return;
    default:
      return;
  }
}

/// One that nobody else has, so that it is known who is joined to whom.
void World::GiveBackend(Pair& pair) {
  Worker& worker = *crew_->workers[crew_->worker_of_slot[*pair.slot]];
  if (pair.rows_left.empty()) {
    pair.left_alone = true;
    return worker.Post(EndCommand{.slot = *pair.slot, .ending = Ending::kNoBackend});
  }
  const std::uint16_t row = pair.rows_left.front();
  pair.rows_left.erase(pair.rows_left.begin());
  worker.Post(ConnectCommand{.slot = *pair.slot, .backend = row});
}

void World::Drain() {
  kernel_.Trace("drain");
  drain_asked_ = true;
  crew_->draining.store(true);
  for (const auto& worker : crew_->workers) worker->Post(CloseListenersCommand{});
}

World::Pair* World::PairOfSlot(std::uint32_t slot) {
  for (Pair& pair : pairs_) {
    if (pair.slot == slot) return &pair;
  }
  kernel_.Fail("an event of a session that nobody knows");
  return pairs_.data();
}

/// The client whose session has this socket to its backend; null when the session has closed it.
World::Pair* World::PairOf(const Socket& backend_socket) {
  if (backend_socket.fd < 0) return nullptr;
  for (std::size_t slot = 0; slot < crew_->slab.high_water(); ++slot) {
    const Session& session = crew_->slab.At(static_cast<std::uint32_t>(slot));
    if (!session.alive() || !session.Owns(backend_socket.fd)) continue;
    return &pairs_[static_cast<std::size_t>(session.client_address().port() - kFirstClientPort)];
  }
  return nullptr;
}

// ── Time ──

bool World::LetTimePass() {
  std::uint64_t next = kNever;
  for (const int epoll : epolls_) next = std::min(next, kernel_.sleeps_until_us(epoll));
  for (const Pair& pair : pairs_) {
    if (!pair.started) next = std::min(next, pair.starts_at_us);
    for (const Peer* peer : {pair.client.get(), pair.backend.get()}) {
      if (peer != nullptr && !peer->is_done()) next = std::min(next, peer->acts_at_us());
    }
  }
  if (!drain_asked_) next = std::min(next, drains_at_us_);
  CheckThatNothingWaits(next);
  if (next == kNever) return false;
  ++stimuli_;  // A retry, or a time-out.
  kernel_.AdvanceTo(next);
  return true;
}

/// No byte, end or reset that could go on waits until then: the core would not have noticed it.
void World::CheckThatNothingWaits(std::uint64_t until_us) {
  if (until_us != kNever && until_us - kernel_.now_us() <= kLongestWaitUs) return;
  for (const Pair& pair : pairs_) {
    if (!pair.client || !pair.backend) continue;
    for (const auto& [from, to] : {std::pair(pair.client.get(), pair.backend.get()),
                                   {pair.backend.get(), pair.client.get()}}) {
      const Socket* source = from->socket().peer;
      const Socket* sink = to->socket().peer;
      if (source->fd < 0 || sink->fd < 0) continue;
      if (sink->phase != Socket::Phase::kOpen || sink->fin_out || !Kernel::HasRoom(*sink)) continue;
      const bool held = source->read + from->prefix() > sink->written;
      const bool arrived = source->in.bytes() > 0;
      const bool ended = source->fin_in && !source->fin_read && source->error == 0;
      if (held || arrived || ended) {
        kernel_.Fail(Name(*from) + ": " +
                     (held      ? "bytes are held"
                      : arrived ? "bytes have arrived"
                                : "the end has come") +
                     ", there is room, and the loops sleep");
      }
    }
  }
}

bool World::IsOver() const {
  for (const Pair& pair : pairs_) {
    if (!pair.started || (pair.client && !pair.client->is_done()) ||
        (pair.backend && !pair.backend->is_done())) {
      return false;
    }
  }
  return crew_->slab.in_use() == 0 && kernel_.clients_waiting() == 0;
}

/// Ends what nothing else would: sessions of peers that stay for ever.
void World::GiveUp() {
  gave_up_ = true;
  bool any = false;
  bool any_stays = false;
  for (Pair& pair : pairs_) {
    for (Peer* peer : {pair.client.get(), pair.backend.get()}) {
      if (peer == nullptr) continue;
      any_stays = any_stays || !peer->habits().is_steady();
      if (peer->is_done()) continue;
      any = true;
      peer->GiveUp();
    }
  }
  if (!any) kernel_.Fail("a session does not end though both its peers are gone");
  if (!any_stays) kernel_.Fail("nothing can happen any more, and not all sessions have ended");
}

// ── The run ──

Outcome World::Run() {
  while (kernel_.failure().empty()) {
    CollectPossible();
    if (possible_.empty()) {
      if (IsOver()) break;
      if (!LetTimePass() || kernel_.now_us() > gives_up_at_us_) {
        gives_up_at_us_ = kernel_.now_us() + kPatienceUs;
        GiveUp();
      }
      continue;
    }
    Take(possible_[choices_.Below(static_cast<std::uint32_t>(possible_.size()))]);
    if (drain_asked_ && !listeners_closed_ && crew_->open_listeners.load() == 0) {
      // Here `Engine::Drain` would return.
      listeners_closed_ = true;
      crew_->ReportIfDrained();
    }
    if (++outcome_.steps > kMostSteps) kernel_.Fail("no end after so many steps");
  }
  if (kernel_.failure().empty()) Finish();
  outcome_.failure = kernel_.failure();
  outcome_.calls = kernel_.calls();
  outcome_.bytes = kernel_.bytes_moved();
  outcome_.sessions = pairs_.size();
  return outcome_;
}

void World::Finish() {
  for (const Pair& pair : pairs_) CheckPair(pair);
  CheckCounters();
  CheckCosts();
  // Idle pipes go within two seconds, with the loops awake for nothing else.
  for (int turn = 0; turn < 8; ++turn) {
    kernel_.AdvanceTo(kernel_.now_us() + 1'000'000);
    for (std::size_t worker = 0; worker < epolls_.size(); ++worker) {
      if (kernel_.sleeps_until_us(epolls_[worker]) <= kernel_.now_us()) Turn(worker);
    }
  }
  if (kernel_.pipes() != 0) kernel_.Fail("a pipe is left");
  const std::size_t listeners = drain_asked_ ? 1 : 0;
  if (kernel_.open_descriptors() != base_descriptors_ - listeners) {
    kernel_.Fail(
        "descriptors are left, or closed too early: " + std::to_string(kernel_.open_descriptors()) +
        " instead of " + std::to_string(base_descriptors_ - listeners));
  }
  if (drain_asked_ && !drained_) kernel_.Fail("the drain has not been reported");
  crew_.reset();
  if (kernel_.open_descriptors() != 0) kernel_.Fail("descriptors outlive the engine");
}

// ── What must hold ──

void World::CheckPair(const Pair& pair) {
  if (!pair.client) return;
  // A backend that resets before the core saw it accept has failed like any other.
  if (!pair.backend || pair.left_alone) {
    if (!pair.client->received().empty()) kernel_.Fail("a client got bytes from nobody");
    return;
  }
  CheckEnd(pair, *pair.client, *pair.backend);
  CheckEnd(pair, *pair.backend, *pair.client);
}

/// What `to` got is what `from` sent, as far as their own ends allow.
void World::CheckEnd(const Pair& pair, const Peer& from, const Peer& to) {
  const std::string who = Name(from);
  const std::string& got = to.received();
  if (got.size() > from.sent() || got != BytesOf(from.stream(), 0, got.size())) {
    return kernel_.Fail(who + ": what arrived is not what was sent");
  }
  const Socket& near_from = *from.socket().peer;
  const Socket& near_to = *to.socket().peer;
  const bool by_time =
      timeouts_.handshake_ms > 0 || timeouts_.idle_ms > 0 || timeouts_.half_close_ms > 0;
  const bool timed_out = pair.reason ? *pair.reason == CloseReason::kHandshakeTimeout ||
                                           *pair.reason == CloseReason::kIdleTimeout ||
                                           *pair.reason == CloseReason::kHalfCloseTimeout
                                     : by_time;
  const bool was_disturbed = pair.ended_by_owner || gave_up_ || kernel_.shortage_was_met();
  const std::uint64_t came = near_from.arrived + from.prefix();

  if (to.saw_end()) {
    // Unix sockets know no reset: their survivor reads an end.
    const bool was_lost = near_from.phase == Socket::Phase::kDead;
    if (!to.socket().is_tcp && (was_lost || timed_out)) return;
    if (near_from.lost_by_reset && !timed_out) {
      return kernel_.Fail(who + ": a reset was turned into a clean end");
    }
    if (near_from.fin_in && got.size() == from.sent()) return;
    if (!timed_out) return kernel_.Fail(who + ": an end came before all that was sent");
    if (got.size() != came) {
      return kernel_.Fail(who + ": a time-out hid that bytes were lost");
    }
  }
  if (to.saw_reset()) {
    const bool has_cause = near_from.lost_by_reset || near_to.lost_by_reset || timed_out ||
                           was_disturbed || from.socket().closed || near_from.error != 0 ||
                           near_from.phase == Socket::Phase::kDead;
    if (!has_cause) return kernel_.Fail(who + ": a reset that nobody sent");
    // What had come before a reset arrives, too; but a client that resets before a backend has
    // answered is gone.
    const bool was_relayed = near_from.read > 0 || near_to.read > 0;
    if (was_relayed && near_from.lost_by_reset && !timed_out && !was_disturbed &&
        to.habits().is_steady() && !to.has_ended() && !by_time && got.size() != came) {
      return kernel_.Fail(who + ": bytes that came before a reset are lost");
    }
  }
  if (!to.saw_end() && !to.saw_reset() && to.habits().end == Habits::End::kFin && !to.gave_up() &&
      !to.habits().never_reads) {
    kernel_.Fail(who + ": the other side was never told of an end");
  }
  if (pair.reason == CloseReason::kIdleTimeout) {
    const std::uint64_t last = std::max(near_from.moved_us, near_to.moved_us);
    const std::uint64_t idle_us = std::uint64_t{timeouts_.idle_ms} * 1000;
    if (near_from.closed_us + 2000 < last + idle_us) kernel_.Fail("an idle time-out came early");
    // A half-close begins it anew.
    const std::uint64_t latest = std::max({last, near_from.fin_in_us, near_to.fin_in_us});
    if (near_from.closed_us > latest + idle_us + kLongestWaitUs) {
      kernel_.Fail("an idle time-out came late");
    }
  }
}

void World::CheckCounters() {
  std::uint64_t open = 0;
  std::uint64_t bytes = 0;
  for (std::size_t worker = 0; worker < epolls_.size(); ++worker) {
    const CounterRow& listener = crew_->counters->Listener(worker, 0);
    open += listener.open.value();
    bytes += listener.bytes_upstream.value() + listener.bytes_downstream.value();
    for (const std::uint16_t row : rows_) {
      open += crew_->counters->Backend(worker, row).open.value();
    }
  }
  std::uint64_t written = 0;
  for (const auto& socket : kernel_.sockets()) {
    if (socket->is_core) written += socket->written;
  }
  for (const std::uint16_t row : rows_) {
    if (crew_->table.PlacesOf(row).Take() == Places::Answer::kNone) {
      kernel_.Fail("a backend's place was not given back");
    }
  }
  if (open != 0) kernel_.Fail("a counter says that sessions are open");
  if (bytes != written) kernel_.Fail("the counters' bytes are not those that were written");
}

/// A bound on calls for each event and each byte: whoever works without a cause exceeds it.
void World::CheckCosts() {
  const std::uint64_t most = 200 + 60 * pairs_.size() + 8 * stimuli_ + kernel_.bytes_moved() / 512;
  if (kernel_.calls() > most) {
    kernel_.Fail(std::to_string(kernel_.calls()) + " calls for " + std::to_string(stimuli_) +
                 " events and " + std::to_string(kernel_.bytes_moved()) + " bytes");
  }
}

}  // namespace spliceway::simulator
