#include "engine/worker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// For copying. Larger blocks no longer fit the second-level cache beside what the kernel touches.
constexpr std::size_t kScratchBytes = 64 * 1024;
/// What one relay may move before the next has its turn: one large pipe.
constexpr std::size_t kTurnBytes = 1024 * 1024;

constexpr std::uint64_t kTrimPipesEveryMs = 1000;

SessionEvent EventOf(SessionEvent::Kind kind, const Session& session) {
  return {.kind = kind,
          .slot = static_cast<std::int32_t>(session.slot()),
          .backend = session.backend() == kNoRow ? -1 : session.backend()};
}

}  // namespace

// ── What the loops share ──

std::optional<std::uint32_t> Crew::TakeSlot(int& error) {
  const std::optional<std::uint32_t> slot = slab.Take(error);
  if (!slot) return slot;
  SessionCounters& session = counters->Session(*slot);
  session.bytes_upstream.Reset();
  session.bytes_downstream.Reset();
  return slot;
}

void Crew::GiveSlot(std::uint32_t slot) {
  slab.Give(slot);
  if (draining.load()) ReportIfDrained();
  if (!slots_wanted.load() || !slab.has_room() || !slots_wanted.exchange(false)) return;
  for (const std::unique_ptr<Worker>& worker : workers) worker->TellOfSlots();
}

void Crew::ReportIfDrained() {
  if (open_listeners.load() > 0 || slab.in_use() > 0) return;
  if (draining.exchange(false)) {
    events.Push({.kind = SessionEvent::Kind::kDrained});
  }
}

// ── The thread ──

std::unique_ptr<Worker> Worker::Create(const Options& options, Crew& crew, int& error) {
  std::unique_ptr<EventLoop> loop = EventLoop::Create(options.busy_poll_us, error);
  if (loop == nullptr) return nullptr;
  sys::Opened wake_up = sys::OpenWakeUp();
  error = wake_up.error;
  if (!wake_up.fd.valid()) return nullptr;
  std::unique_ptr<Worker> worker(new Worker(options, crew, std::move(loop), std::move(wake_up.fd)));
  if (!worker->loop_->WatchWakeUp(worker->mailbox_.fd(), *worker, 0)) {
    error = ENOMEM;
    return nullptr;
  }
  return worker;
}

Worker::Worker(const Options& options, Crew& crew, std::unique_ptr<EventLoop> loop,
               UniqueFd wake_up)
    : index_(options.index),
      crew_(crew),
      loop_(std::move(loop)),
      mailbox_(std::move(wake_up)),
      pipes_(options.pipes),
      scratch_(kScratchBytes),
      context_{.loop = *loop_,
               .relay = {.pipes = pipes_,
                         .scratch = scratch_,
                         .turn_bytes = kTurnBytes,
                         .transfer = options.transfer,
                         .now_ms = loop_->now_ms()},
               .owner = *this,
               .shortage = crew.shortage,
               .counters = *crew.counters,
               .writer = options.index,
               .first_ephemeral_port = sys::FirstEphemeralPort(),
               .paces_unless_told = sys::PacesUnlessTold(),
               .keep_alive_s = options.keep_alive_s},
      random_(static_cast<std::uint32_t>(options.index) + 1),
      ring_guard_(crew.slab, crew.silent_ends),
      // Loops get their sessions in step. An odd step spreads what they note over all of them.
      connects_(static_cast<std::uint32_t>(options.index) * 13 % crew.own_connections.interval()) {}

int Worker::Run() {
  pthread_t thread{};
  // Not std::thread, which reports a refusal by throwing.
  const int error = pthread_create(
      &thread, nullptr,
      [](void* self) -> void* {
        static_cast<Worker*>(self)->RunTurns();
        return nullptr;
      },
      this);
  if (error == 0) thread_ = thread;
  return error;
}

void Worker::Stop() {
  stopping_.store(true, std::memory_order_release);
  sys::RaiseWakeUp(mailbox_.fd());
}

void Worker::Join() {
  if (thread_) pthread_join(*thread_, nullptr);
  thread_.reset();
}

void Worker::ResetWhatIsPosted() {
  mailbox_.Take(commands_);
  for (const Command& command : commands_) {
    if (const auto* start = std::get_if<StartCommand>(&command)) {
      sys::SetResetOnClose(start->start.client.get());
    } else if (const auto* join = std::get_if<JoinCommand>(&command)) {
      sys::SetResetOnClose(join->backend.get());
    }
  }
  commands_.clear();
}

