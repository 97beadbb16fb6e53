#include "pace.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "clock.h"
#include "exchange.h"
#include "sockets.h"

namespace load {
namespace {

/// Longer than any held-up program here is held up; who has no answer by then was refused.
constexpr auto kPatience = std::chrono::seconds(8);

struct Attempt {
  Exchange exchange;
  Clock::time_point start;
};

struct Totals {
  unsigned opened = 0;
  unsigned refused = 0;
  unsigned late = 0;
  double slowest_ms = 0;
};

class Pacer {
 public:
  Pacer(const sockaddr_in& address, const Pace& pace) : address_(address), pace_(pace) {}

  const Totals& Run() {
    const Clock::time_point start = Clock::now();
    Clock::time_point due = start;
    const Clock::time_point end = start + std::chrono::duration_cast<Clock::duration>(
                                              std::chrono::duration<double>(pace_.seconds));
    while (due < end) {
      WaitUntil(due);
      Open();
      due += pace_.interval;
    }
    const Clock::time_point deadline = Clock::now() + kPatience;
    while (!attempts_.empty() && Clock::now() < deadline) AdvanceReady(deadline);
    totals_.refused += static_cast<unsigned>(attempts_.size());
    return totals_;
  }

 private:
  void Open() {
    totals_.opened++;
    const Clock::time_point now = Clock::now();
    attempts_.push_back({.exchange = Exchange(StartConnect(address_)), .start = now});
    Settle();
  }

  void WaitUntil(Clock::time_point due) {
    while (Clock::now() < due) AdvanceReady(due);
  }

  void AdvanceReady(Clock::time_point deadline) {
    polled_.clear();
    for (const Attempt& attempt : attempts_) polled_.push_back(attempt.exchange.Wanted());
    if (poll(polled_.data(), polled_.size(), PollTimeout(deadline)) <= 0) return;
    for (size_t i = 0; i < polled_.size(); i++) {
      if (polled_[i].revents != 0) attempts_[i].exchange.Advance();
    }
    Settle();
  }

  /// Counts those that have ended and lets them go.
  void Settle() {
    std::erase_if(attempts_, [this](const Attempt& attempt) {
      if (attempt.exchange.pending()) return false;
      if (attempt.exchange.state() == Exchange::State::kFailed) {
        totals_.refused++;
        return true;
      }
      const Milliseconds taken = Clock::now() - attempt.start;
      if (taken > pace_.late) totals_.late++;
      totals_.slowest_ms = std::max(totals_.slowest_ms, taken.count());
      return true;
    });
  }

  const sockaddr_in address_;
  const Pace pace_;
  std::vector<Attempt> attempts_;
  std::vector<pollfd> polled_;
  Totals totals_;
};

}  // namespace

int RunPace(const sockaddr_in& address, const Pace& pace) {
  Pacer pacer(address, pace);
  const Totals& totals = pacer.Run();
  std::printf("{\"opened\":%u,\"refused\":%u,\"late\":%u,\"slowestMs\":%.3f}\n", totals.opened,
              totals.refused, totals.late, totals.slowest_ms);
  return 0;
}

}  // namespace load
