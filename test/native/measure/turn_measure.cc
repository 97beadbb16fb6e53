// A turn in which many have sent: how long the last one waits.

#include <sys/eventfd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "harness.h"
#include "measure.h"

namespace spliceway::testing {
namespace {

/// Somebody who has an event behind all the others.
struct Last final : EventHandler {
  std::chrono::steady_clock::time_point met;
  std::uint64_t before_it = 0;
  Harness* harness = nullptr;
  void OnEvents(unsigned /*token*/, std::uint32_t /*events*/) override {
    met = std::chrono::steady_clock::now();
    before_it = harness->listener_row().bytes_upstream.value();
  }
};

TEST("a byte behind 200 senders") {
  constexpr std::size_t kSenders = 200;
  double shortest_ms = 0;
  double kib = 0;
  for (int round = 0; round < 5; ++round) {
    Harness harness({.transfer = Transfer::kAuto});
    std::vector<std::unique_ptr<Joined>> joined;
    for (std::size_t index = 0; index < kSenders; ++index) {
      joined.push_back(std::make_unique<Joined>(
          harness, PairOptions{.near_receive_buffer = 1 << 20},
          PairOptions{.peer_receive_buffer = 1 << 20, .near_send_buffer = 1 << 20}));
    }
    harness.RunFor(50);
    const std::string text = Pattern(120'000);
    for (const auto& one : joined) WriteSome(one->client.get(), text);
    Last last;
    last.harness = &harness;
    const UniqueFd event(eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC));
    CHECK(harness.loop().Watch(event.get(), last, 0));
    const auto begin = std::chrono::steady_clock::now();
    harness.RunOnce();
    const std::chrono::duration<double, std::milli> waited = last.met - begin;
    if (round == 0 || waited.count() < shortest_ms) shortest_ms = waited.count();
    kib = static_cast<double>(last.before_it) / 1024;
  }
  Report("a byte behind 200 senders of 120 KB: bytes that go first", kib, "KiB");
  Report("a byte behind 200 senders of 120 KB: waits", shortest_ms, "ms");
}

}  // namespace
}  // namespace spliceway::testing
