#include "world.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "evidence.h"

namespace spliceway::simulator {
namespace {

/// Steps after which a schedule runs in circles: the longest of a million took a tenth.
constexpr std::uint64_t kMostSteps = 200'000;
/// Turns in a row of a loop that asked for one at once and then called nothing. It may have handled
/// one command in each, or looked at eight slots: that is what the smallest budget leaves room for,
/// and a schedule asks for some dozens at once. One that spins does so for ever.
constexpr int kMostIdleTurns = 64;
/// Wake-ups in a row by timers that found nothing to do: so many at once (streams are looked at
/// each millisecond until it is clear that they have faltered), and one for each of these spans
/// (each session that waits for a descriptor, or for a survivor, asks more rarely).
constexpr std::uint64_t kMostIdleWakeUps = 256;
constexpr std::uint64_t kIdleWakeUpEveryUs = 10'000;
/// All that ends by itself has ended by then, the survivors of resets included (60 s).
constexpr std::uint64_t kPatienceUs = 120'000'000;
/// How long an owner who watches may stand still.
constexpr std::uint32_t kLongestStandUs = 600'000;

}  // namespace

World::World(Choices& choices, const Options& options)
    : choices_(choices), options_(options), kernel_(choices) {
  kernel_.traces = options.traces;
  Kernel::Current() = &kernel_;
  SetUp();
  gives_up_at_us_ = kernel_.run_us() + kPatienceUs;
}

World::~World() {
  scene_.crew.reset();
  Kernel::Current() = nullptr;
}

// ── What happens next ──

void World::CollectPossible() {
  possible_.clear();
  for (std::size_t index = 0; index < scene_.epolls.size(); ++index) {
    if (kernel_.is_ready(scene_.epolls[index]) ||
        kernel_.sleeps_until_us(scene_.epolls[index]) <= kernel_.now_us()) {
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
  for (std::size_t index = 0; index < scene_.pairs.size(); ++index) {
    const Pair& pair = scene_.pairs[index];
    if (pair.word_at_us <= kernel_.now_us()) {
      possible_.push_back({.step = Step::kWord, .which = index});
    }
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
  if (rung_ && serves_owner_at_us_ == kNever) {
    serves_owner_at_us_ = kernel_.now_us();
    scene_.owner_stands = scene_.watches && choices_.OneIn(2);
    if (scene_.owner_stands) serves_owner_at_us_ += choices_.Below(kLongestStandUs);
  }
  if (serves_owner_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kOwner, .which = 0});
  }
  if (publishes_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kPublish, .which = 0});
  }
  if (changes_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kChange, .which = 0});
  }
  if (limits_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kLimit, .which = 0});
  }
  if (ends_sessions_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kEndSessions, .which = 0});
  }
  if (!scene_.drain_asked && drains_at_us_ <= kernel_.now_us()) {
    possible_.push_back({.step = Step::kDrain, .which = 0});
  }
}

void World::Take(const Possible& possible) {
  if (possible.step != Step::kTurn) ++scene_.stimuli;
  switch (possible.step) {
    case Step::kTurn:
      return Turn(possible.which);
    case Step::kPass:
      return kernel_.Pass(*kernel_.sockets()[possible.which]);
    case Step::kTell:
      return Tell(*kernel_.sockets()[possible.which]);
    case Step::kPeer: {
      Pair& pair = scene_.pairs[possible.which / 2];
      return (possible.which % 2 == 0 ? pair.client : pair.backend)->Act();
    }
    case Step::kStart:
      return StartClient(scene_.pairs[possible.which]);
    case Step::kOwner:
      return ServeOwner();
    case Step::kWord:
      return GiveWord(scene_.pairs[possible.which]);
    case Step::kPublish:
      return Publish();
    case Step::kChange:
      return Change();
    case Step::kLimit:
      return ChangeLimits();
    case Step::kEndSessions:
      return EndSessions();
    case Step::kDrain:
      return Drain();
  }
}

