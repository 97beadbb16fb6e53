#include "engine/worker.h"

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

}  // namespace

std::unique_ptr<Worker> Worker::Create(const Options& options, std::shared_ptr<Counters> counters,
                                       EventQueue& events, int& error) {
  std::unique_ptr<EventLoop> loop = EventLoop::Create(error);
  if (loop == nullptr) return nullptr;
  sys::Opened wake_up = sys::OpenWakeUp();
  error = wake_up.error;
  if (!wake_up.fd.valid()) return nullptr;
  std::unique_ptr<Worker> worker(
      new Worker(options, std::move(counters), events, std::move(loop), std::move(wake_up.fd)));
  if (!worker->loop_->Watch(worker->mailbox_.fd(), *worker, 0)) {
    error = ENOMEM;
    return nullptr;
  }
  pthread_t thread{};
  // Not std::thread, which reports a refusal by throwing.
  error = pthread_create(
      &thread, nullptr,
      [](void* self) -> void* {
        static_cast<Worker*>(self)->Run();
        return nullptr;
      },
      worker.get());
  if (error != 0) return nullptr;
  worker->thread_ = thread;
  return worker;
}

Worker::Worker(const Options& options, std::shared_ptr<Counters> counters, EventQueue& events,
               std::unique_ptr<EventLoop> loop, UniqueFd wake_up)
    : index_(options.index),
      counters_(std::move(counters)),
      events_(events),
      loop_(std::move(loop)),
      mailbox_(std::move(wake_up)),
      pipes_(options.pipes),
      scratch_(kScratchBytes),
      context_{.loop = *loop_,
               .relay = {.pipes = pipes_,
                         .scratch = scratch_,
                         .turn_bytes = kTurnBytes,
                         .now_ms = loop_->now_ms()},
               .owner = *this,
               .first_ephemeral_port = sys::FirstEphemeralPort()} {}

Worker::~Worker() {
  if (!thread_) return;
  stopping_.store(true, std::memory_order_release);
  sys::RaiseWakeUp(mailbox_.fd());
  pthread_join(*thread_, nullptr);
}

void Worker::Run() {
  // Signals belong to the program's own threads. With SIGPIPE blocked, a splice into a socket that
  // is gone reports EPIPE and nothing else: splice has no flag to ask for that.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  std::array<char, 16> name{};  // the kernel's limit, with the end mark
  std::snprintf(name.data(), name.size(), "spliceway-%zu", index_);
  pthread_setname_np(pthread_self(), name.data());

  while (!stopping_.load(std::memory_order_acquire)) {
    loop_->RunOnce();
    retired_.clear();
    if (pipes_.idle() > 0 && !Timer::armed())
      loop_->Arm(*this, loop_->now_ms() + kTrimPipesEveryMs);
  }
  for (const std::unique_ptr<Session>& session : sessions_) {
    if (session != nullptr) session->End(Ending::kReset);
  }
  retired_.clear();
}

void Worker::OnTimer() { pipes_.Trim(); }

void Worker::OnEvents(unsigned /*token*/, std::uint32_t /*events*/) {
  loop_->RefreshNow();
  mailbox_.Take(commands_);
  for (Command& command : commands_) {
    std::visit([this](auto& particular) { Handle(particular); }, command);
  }
  commands_.clear();
}

Session* Worker::Find(std::uint32_t slot) const {
  return slot < sessions_.size() ? sessions_[slot].get() : nullptr;
}

void Worker::Handle(StartCommand& command) {
  if (command.slot >= sessions_.size()) sessions_.resize(command.slot + 1);
  SessionRows rows;
  if (command.listener >= 0) {
    rows.listener = &counters_->Listener(index_, static_cast<std::size_t>(command.listener));
  }
  auto session = std::make_unique<Session>(command.slot, std::move(command.client),
                                           std::move(command.client_prefix), command.timeouts, rows,
                                           counters_->Session(command.slot), context_);
  Session& started = *session;
  sessions_[command.slot] = std::move(session);
  started.Start();
}

void Worker::Handle(ConnectCommand& command) {
  // A session that is gone has sent its last event already; the command crossed it on the way.
  if (Session* session = Find(command.slot)) {
    session->Connect(command.address, counters_->Backend(index_, command.backend), command.is_last);
  }
}

void Worker::Handle(JoinCommand& command) {
  if (Session* session = Find(command.slot)) {
    session->Join(std::move(command.backend), std::move(command.backend_prefix));
  } else {
    sys::SetResetOnClose(command.backend.get());
  }
}

void Worker::Handle(EndCommand& command) {
  if (Session* session = Find(command.slot)) session->End(command.ending);
}

void Worker::OnAttemptFailed(Session& session, int error) {
  events_.Push({.kind = SessionEvent::Kind::kAttemptFailed,
                .slot = static_cast<std::int32_t>(session.slot()),
                .reason = 0,
                .error = error});
}

void Worker::OnOpened(Session& session) {
  events_.Push({.kind = SessionEvent::Kind::kOpened,
                .slot = static_cast<std::int32_t>(session.slot()),
                .reason = 0,
                .error = 0});
}

void Worker::OnClosed(Session& session, CloseReason reason, int error) {
  retired_.push_back(std::move(sessions_[session.slot()]));
  sessions_alive_.fetch_sub(1, std::memory_order_relaxed);
  events_.Push({.kind = SessionEvent::Kind::kClosed,
                .slot = static_cast<std::int32_t>(session.slot()),
                .reason = static_cast<std::int32_t>(reason),
                .error = error});
}

}  // namespace spliceway