void Worker::RunTurns() {
  // Signals belong to the program's own threads. With SIGPIPE blocked, a splice into a socket that
  // is gone reports EPIPE and nothing else: splice has no flag to ask for that.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::array<char, 16> name{};  // the kernel's limit, with the end mark
  std::snprintf(name.data(), name.size(), "spliceway-%zu", index_);
  pthread_setname_np(pthread_self(), name.data());

  while (!stopping_.load(std::memory_order_acquire)) RunTurn();
}

void Worker::RunTurn() {
  loop_->RunOnce();
  FinishTurn();
}

void Worker::FinishTurn() {
  for (const Closed& closed : closed_) {
    if (closed.reported) {
      crew_.events.Push({.kind = SessionEvent::Kind::kClosed,
                         .slot = static_cast<std::int32_t>(closed.slot),
                         .reason = static_cast<std::int32_t>(closed.reason),
                         .error = closed.error});
    } else {
      crew_.GiveSlot(closed.slot);
    }
  }
  closed_.clear();
  closed_acceptors_.clear();
  if (pipes_.idle() > 0 && !Timer::armed()) {
    loop_->Arm(*this, loop_->now_ms() + kTrimPipesEveryMs);
  }
}

void Worker::OnTimer() { pipes_.Trim(); }

// ── Commands ──

void Worker::Start(StartCommand command) {
  sessions_alive_.fetch_add(1, std::memory_order_relaxed);
  mailbox_.Post(std::move(command));
}

// Not in the header: where g++ 12 sees what is in the variant, it warns of what is not.
void Worker::Post(Command command) { mailbox_.Post(std::move(command)); }

void Worker::OnEvents(unsigned /*token*/, std::uint32_t /*events*/) {
  loop_->RefreshNow();
  mailbox_.Take(commands_);
  for (Command& command : commands_) {
    std::visit([this](auto& particular) { Handle(particular); }, command);
  }
  commands_.clear();
}

void Worker::Handle(StartCommand& command) { Begin(command); }

// Commands for one session name its slot, which stays with this loop until ReleaseCommand: where
// the session has ended meanwhile, it is still the same one.

void Worker::Handle(ConnectCommand& command) {
  Session& session = crew_.slab.At(command.slot);
  if (!session.waits_for_backend()) return;
  if (command.backend == kNoRow) return PickFirst(session);
  session.route.by_cycle = false;
  Approach(session, command.backend);
  TryBackends(session);
}

void Worker::Handle(JoinCommand& command) {
  Session& session = crew_.slab.At(command.slot);
  if (session.alive()) {
    session.Join(std::move(command.backend), std::move(command.backend_prefix));
  } else {
    sys::SetResetOnClose(command.backend.get());
  }
}

void Worker::Handle(EndCommand& command) { crew_.slab.At(command.slot).End(command.ending); }

void Worker::Handle(ReleaseCommand& command) { crew_.GiveSlot(command.slot); }

void Worker::Handle(ListenCommand& command) {
  AcceptorOwner& owner = *this;
  acceptors_.push_back(std::make_unique<Acceptor>(std::move(command.fd), command.options,
                                                  context_.paces_unless_told, context_.keep_alive_s,
                                                  *loop_, owner));
}

void Worker::Handle(CloseListenersCommand& /*command*/) {
  for (std::unique_ptr<Acceptor>& acceptor : acceptors_) {
    acceptor->TakeWhoWaits();
    acceptor->Close();
    closed_acceptors_.push_back(std::move(acceptor));
  }
  acceptors_.clear();
  crew_.open_listeners.fetch_sub(closed_acceptors_.size());
  crew_.open_listeners.notify_all();
}

void Worker::Handle(SlotsFreeCommand& /*command*/) {
  for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) acceptor->OnSlotsFree();
}

// ── Clients ──

std::optional<std::uint32_t> Worker::TakeSlot(int& error) {
  if (crew_.shortage.sessions.load() > 0) {
    error = crew_.shortage.error.load();
    return std::nullopt;
  }
  const std::optional<std::uint32_t> slot = crew_.TakeSlot(error);
  if (!slot && error == 0) {
    // In this order: whoever finds the second finds the first.
    wants_slots_.store(true);
    crew_.slots_wanted.store(true);
  }
  return slot;
}

void Worker::TellOfSlots() {
  if (wants_slots_.exchange(false)) Post(SlotsFreeCommand{});
}