void World::Turn(std::size_t worker) {
  kernel_.Trace("a turn of loop %zu", worker);
  const std::uint64_t bytes = kernel_.bytes_moved();
  const std::uint64_t calls = kernel_.calls();
  const bool was_ready = kernel_.is_ready(scene_.epolls[worker]);
  const std::uint64_t began_us = kernel_.now_us();
  const std::uint64_t stopped_us = kernel_.stopped_us();
  const bool lagged = scene_.crew->events.lags();
  NotePauses();
  generation_before_turn_ = scene_.crew->TakenGeneration();
  kernel_.BeginTurn();
  scene_.crew->workers[worker]->RunTurn();
  if (kernel_.stopped_us() != stopped_us) kernel_.AskAgain(scene_.epolls[worker]);
  scene_.longest_turn_us = std::max(scene_.longest_turn_us, kernel_.now_us() - began_us);
  oracle_.CheckLag(lagged);
  NoteAccepted();
  NoteEnded();
  NoteListed();
  if (scene_.has_changes) NotePicked();
  SettleRaces();
  NoteVacant();
  oracle_.CheckRemoved();
  oracle_.CheckClosedListeners();
  Vigil& vigil = vigils_[worker];
  const bool found_nothing = !was_ready && kernel_.bytes_moved() == bytes;
  // A loop that waits for nothing must have something to do, unless time has passed it by.
  const bool spun = found_nothing && kernel_.calls() == calls &&
                    kernel_.stopped_us() == stopped_us &&
                    kernel_.sleeps_until_us(scene_.epolls[worker]) <= kernel_.now_us();
  vigil.idle_turns = spun ? vigil.idle_turns + 1 : 0;
  if (!found_nothing) vigil.since_us = kernel_.now_us();
  vigil.idle_wake_ups = found_nothing ? vigil.idle_wake_ups + 1 : 0;
  const std::uint64_t most =
      kMostIdleWakeUps + (kernel_.now_us() - vigil.since_us) / kIdleWakeUpEveryUs;
  if (kernel_.pipes() > scene_.crew->pipes.limits().pipes) kernel_.Fail("too many pipes");
  if (vigil.idle_turns > kMostIdleTurns) kernel_.Fail("a loop spins");
  if (vigil.idle_wake_ups > most) kernel_.Fail("a loop wakes up again and again for nothing");
}

/// As the owner would ask, who has backends for these rows.
void World::NoteVacant() {
  for (auto& [row, removed] : scene_.removed) {
    if (removed.is_vacant) continue;
    removed.is_vacant = scene_.crew->IsVacant(row, removed.generation);
    if (removed.is_vacant) oracle_.CheckVacant(row);
  }
  NoteVacantListeners();
}

/// Of what a turn did: whom it accepted, and on whose behalf it has set out.
void World::NoteAccepted() {
  std::vector<const Pair*> first_set_out;
  bool has_set_out = false;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->fd < 0) continue;
    if (socket->was_accepted && !socket->was_noted) {
      socket->was_noted = true;
      Pair& pair = scene_.pairs[socket->port - std::size_t{kFirstClientPort}];
      oracle_.CheckAccepted(pair);
      oracle_.CheckServiceLimit(*socket, generation_before_turn_);
      NoteAccepted(pair);
    }
    if (socket->connect_us == 0) continue;
    if (Pair* pair = PairOf(*socket)) {
      pair->sought_since_us = std::min(pair->sought_since_us, socket->connect_us);
      oracle_.CheckSetOut(*pair);
      if (!pair->has_set_out) first_set_out.push_back(pair);
      pair->has_set_out = true;
    }
    if (scene_.queueing.is_on) has_set_out |= !std::exchange(socket->was_judged, true);
  }
  if (!scene_.queueing.is_on) return;
  oracle_.CheckPlaces(has_set_out);
  for (const Pair* pair : first_set_out) oracle_.CheckOrder(*pair);
  oracle_.NoteServed();
  NotePlaces();
}

void World::NoteAccepted(Pair& pair) const {
  if (scene_.has_changes) pair.generation = generation_before_turn_;
  if (scene_.picks == Picks::kByCycle) pair.waits_since_us = kernel_.now_us();
  const Attention attention = scene_.crew->attention.load();
  const bool is_asked = scene_.picks == Picks::kByOwner;
  pair.is_held = attention == Attention::kHold;
  pair.is_silent = pair.is_held || is_asked;
  if (attention != Attention::kWatch || is_asked) return;
  pair.watched_us = kernel_.now_us();
  // An owner who does not follow, or lags, is not waited for. It may have begun to in this turn.
  pair.is_silent = !scene_.crew->events.is_full() && !scene_.crew->events.lags();
}

