#pragma once

#include <pthread.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "engine/event_queue.h"
#include "loop/event_loop.h"
#include "loop/mailbox.h"
#include "relay/session.h"

namespace spliceway {

/// A client connection becomes a session, which then waits for a backend.
struct StartCommand {
  std::uint32_t slot;
  UniqueFd client;
  PendingBytes client_prefix;
  std::int32_t listener;  ///< Row of the counters; negative for none.
  SessionTimeouts timeouts;
};

/// A session that waits for a backend tries this one.
struct ConnectCommand {
  std::uint32_t slot;
  std::uint32_t backend;  ///< Row of the counters.
  bool is_last;           ///< No other address of this backend is left to try.
  SocketAddress address;
};

/// A session that waits for a backend gets a socket that is connected already.
struct JoinCommand {
  std::uint32_t slot;
  UniqueFd backend;
  PendingBytes backend_prefix;
};

struct EndCommand {
  std::uint32_t slot;
  Ending ending;
};

using Command = std::variant<StartCommand, ConnectCommand, JoinCommand, EndCommand>;

/// One loop, its thread, and the sessions that live on it.
class Worker final : private EventHandler, private SessionOwner, private Timer {
 public:
  struct Options {
    std::size_t index;  ///< Among the workers of the engine; the writer of its counter rows.
    PipeLimits pipes;
  };

  /// Nothing, and errno's number in `error`, when the kernel has no descriptor or thread left.
  /// `events` must outlive the worker.
  static std::unique_ptr<Worker> Create(const Options& options, std::shared_ptr<Counters> counters,
                                        EventQueue& events, int& error);
  /// Resets every session that is left, and ends the thread. Takes no longer than one turn of the
  /// loop.
  ~Worker();

  /// Any thread. A session counts from here on, so that a burst of them spreads over the workers.
  void Start(StartCommand command) {
    sessions_alive_.fetch_add(1, std::memory_order_relaxed);
    mailbox_.Post(std::move(command));
  }
  /// Any thread. For commands to a session that was started here.
  void Post(Command command) { mailbox_.Post(std::move(command)); }
  /// Sessions alive; any thread.
  [[nodiscard]] std::size_t sessions_alive() const {
    return sessions_alive_.load(std::memory_order_relaxed);
  }

 private:
  Worker(const Options& options, std::shared_ptr<Counters> counters, EventQueue& events,
         std::unique_ptr<EventLoop> loop, UniqueFd wake_up);

  void Run();
  void OnEvents(unsigned token, std::uint32_t events) override;
  void OnTimer() override;
  void Handle(StartCommand& command);
  void Handle(ConnectCommand& command);
  void Handle(JoinCommand& command);
  void Handle(EndCommand& command);
  [[nodiscard]] Session* Find(std::uint32_t slot) const;

  void OnAttemptFailed(Session& session, int error) override;
  void OnOpened(Session& session) override;
  void OnClosed(Session& session, CloseReason reason, int error) override;

  std::size_t index_;
  std::shared_ptr<Counters> counters_;
  EventQueue& events_;
  std::unique_ptr<EventLoop> loop_;
  Mailbox<Command> mailbox_;
  PipePool pipes_;
  std::vector<std::byte> scratch_;
  SessionContext context_;
  std::vector<std::unique_ptr<Session>> sessions_;  // by slot
  // Sessions that ended in this turn: an event of the same turn may still point to them.
  std::vector<std::unique_ptr<Session>> retired_;
  std::vector<Command> commands_;
  std::atomic<std::size_t> sessions_alive_{0};
  std::atomic<bool> stopping_{false};
  std::optional<pthread_t> thread_;
};

}  // namespace spliceway