void Worker::OnAccepted(std::uint32_t slot, UniqueFd client, const SocketAddress& address,
                        const ListenerOptions& options, bool is_tcp) {
  SessionEvent refusal{.kind = SessionEvent::Kind::kRefused, .listener = options.listener};
  if (const std::optional<IpPort> to = crew_.own_connections.CameBack(client.get(), address)) {
    Refuse(slot, client, options, is_tcp);
    refusal.kind = SessionEvent::Kind::kCameBack;
    refusal.SetAddress(to);
    return crew_.events.PushCameBack(refusal);
  }
  if (!crew_.clients.Enter(slot, address, options.clients)) {
    Refuse(slot, client, options, is_tcp);
    refusal.SetAddress(address);
    return crew_.events.PushRefusal(refusal);
  }
  const Attention attention = crew_.attention.load(std::memory_order_relaxed);
  const bool held = options.picks == Picks::kByOwner || attention == Attention::kHold;
  const bool reported = held || attention == Attention::kReport;
  StartCommand command{.start = {.slot = slot,
                                 .client = std::move(client),
                                 .client_prefix = {},
                                 .timeouts = options.timeouts,
                                 .listener = options.listener,
                                 .accepted_tcp = is_tcp,
                                 .route = {.by_cycle = !held,
                                           .reported = reported,
                                           .is_remote = is_tcp && !address.is_loopback()}},
                       .picks = held ? Picks::kByOwner : Picks::kByCycle,
                       .address = address};
  Worker& worker = LessLoaded();
  crew_.worker_of_slot[slot] = static_cast<std::uint16_t>(worker.index_);
  if (&worker != this) return worker.Start(std::move(command));
  sessions_alive_.fetch_add(1, std::memory_order_relaxed);
  Begin(command);
}

/// With a reset, which leaves nothing behind in the kernel, however many there are.
void Worker::Refuse(std::uint32_t slot, const UniqueFd& client, const ListenerOptions& options,
                    bool is_tcp) {
  if (is_tcp) sys::SetResetOnClose(client.get());
  GiveSlotBack(slot);
  crew_.counters->Listener(index_, options.listener).rejected.Add(1);
}

/// The least loaded of this loop and two others, picked at random: "the power of two choices"
/// (M. Mitzenmacher, 2001) evens loads out nearly as well as a look at all of them, and touches
/// fewer cache lines that belong to others. Of equals this one, which spares the handing over.
Worker& Worker::LessLoaded() {
  const std::size_t others = crew_.workers.size() - 1;
  Worker* least = this;
  for (std::size_t look = 0; look < std::min<std::size_t>(others, 2); ++look) {
    // xorshift32, G. Marsaglia, 2003.
    random_ ^= random_ << 13;
    random_ ^= random_ >> 17;
    random_ ^= random_ << 5;
    // With two others, both; with more, any two, which may be one.
    const std::size_t step = others == 2 ? look : random_ % others;
    Worker* other = crew_.workers[(index_ + 1 + step) % crew_.workers.size()].get();
    if (other->sessions_alive() < least->sessions_alive()) least = other;
  }
  return *least;
}

void Worker::OnPaused(const ListenerOptions& options, int error) {
  crew_.events.PushListener(
      {.kind = SessionEvent::Kind::kPaused, .error = error, .listener = options.listener});
}

void Worker::OnResumed(const ListenerOptions& options) {
  crew_.events.PushListener({.kind = SessionEvent::Kind::kResumed, .listener = options.listener});
}

void Worker::Begin(StartCommand& command) {
  Session& session = crew_.slab.At(command.start.slot);
  if (command.picks && command.start.route.reported) {
    SessionEvent event{.kind = SessionEvent::Kind::kAccepted,
                       .slot = static_cast<std::int32_t>(command.start.slot),
                       .listener = command.start.listener};
    event.SetAddress(command.address);
    crew_.events.Push(event);
  }
  const std::optional<Picks> picks = command.picks;
  session.Begin(std::move(command.start), context_);
  if (!picks || !session.alive()) return;
  if (*picks == Picks::kByCycle) {
    PickFirst(session);
  } else {
    AskOwner(session);
  }
}

// ── Backends ──

void Worker::PickFirst(Session& session) {
  const std::shared_ptr<Cycle> cycle = crew_.table.cycle();
  if (!cycle) return AskOwner(session);
  session.route.by_cycle = true;
  session.route.position = cycle->Next();
  Approach(session, cycle->RowAt(session.route.position));
  TryBackends(session);
}

/// Sets out for a backend, or passes it over where it is full.
void Worker::Approach(Session& session, std::uint16_t backend) {
  const Places::Answer place = crew_.table.PlacesOf(backend).Take();
  if (place == Places::Answer::kNone) return session.PassOver(backend);
  session.route.has_place = place == Places::Answer::kTaken;
  session.Approach(crew_.table.NextAddressesOf(backend), backend);
}

/// The session will not be at its backend any more.
void Worker::GiveUpPlace(Session& session) {
  if (!session.route.has_place) return;
  session.route.has_place = false;
  crew_.table.PlacesOf(session.backend()).GiveBack();
}

