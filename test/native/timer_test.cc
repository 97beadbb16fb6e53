// The timer wheel, and the list under it.

#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "check.h"
#include "loop/timer_wheel.h"

namespace spliceway {
namespace {

struct Alarm final : Timer {
  std::uint64_t* clock = nullptr;
  std::uint64_t rang_at = 0;
  int rang = 0;
  std::function<void()> then;
  void OnTimer() override {
    ++rang;
    rang_at = *clock;
    if (then) then();
  }
};

TEST("timer wheel: random deadlines to two days fire once, never early, at most a tick late") {
  std::uint64_t now = 123'456;
  TimerWheel wheel(now);
  std::mt19937_64 random(7);
  std::vector<std::unique_ptr<Alarm>> alarms;
  std::vector<std::uint64_t> deadlines;
  for (int index = 0; index < 3000; ++index) {
    // Uniform in the logarithm, so that every level of the wheel is met; the last ones are beyond
    // its reach.
    const unsigned bits = static_cast<unsigned>(random() % 28);
    deadlines.push_back(now + random() % (std::uint64_t{2} << bits));
    alarms.push_back(std::make_unique<Alarm>());
    alarms.back()->clock = &now;
    wheel.Arm(*alarms.back(), deadlines.back());
  }
  // As a loop does: sleep as long as the wheel allows.
  for (int wait = wheel.WaitMs(now); wait >= 0; wait = wheel.WaitMs(now)) {
    now += static_cast<std::uint64_t>(wait);
    wheel.Advance(now);
  }
  for (std::size_t index = 0; index < alarms.size(); ++index) {
    CHECK_EQUAL(alarms[index]->rang, 1);
    CHECK(alarms[index]->rang_at >= deadlines[index]);
    CHECK(alarms[index]->rang_at <= deadlines[index] + 2 * TimerWheel::kTickMs);
  }
}

TEST("timer wheel: the wake-ups of a quiet hour are few") {
  std::uint64_t now = 0;
  TimerWheel wheel(now);
  Alarm alarm;
  alarm.clock = &now;
  wheel.Arm(alarm, 3'600'000);
  int wakeups = 0;
  for (int wait = wheel.WaitMs(now); wait >= 0; wait = wheel.WaitMs(now)) {
    now += static_cast<std::uint64_t>(wait);
    wheel.Advance(now);
    ++wakeups;
  }
  CHECK_EQUAL(alarm.rang, 1);
  CHECK(wakeups <= 5);
}

TEST("timer wheel: moved, disarmed and destroyed timers do not fire") {
  std::uint64_t now = 0;
  TimerWheel wheel(now);
  Alarm moved;
  moved.clock = &now;
  wheel.Arm(moved, 50);
  wheel.Arm(moved, 5000);
  Alarm disarmed;
  disarmed.clock = &now;
  wheel.Arm(disarmed, 50);
  disarmed.Disarm();
  CHECK(!disarmed.armed());
  {
    Alarm destroyed;
    destroyed.clock = &now;
    wheel.Arm(destroyed, 50);
  }
  now = 1000;
  wheel.Advance(now);
  CHECK_EQUAL(moved.rang, 0);
  CHECK_EQUAL(disarmed.rang, 0);
  now = 5010;
  wheel.Advance(now);
  CHECK_EQUAL(moved.rang, 1);
}

TEST("timer wheel: a timer may arm itself, and destroy another that is due in the same tick") {
  std::uint64_t now = 0;
  TimerWheel wheel(now);
  Alarm first;
  auto second = std::make_unique<Alarm>();
  first.clock = second->clock = &now;
  wheel.Arm(first, 20);
  wheel.Arm(*second, 20);
  first.then = [&] {
    second.reset();
    if (first.rang == 1) wheel.Arm(first, now + 20);
  };
  now = 20;
  wheel.Advance(now);
  CHECK_EQUAL(first.rang, 1);
  now = 40;
  wheel.Advance(now);
  CHECK_EQUAL(first.rang, 2);
  CHECK_EQUAL(wheel.WaitMs(now), -1);
}

TEST("timer wheel: a timer that fires late, after a long turn, still fires in order") {
  std::uint64_t now = 0;
  TimerWheel wheel(now);
  std::vector<int> order;
  Alarm early;
  Alarm late;
  early.clock = late.clock = &now;
  early.then = [&] { order.push_back(1); };
  late.then = [&] { order.push_back(2); };
  wheel.Arm(late, 90'000);
  wheel.Arm(early, 30);
  now = 200'000;
  wheel.Advance(now);
  CHECK_EQUAL(order.size(), 2U);
  CHECK_EQUAL(order.front(), 1);
}

}  // namespace
}  // namespace spliceway
