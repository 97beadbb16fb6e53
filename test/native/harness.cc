#include "harness.h"

#include <sys/socket.h>

#include <cerrno>
#include <span>
#include <string>
#include <utility>

#include "meter.h"
#include "select/backend_table.h"
#include "select/held_tables.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

// Reached only by what has gone wrong, or by a machine that is busy otherwise.
constexpr std::uint64_t kDeadlineMs = 60'000;
constexpr std::uint64_t kTickMs = 10;

std::unique_ptr<EventLoop> MakeLoop() {
  int error = 0;
  return EventLoop::Create(0, error);
}

}  // namespace

Harness::Harness(const Options& options)
    : options_(options),
      loop_(MakeLoop()),
      budget_(options.pipes, 1),
      pipes_(budget_),
      scratch_(65536),
      context_{.loop = *loop_,
               .relay = {.pipes = pipes_,
                         .scratch = scratch_,
                         .turn_bytes = options.turn_bytes,
                         .transfer = options.transfer,
                         .now_ms = 0},
               .owner = *this,
               .shortage = shortage_,
               .counters = counters_,
               .writer = 0,
               .first_ephemeral_port = sys::FirstEphemeralPort(),
               .paces_unless_told = options.paces_unless_told,
               .keep_alive_s = options.keep_alive_s,
               .timeouts = {},
               .rooms = RoomQueues(*loop_),
               .random = random_} {}

Harness::~Harness() {
  for (auto& session : sessions_) {
    session->End(Ending::kReset);
  }
}

Session& Harness::Start(UniqueFd client, const std::string& prefix) {
  loop_->RefreshNow();  // As a loop does when a command comes.
  const auto slot = static_cast<std::uint32_t>(sessions_.size());
  sessions_.push_back(std::make_unique<Session>());
  sessions_.back()->Begin({.slot = slot,
                           .client = std::move(client),
                           .client_prefix = PendingBytes(std::as_bytes(std::span(prefix))),
                           .timeouts = options_.timeouts,
                           .listener = 0,
                           .route = {}},
                          context_);
  return *sessions_.back();
}

Session& Harness::Join(UniqueFd client, UniqueFd backend) {
  Session& session = Start(std::move(client));
  session.Join(std::move(backend), {});
  return session;
}

bool Harness::RunUntil(const std::function<bool()>& done, const char* what) {
  const std::uint64_t deadline = sys::NowMs() + kDeadlineMs;
  while (!done()) {
    if (sys::NowMs() > deadline) {
      Fail(__FILE__, __LINE__, std::string("still waiting for: ") + what);
      return false;
    }
    RunOnce();
  }
  return true;
}

void Harness::RunFor(std::uint64_t ms) {
  const std::uint64_t until = sys::NowMs() + ms;
  while (sys::NowMs() < until) RunOnce();
}

int Harness::sessions_with_time_out() const {
  int count = 0;
  for (const auto& session : sessions_) {
    if (session->armed()) ++count;
  }
  return count;
}

void Harness::RunOnce() {
  // Wakes the loop, so that `done` is asked again, where nothing else does.
  if (!Timer::armed()) loop_->Arm(*this, sys::NowMs() + kTickMs);
  const MeasuredScope measured;
  loop_->RunOnce();
}

void Harness::OnTimer() {}

void Harness::OnAttemptFailed(Session& /*session*/, const SocketAddress& /*address*/, int why) {
  failed_attempts.push_back(why);
}

void Harness::OnOutrun(Session& /*session*/, const SocketAddress& /*address*/) { ++outrun; }

void Harness::OnSearchOver(Session& /*session*/) { ++searches_over; }

void Harness::OnOpened(Session& /*session*/) { ++opened; }

void Harness::OnClosed(Session& /*session*/, CloseReason why, int code) {
  ++closed;
  reason = why;
  error = code;
  open_at_close = listener_row().open.value();
}

Joined::Joined(Harness& harness, const PairOptions& client_options,
               const PairOptions& backend_options) {
  Pair client_pair = TcpPair(client_options);
  Pair backend_pair = TcpPair(backend_options);
  client = std::move(client_pair.peer);
  backend = std::move(backend_pair.peer);
  harness.Join(std::move(client_pair.near), std::move(backend_pair.near));
}

void Connect(Session& session, Addresses addresses) {
  BackendTable table(1);
  table.SetAddresses(0, std::move(addresses), AddressOrder::kAsGiven);
  table.Publish();
  session.Approach(HeldTables(table.published()).Lend(0, table.Row(0)), 0);
  session.TryNextAddress();
}

void EndStream(const UniqueFd& fd) { shutdown(fd.get(), SHUT_WR); }

std::string Transfer(Harness& harness, const UniqueFd& from, const UniqueFd& to,
                     const std::string& text, std::size_t wanted, const char* what) {
  std::string got;
  std::size_t written = 0;
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(from.get(), text, written);
        while (ReadSome(to.get(), got) == 1) {
        }
        return got.size() >= wanted && written == text.size();
      },
      what);
  return got;
}

void WriteAcknowledged(Harness& harness, const UniqueFd& fd, const std::string& text) {
  std::size_t written = 0;
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(fd.get(), text, written);
        return written == text.size() && sys::UnacknowledgedBytes(fd.get()) == 0;
      },
      "everything acknowledged");
}

int ReadToTheEnd(Harness& harness, const UniqueFd& fd, std::string& into) {
  int result = 1;
  harness.RunUntil(
      [&] {
        while ((result = ReadSome(fd.get(), into)) == 1) {
        }
        return result != -EAGAIN;
      },
      "the end of the stream, or its failure");
  return result;
}

}  // namespace spliceway::testing
