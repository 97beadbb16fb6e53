#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "session/session.h"
#include "sockets.h"
#include "steady_clock.h"

namespace spliceway::testing {

/// One loop in the test's own thread, with the sessions that live on it and what they reported.
class Harness final : public SessionOwner, private Timer {
 public:
  struct Options {
    PipeLimits pipes = {.large_bytes = 1 << 20,
                        .default_bytes = 65536,
                        .total_bytes = 4096 << 12,
                        .pipes = 64,
                        .idle = 8};
    std::size_t turn_bytes = 1 << 20;
    SessionTimeouts timeouts = {};
    /// Most rules are about splice; kAuto would copy the few bytes that tests send.
    Transfer transfer = Transfer::kSplice;
    /// As if the machine did; tests must not depend on whether it does.
    bool paces_unless_told = false;
    std::uint16_t keep_alive_s = 0;
  };

  Harness() : Harness(Options()) {}
  explicit Harness(const Options& options);
  ~Harness();

  /// A session with a client that waits for a backend.
  Session& Start(UniqueFd client, const std::string& prefix = "");
  /// A session between two open sockets.
  Session& Join(UniqueFd client, UniqueFd backend);

  /// Runs the loop until `done` says so; fails the test after a minute.
  bool RunUntil(const std::function<bool()>& done, const char* what);
  /// Runs turns for about this long.
  void RunFor(std::uint64_t ms);
  /// One turn, for tests that look at what a single turn does. Something must be ready.
  void RunOnce();

  /// Sessions that have a timer armed.
  [[nodiscard]] int sessions_with_time_out() const;
  [[nodiscard]] PipePool& pipes() { return pipes_; }
  [[nodiscard]] EventLoop& loop() { return *loop_; }
  [[nodiscard]] Shortage& shortage() { return shortage_; }
  [[nodiscard]] CounterRow& listener_row() { return counters_.Listener(0, 0); }
  [[nodiscard]] CounterRow& backend_row() { return counters_.Backend(0, 0); }
  /// Of the listener's sessions.
  [[nodiscard]] EndRow& ends() { return counters_.Ends(0, 0); }
  /// Of the backend's pool.
  [[nodiscard]] HistogramRow& histograms() { return counters_.histograms().Row(0, 0); }
  [[nodiscard]] SessionCounters& session_counters() { return counters_.Session(0); }

  int opened = 0;
  int closed = 0;
  std::vector<int> failed_attempts;
  int outrun = 0;
  int searches_over = 0;
  int early_resets = 0;
  int first_bytes = 0;
  CloseReason reason{};
  int error = 0;
  /// What the listener counted while the last session told that it had closed.
  std::uint64_t open_at_close = 0;

 private:
  const SteadyClock steady_clock_;
  void OnAttemptFailed(Session& session, const SocketAddress& address, int why) override;
  void OnOutrun(Session& session, const SocketAddress& address) override;
  void OnSearchOver(Session& session) override;
  void OnOpened(Session& session) override;
  void OnFirstByte(Session& /*session*/) override { ++first_bytes; }
  void OnEarlyReset(Session& /*session*/) override { ++early_resets; }
  void OnClosed(Session& session, CloseReason why, int code) override;
  void OnTimer() override;

  Options options_;
  Counters counters_{1, 1, 1, 1024};
  Shortage shortage_;
  std::unique_ptr<EventLoop> loop_;
  PipeBudget budget_;
  PipePool pipes_;
  std::vector<std::byte> scratch_;
  Random random_{0};
  SessionContext context_;
  std::vector<std::unique_ptr<Session>> sessions_;
};

/// A session between two TCP connections, with the far ends for the test.
struct Joined {
  explicit Joined(Harness& harness, const PairOptions& client_options = {},
                  const PairOptions& backend_options = {});
  UniqueFd client;
  UniqueFd backend;
};

/// Has the session try the first of these addresses of backend 0.
void Connect(Session& session, Addresses addresses);
/// Sends the FIN.
void EndStream(const UniqueFd& fd);
/// Writes all of `text` and reads at the other end until `wanted` bytes came. Returns what came.
std::string Transfer(Harness& harness, const UniqueFd& from, const UniqueFd& to,
                     const std::string& text, std::size_t wanted, const char* what);
/// Writes all of `text` and waits until the kernel at the other end has it.
void WriteAcknowledged(Harness& harness, const UniqueFd& fd, const std::string& text);
/// Reads until the stream ends or fails; returns 0 or the negated errno.
int ReadToTheEnd(Harness& harness, const UniqueFd& fd, std::string& into);

}  // namespace spliceway::testing