void World::Tell(Socket& socket) {
  Pair* pair = PairOf(socket);
  Socket* far = kernel_.Tell(socket);
  if (far == nullptr) return;
  if (pair == nullptr) return kernel_.CloseSocket(*far);
  const auto stream = static_cast<std::uint32_t>(2 * (pair - scene_.pairs.data()) + 1);
  auto backend = std::make_unique<Peer>(kernel_, choices_, *far, stream, pair->backend_habits);
  if (pair->backend) {
    const Socket& earlier = pair->backend->socket();
    if (kernel_.RivalOf(socket) == earlier.peer && earlier.arrived == 0) {
      pair->rival = std::move(backend);
      return;
    }
    if (earlier.peer->fd >= 0 || earlier.arrived > 0) kernel_.Fail("a client has two backends");
    pair->backend->GiveUp();
    pair->given_up.push_back(std::move(pair->backend));
  }
  pair->backend = std::move(backend);
}

void World::StartClient(Pair& pair) {
  pair.started = true;
  if (scene_.has_changes) pair.service = choices_.Below(2);
  const Service& service = scene_.services[pair.service];
  pair.generation = scene_.crew->TakenGeneration();
  const auto index = static_cast<std::size_t>(&pair - scene_.pairs.data());
  const auto port = static_cast<std::uint16_t>(kFirstClientPort + index);
  const auto stream = static_cast<std::uint32_t>(2 * index);
  if (!pair.by_owner) {
    Socket* socket = kernel_.ConnectTo(service.port, port);
    if (socket == nullptr) return;  // Nobody listens any more.
    pair.client = std::make_unique<Peer>(kernel_, choices_, *socket, stream, pair.client_habits);
    return;
  }
  int error = 0;
  const std::optional<std::uint32_t> slot = scene_.crew->TakeSlot(error);
  if (!slot || scene_.drain_asked || !service.is_open) {
    if (slot) scene_.crew->GiveSlot(*slot);
    return;
  }
  pair.name = scene_.crew->slab.NameOf(*slot);
  const auto [fd, far] = kernel_.OpenPair(port, true);
  pair.client = std::make_unique<Peer>(kernel_, choices_, *far, stream, pair.client_habits);
  const std::size_t read = std::min(choices_.UpTo(2000), pair.client_habits.bytes);
  pair.client->SkipPrefix(read);
  const std::string prefix = BytesOf(stream, 0, read);
  const std::size_t worker = choices_.Below(static_cast<std::uint32_t>(scene_.epolls.size()));
  pair.loop = worker;
  scene_.crew->slab.SetLoop(*slot, static_cast<std::uint16_t>(worker));
  scene_.crew->workers[worker]->Start(
      {.start = {.slot = *slot,
                 .client = UniqueFd(fd),
                 .client_prefix = PendingBytes(std::as_bytes(std::span(prefix))),
                 .timeouts = scene_.timeouts,
                 .listener = RowOfService(service),
                 .route = {.reported = true}}});
  if (!pair.joins) {
    pair.rows_left = scene_.rows;
    return GiveBackend(pair);
  }
  const auto [backend_fd, backend] = kernel_.OpenPair(0, true);
  pair.backend =
      std::make_unique<Peer>(kernel_, choices_, *backend, stream + 1, pair.backend_habits);
  const std::size_t backend_read = std::min(choices_.UpTo(2000), pair.backend_habits.bytes);
  pair.backend->SkipPrefix(backend_read);
  const std::string backend_prefix = BytesOf(stream + 1, 0, backend_read);
  scene_.crew->workers[worker]->Post(
      JoinCommand{.session = *pair.name,
                  .backend = UniqueFd(backend_fd),
                  .backend_prefix = PendingBytes(std::as_bytes(std::span(backend_prefix)))});
}

/// The client whose session has this socket to its backend; null when the session has closed it.
Pair* World::PairOf(const Socket& backend_socket) {
  const Socket* client = kernel_.ClientOf(backend_socket);
  return client == nullptr ? nullptr : &scene_.pairs[client->port - std::size_t{kFirstClientPort}];
}

// ── Time ──

