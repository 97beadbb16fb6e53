#include "engine/worker.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <iterator>
#include <utility>

#include "sys/sys.h"

namespace spliceway {
namespace {

/// For copying. Larger blocks no longer fit the second-level cache beside what the kernel touches.
constexpr std::size_t kScratchBytes = 64 * 1024;
/// What one relay may move before the next has its turn: one large pipe.
constexpr std::size_t kTurnBytes = 1024 * 1024;

constexpr std::uint64_t kTrimPipesEveryMs = 1000;
/// Of a command, in bytes that could be moved meanwhile: most have a session set out for a backend.
constexpr std::size_t kCostOfCommand = 16 * 1024;

}  // namespace

// ── The thread ──

std::unique_ptr<Worker> Worker::Create(const Options& options, Crew& crew, int& error) {
  std::unique_ptr<EventLoop> loop = EventLoop::Create(options.busy_poll_us, error, options.turn);
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
      tables_(crew.table.published()),
      pipes_(crew.pipes),
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
               .keep_alive_s = options.keep_alive_s,
               .timeouts = {},
               .rooms = RoomQueues(*loop_),
               .random = random_},
      random_(static_cast<std::uint32_t>(options.index)),
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
  const auto reset = [](const Command& command) {
    if (const auto* start = std::get_if<StartCommand>(&command)) {
      sys::SetResetOnClose(start->start.client.get());
    } else if (const auto* join = std::get_if<JoinCommand>(&command)) {
      sys::SetResetOnClose(join->backend.get());
    }
  };
  std::for_each(commands_.begin() + static_cast<std::ptrdiff_t>(next_command_), commands_.end(),
                reset);
  commands_.clear();
  mailbox_.Take(commands_);
  std::for_each(commands_.begin(), commands_.end(), reset);
  commands_.clear();
  next_command_ = 0;
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
  ResetSessions();
}

void Worker::RunTurn() {
  loop_->RunOnce();
  FinishTurn();
  NoteTurn();
}

void Worker::NoteTurn() {
  LoopRow& row = crew_.counters->Loop(index_);
  if (loop_->has_waited()) row.wake_ups.Add(1);
  row.bytes_copied.Set(context_.relay.copied);
  row.bytes_spliced.Set(context_.relay.spliced);
  row.NoteTurn(loop_->turn_us());
}