/// Tries addresses, and backends where the loop picks them, until an attempt is under way or none
/// is left. An attempt may fail at once; it is then followed by the next in this loop and not in a
/// call from within the failure, which could go as deep as there are backends.
void Worker::TryBackends(Session& session) {
  trying_ = &session;
  do {
    attempt_failed_ = false;
    if (!TryBackend(session)) {
      AskOwner(session);
      break;
    }
  } while (attempt_failed_);
  trying_ = nullptr;
}

/// Starts the next attempt; false when nothing is left to try.
bool Worker::TryBackend(Session& session) {
  while (!session.TryNextAddress()) {
    GiveUpPlace(session);
    if (!PickNext(session)) return false;
  }
  return true;
}

/// The next row of the cycle that this session has not tried; so the sessions of a backend that is
/// down are spread over the others as the cycle spreads them.
bool Worker::PickNext(Session& session) {
  Route& route = session.route;
  const std::shared_ptr<Cycle> cycle = route.by_cycle ? crew_.table.cycle() : nullptr;
  if (!cycle) return false;
  std::vector<bool>& tried = session.tried();
  if (tried.empty()) tried.resize(crew_.table.rows());
  tried[session.backend()] = true;
  // Once round: another cycle may have been published, in which its own place is another row's.
  for (std::size_t step = 1; step <= cycle->size(); ++step) {
    const std::uint16_t position = cycle->After(route.position, step);
    const std::uint16_t row = cycle->RowAt(position);
    if (tried[row]) continue;
    route.position = position;
    Approach(session, row);
    return true;
  }
  return false;
}

void Worker::AskOwner(Session& session) {
  session.route.by_cycle = false;
  if (!session.route.reported) {
    session.route.reported = true;
    SessionEvent accepted = EventOf(SessionEvent::Kind::kAccepted, session);
    accepted.listener = session.listener();
    accepted.SetAddress(session.client_address());
    crew_.events.Push(accepted);
  }
  crew_.events.Push(EventOf(SessionEvent::Kind::kNeedBackend, session));
}

void Worker::OnSetOut(int socket, const SocketAddress& to) {
  if (to.family() == AF_UNIX || ++connects_ < crew_.own_connections.interval()) return;
  connects_ = 0;
  crew_.own_connections.Note(sys::LocalAddress(socket), to);
}

void Worker::OnAttemptFailed(Session& session, const SocketAddress& address, int error) {
  SessionEvent event = EventOf(SessionEvent::Kind::kAttemptFailed, session);
  event.error = error;
  event.SetAddress(address);
  if (session.route.reported) {
    crew_.events.Push(event);
  } else {
    event.slot = -1;
    crew_.events.PushFailure(event);
  }
  if (!session.waits_for_backend()) return;
  attempt_failed_ = true;
  if (trying_ != &session) TryBackends(session);
}

void Worker::OnOutrun(Session& session, const SocketAddress& address) {
  SessionEvent event = EventOf(SessionEvent::Kind::kOutrun, session);
  event.SetAddress(address);
  if (session.route.reported) return crew_.events.Push(event);
  event.slot = -1;
  crew_.events.PushOutrun(event);
}

void Worker::OnOpened(Session& session) {
  if (session.route.reported) crew_.events.Push(EventOf(SessionEvent::Kind::kOpened, session));
}

bool Worker::OnSilentEnd(Session& session) {
  // Nobody was asked of a client that was handed over, and of one that was joined there is no ring.
  const auto is_remote = [&] {
    const SocketAddress client = session.client_address();
    return (client.family() == AF_INET || client.family() == AF_INET6) && !client.is_loopback();
  };
  if (session.backend() == kNoRow || session.route.is_remote || is_remote()) return true;
  session.route.ended_silently = true;
  return ring_guard_.MayWait();
}

void Worker::OnAnswered(Session& session) {
  session.route.ended_silently = false;
  ring_guard_.SilentEndIsOver();
}

void Worker::OnClosed(Session& session, CloseReason reason, int error) {
  sessions_alive_.fetch_sub(1, std::memory_order_relaxed);
  const bool is_answered = crew_.counters->Session(session.slot()).bytes_downstream.value() > 0;
  if (session.route.ended_silently) ring_guard_.SilentEndIsOver();
  if (reason == CloseReason::kReset && !is_answered && !session.route.is_remote) {
    const std::uint64_t until = ring_guard_.NoteReset(loop_->now_ms());
    context_.hesitates_until_ms = std::max(context_.hesitates_until_ms, until);
  }
  crew_.clients.Leave(session.slot());
  GiveUpPlace(session);
  closed_.push_back({.slot = session.slot(),
                     .reported = session.route.reported,
                     .reason = reason,
                     .error = error});
}

}  // namespace spliceway