bool World::LetTimePass() {
  std::uint64_t next = kNever;
  for (const int epoll : scene_.epolls) next = std::min(next, kernel_.sleeps_until_us(epoll));
  for (const Pair& pair : scene_.pairs) {
    if (!pair.started) next = std::min(next, pair.starts_at_us);
    next = std::min(next, pair.word_at_us);
    for (const Peer* peer : {pair.client.get(), pair.backend.get()}) {
      if (peer != nullptr && !peer->is_done()) next = std::min(next, peer->acts_at_us());
    }
  }
  if (!scene_.drain_asked) next = std::min(next, drains_at_us_);
  next = std::min({next, publishes_at_us_, changes_at_us_, limits_at_us_, ends_sessions_at_us_,
                   serves_owner_at_us_});
  oracle_.CheckSilence(next);
  NoteLoopsSleep();
  if (next == kNever) return false;
  ++scene_.stimuli;  // A retry, or a time-out.
  kernel_.AdvanceTo(next);
  return true;
}

bool World::IsOver() const {
  for (const Pair& pair : scene_.pairs) {
    if (!pair.started || (pair.client && !pair.client->is_done()) ||
        (pair.backend && !pair.backend->is_done())) {
      return false;
    }
  }
  return !rung_ && scene_.crew->slab.in_use() == 0 && kernel_.clients_waiting() == 0;
}

/// Ends what nothing else would: sessions of peers that stay for ever.
void World::GiveUp() {
  scene_.gave_up = true;
  bool any = false;
  bool any_stays = false;
  for (Pair& pair : scene_.pairs) {
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
      if (!LetTimePass() || kernel_.run_us() > gives_up_at_us_) {
        gives_up_at_us_ = kernel_.run_us() + kPatienceUs;
        GiveUp();
      }
      continue;
    }
    Take(possible_[choices_.Below(static_cast<std::uint32_t>(possible_.size()))]);
    ListOrEnd();
    LimitService();
    if (scene_.drain_asked && !listeners_closed_ && scene_.crew->open_listeners.load() == 0) {
      // Here `Engine::Drain` would return.
      listeners_closed_ = true;
      scene_.crew->ReportIfDrained();
    }
    if (++outcome_.steps > kMostSteps) kernel_.Fail("no end after so many steps");
  }
  if (kernel_.failure().empty()) Finish();
  outcome_.failure = kernel_.failure();
  outcome_.calls = kernel_.calls();
  outcome_.bytes = kernel_.bytes_moved();
  outcome_.sessions = scene_.pairs.size();
  return outcome_;
}

void World::Finish() {
  oracle_.CheckResults();
  // Idle pipes go within two seconds, with the loops awake for nothing else.
  for (int turn = 0; turn < 8; ++turn) {
    kernel_.AdvanceTo(kernel_.now_us() + 1'000'000);
    for (std::size_t worker = 0; worker < scene_.epolls.size(); ++worker) {
      if (kernel_.sleeps_until_us(scene_.epolls[worker]) <= kernel_.now_us()) Turn(worker);
    }
  }
  if (kernel_.pipes() != 0) kernel_.Fail("a pipe is left");
  const PipeBudget& budget = scene_.crew->pipes;
  if (budget.pipes() != 0 || budget.bytes() != 0) {
    kernel_.Fail("what a pipe took of the budget was not given back");
  }
  const Crew& crew = *scene_.crew;
  if (crew.TakenGeneration() != crew.table.published()->generation()) {
    kernel_.Fail("a loop has not taken the tables that were published last");
  }
  CheckThatRowsAreVacant();
  const std::size_t listeners = static_cast<std::size_t>(std::count_if(
      scene_.services.begin(), scene_.services.end(),
      [&](const Service& service) { return scene_.drain_asked || !service.is_open; }));
  if (kernel_.open_descriptors() != base_descriptors_ - listeners) {
    kernel_.Fail(
        "descriptors are left, or closed too early: " + std::to_string(kernel_.open_descriptors()) +
        " instead of " + std::to_string(base_descriptors_ - listeners));
  }
  if (scene_.drain_asked && !drained_) kernel_.Fail("the drain has not been reported");
  scene_.crew.reset();
  if (kernel_.open_descriptors() != 0) kernel_.Fail("descriptors outlive the engine");
}

}  // namespace spliceway::simulator