void Worker::FinishTurn() {
  for (const Closed& closed : closed_) {
    if (closed.reported) {
      SessionEvent event = EventOf(SessionEvent::Kind::kClosed, closed.slot);
      event.reason = static_cast<std::int32_t>(closed.reason);
      event.error = closed.error;
      const SessionCounters& counters = crew_.counters->Session(closed.slot);
      event.SetMoved({.upstream = counters.bytes_upstream.value(),
                      .downstream = counters.bytes_downstream.value()});
      crew_.events.Push(event);
    }
    // After its last event: whatever is told of the next session in this slot comes later.
    crew_.GiveSlot(closed.slot, index_);
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

void Worker::Publish(std::shared_ptr<const Tables> tables) {
  {
    const std::lock_guard lock(next_tables_mutex_);
    next_tables_.swap(tables);
  }
  // Where some waited already, so does the command; and they are dropped here, without the lock.
  if (tables == nullptr) Post(PublishCommand{});
}

std::shared_ptr<ListeningSocket> Worker::MakeListening(UniqueFd fd, std::uint16_t listener,
                                                       std::size_t loops, int in_a_row) const {
  return std::make_shared<ListeningSocket>(std::move(fd), listener, context_.paces_unless_told,
                                           context_.keep_alive_s, loops, in_a_row);
}

void Worker::OnEvents(unsigned /*token*/, std::uint32_t /*events*/) { HandleCommands(0); }

/// What was posted, in its order, until the turn is crowded and `most` has been spent on it. The
/// rest waits for the loop's turn among the entries.
///
/// @param most bytes that could be moved meanwhile
void Worker::HandleCommands(std::size_t most) {
  const std::size_t limit = loop_->spent() + most;
  for (;;) {
    if (next_command_ == commands_.size()) {
      if (!commands_.empty()) AcknowledgeTables();
      commands_.clear();
      next_command_ = 0;
      tables_before_ = tables_.latest().generation();
      mailbox_.Take(commands_);
      if (commands_.empty()) return;
      loop_->RefreshNow();
    }
    if (loop_->is_crowded() && loop_->spent() >= limit) return loop_->Enqueue(*this);
    Command& command = commands_[next_command_++];
    // One that begins a session says by itself what that has cost.
    if (!std::holds_alternative<StartCommand>(command)) loop_->Spend(kCostOfCommand);
    std::visit([this](auto& particular) { Handle(particular); }, command);
  }
}

/// When all is done that was asked before they were published: a command that names a row of
/// earlier ones may be behind the one that they were taken by, which had been posted for others.
/// Then it was among these commands, or is in the mailbox and among the next.
void Worker::AcknowledgeTables() {
  const std::uint64_t latest = tables_.latest().generation();
  if (latest == taken_generation()) return;
  taken_generation_.store(mailbox_.is_empty() ? latest : tables_before_, std::memory_order_release);
}

void Worker::Handle(StartCommand& command) { Begin(command); }

// A session may have ended since a command for it was posted, and another one may have its slot.

Session* Worker::Find(const SessionName& name) {
  return crew_.slab.LoopOf(name) == index_ ? &crew_.slab.At(name.slot) : nullptr;
}

void Worker::Handle(ConnectCommand& command) {
  Session* const session = Find(command.session);
  if (session == nullptr || !session->waits_for_backend()) return;
  const bool was_awaited = session->route.awaits_word;
  session->route.awaits_word = false;
  if (command.backend == kNoRow) {
    // Where the word comes too late, the loop has picked already.
    if (was_awaited) PickFirst(*session);
    return;
  }
  session->route.by_cycle = false;
  // Whoever names it knows what state it is in.
  Approach(*session, command.backend, {.counts = true, .takes_failed = true, .takes_down = true});
  TryBackends(*session);
}

void Worker::Handle(JoinCommand& command) {
  Session* const session = Find(command.session);
  if (session != nullptr && session->alive()) {
    if (session->route.has_turn) LeaveQueue(*session, PoolQueue::Why::kElsewhere);
    session->Join(std::move(command.backend), std::move(command.backend_prefix));
  } else {
    sys::SetResetOnClose(command.backend.get());
  }
}

void Worker::Handle(EndCommand& command) {
  Session* const session = Find(command.session);
  if (session == nullptr) return;
  loop_->Spend(kCostOfEnding);
  session->End(command.ending);
}

void Worker::Handle(ListenCommand& command) {
  AcceptorOwner& owner = *this;
  acceptors_.push_back(std::make_unique<Acceptor>(std::move(command.socket), *loop_, owner));
  if (command.pauses) acceptors_.back()->Pause();
}

void Worker::Handle(CloseListenersCommand& command) {
  const auto is_meant = [&](const std::unique_ptr<Acceptor>& acceptor) {
    return command.listener == kNoRow || acceptor->listener() == command.listener;
  };
  const auto meant =
      std::stable_partition(acceptors_.begin(), acceptors_.end(), std::not_fn(is_meant));
  const auto count = static_cast<std::size_t>(acceptors_.end() - meant);
  for (auto acceptor = meant; acceptor != acceptors_.end(); ++acceptor) {
    (*acceptor)->TakeWhoWaits();
    (*acceptor)->Close();
  }
  std::move(meant, acceptors_.end(), std::back_inserter(closed_acceptors_));
  acceptors_.erase(meant, acceptors_.end());
  crew_.open_listeners.fetch_sub(count);
  crew_.open_listeners.notify_all();
}

void Worker::Handle(PauseListenerCommand& command) {
  for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) {
    if (acceptor->listener() != command.listener) continue;
    command.pauses ? acceptor->Pause() : acceptor->Resume();
  }
}

void Worker::Handle(BarrierCommand& command) {
  passed_barrier_.store(command.number, std::memory_order_release);
}

void Worker::Handle(SlotsFreeCommand& /*command*/) {
  for (const std::unique_ptr<Acceptor>& acceptor : acceptors_) acceptor->OnSlotsFree();
}

void Worker::Handle(PublishCommand& /*command*/) { TakeNextTables(); }

bool Worker::TakeNextTables() {
  std::shared_ptr<const Tables> next;
  {
    const std::lock_guard lock(next_tables_mutex_);
    next.swap(next_tables_);
  }
  if (next == nullptr) return false;
  CountAnew(*next);
  tables_.Take(std::move(next));
  return true;
}

}  // namespace spliceway
