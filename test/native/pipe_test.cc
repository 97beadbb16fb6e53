// Pipes: borrowed while they hold bytes, budgeted, never shared while dirty.

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "faults.h"
#include "harness.h"
#include "sys/sys.h"

namespace spliceway::testing {
namespace {

TEST("rule 5: an idle session holds two descriptors and no pipe") {
  Harness harness;
  const std::size_t before = OpenDescriptors();
  const Joined joined(harness);
  Transfer(harness, joined.client, joined.backend, Pattern(100'000), 100'000, "a request");
  Transfer(harness, joined.backend, joined.client, Pattern(100'000), 100'000, "an answer");
  CHECK_EQUAL(harness.pipes().alive(), harness.pipes().idle());
  harness.pipes().Trim();
  harness.pipes().Trim();
  CHECK_EQUAL(harness.pipes().alive(), 0U);
  CHECK_EQUAL(OpenDescriptors(), before + 4);  // two of the session, two of the test
}

TEST("rule 5: a pipe that still holds bytes is closed, never pooled") {
  Harness harness;
  {
    Joined joined(harness, {}, {.peer_receive_buffer = 4096, .near_send_buffer = 4096});
    const std::string text = Pattern(4 << 20);
    std::size_t written = 0;
    harness.RunUntil(
        [&] {
          written += WriteSome(joined.client.get(), text, written);
          return harness.pipes().alive() == 1 && harness.pipes().idle() == 0;
        },
        "a pipe that is stuck");
    ResetPeer(joined.backend);
    harness.RunUntil([&] { return harness.closed == 1; }, "the close");
    // The relay of the other direction, which borrows a pipe at the end, has not sent those bytes
    // back.
    std::string got;
    CHECK_EQUAL(ReadSome(joined.client.get(), got), -ECONNRESET);
    CHECK(got.empty());
  }
  CHECK_EQUAL(harness.pipes().alive(), harness.pipes().idle());
  // Whatever is pooled now, a pipe of the other direction perhaps, is clean.
  while (harness.pipes().idle() > 0) {
    const std::unique_ptr<Pipe> pipe = harness.pipes().Borrow(0);
    int held = -1;
    CHECK_EQUAL(ioctl(pipe->read_end.get(), FIONREAD, &held), 0);
    CHECK_EQUAL(held, 0);
  }
}

TEST("rule 5: past its budget of pipes a relay copies, and loses nothing") {
  Harness harness({.pipes = {.large_bytes = 65536,
                             .default_bytes = 65536,
                             .total_bytes = 16 << 12,
                             .pipes = 64,
                             .idle = 8}});
  const PairOptions tight{.peer_receive_buffer = 4096, .near_send_buffer = 4096};
  const Joined stuck(harness, {}, tight);
  const std::string text = Pattern(2 << 20);
  std::size_t written = 0;
  harness.RunUntil(
      [&] {
        written += WriteSome(stuck.client.get(), text, written);
        return harness.pipes().alive() == 1 && harness.pipes().idle() == 0;
      },
      "the only pipe taken");
  const Joined second(harness);
  CHECK(Transfer(harness, second.client, second.backend, text, text.size(), "2 MiB by copying") ==
        text);
  CHECK_EQUAL(harness.pipes().alive(), 1U);
  std::string got;
  harness.RunUntil(
      [&] {
        if (written < text.size()) written += WriteSome(stuck.client.get(), text, written);
        while (ReadSome(stuck.backend.get(), got) == 1) {
        }
        return got.size() == text.size();
      },
      "2 MiB through the only pipe");
  CHECK(got == text);
}

TEST("rule 5: where the kernel refuses pipes, sessions copy, and it is not asked again at once") {
  Harness harness;
  int asked = 0;
  const HookScope hooks({.pipe = [&] {
    ++asked;
    return EMFILE;
  }});
  const Joined joined(harness);
  const std::string text = Pattern(2 << 20);
  CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "2 MiB") == text);
  CHECK(asked >= 1);
  CHECK(asked <= 3);
}

TEST("rule 6: a pipe of one slot, which every fragment overfills, still delivers everything") {
  Harness harness({.pipes = {.large_bytes = 4096,
                             .default_bytes = 4096,
                             .total_bytes = 8 << 12,
                             .pipes = 4,
                             .idle = 4}});
  const Joined joined(harness);
  const std::string text = Pattern(1 << 20);
  CHECK(Transfer(harness, joined.client, joined.backend, text, text.size(), "1 MiB") == text);
}

PipeLimits Limits(std::size_t large, std::size_t total, std::size_t pipes, std::size_t idle) {
  return {.large_bytes = large,
          .default_bytes = 65536,
          .total_bytes = total,
          .pipes = pipes,
          .idle = idle};
}

TEST("pipe pool: large pipes while half of the budget is free, then default ones, then none") {
  PipeBudget budget(Limits(1 << 20, 4 << 20, 1000, 8), 1);
  PipePool pool(budget);
  std::vector<std::unique_ptr<Pipe>> lent;
  std::size_t large = 0;
  std::size_t total = 0;
  while (std::unique_ptr<Pipe> pipe = pool.Borrow(0)) {
    if (pipe->capacity == 1 << 20) ++large;
    total += pipe->capacity;
    lent.push_back(std::move(pipe));
  }
  CHECK_EQUAL(large, 2U);
  CHECK_EQUAL(lent.size(), 2U + (2U << 20) / 65536);
  CHECK_EQUAL(total, 4U << 20);
  for (auto& pipe : lent) pool.Return(std::move(pipe));
  CHECK_EQUAL(pool.idle(), 8U);
  CHECK_EQUAL(pool.alive(), 8U);
}

TEST("pipe pool: never more pipes than its share of the descriptors") {
  PipeBudget budget(Limits(65536, 64 << 20, 3, 8), 1);
  PipePool pool(budget);
  std::vector<std::unique_ptr<Pipe>> lent;
  while (std::unique_ptr<Pipe> pipe = pool.Borrow(0)) lent.push_back(std::move(pipe));
  CHECK_EQUAL(lent.size(), 3U);
  for (auto& pipe : lent) pool.Return(std::move(pipe));
}

TEST(
    "pipe pool: a pipe smaller than the default, as the kernel makes past a user's limit, is not "
    "used") {
  // The pool takes 1 MiB for the default here, so what the kernel makes by default is "too small".
  PipeBudget budget({.large_bytes = 1 << 20,
                     .default_bytes = 1 << 20,
                     .total_bytes = 1 << 20,
                     .pipes = 8,
                     .idle = 8},
                    1);
  PipePool pool(budget);
  CHECK(pool.Borrow(0) == nullptr);
  CHECK_EQUAL(pool.alive(), 0U);
  CHECK_EQUAL(budget.pipes(), 0U);
  CHECK_EQUAL(budget.bytes(), 0U);
}

/// Half of what the kernel grants a user by default: 16,384 pages of 4 KiB.
constexpr std::size_t kUsualBudget = 16'384 / 2 * 4096;

/// Pools that share a budget, as those of many loops.
struct Pools {
  explicit Pools(std::size_t count, std::size_t pipes = 1000)
      : budget(Limits(1 << 20, kUsualBudget, pipes, 8), count) {
    for (std::size_t index = 0; index < count; ++index) {
      all.push_back(std::make_unique<PipePool>(budget));
    }
  }
  PipeBudget budget;
  std::vector<std::unique_ptr<PipePool>> all;
};

TEST("pipe budget: each of up to 64 loops that stream gets a large pipe, 32 of them one of 1 MiB") {
  for (const std::size_t loops : {1U, 2U, 16U, 17U, 32U, 33U, 64U}) {
    Pools pools(loops);
    const std::size_t wanted = loops <= 32 ? 1 << 20 : 512 << 10;
    std::vector<std::unique_ptr<Pipe>> lent;
    for (const auto& pool : pools.all) {
      lent.push_back(pool->Borrow(0));
      CHECK(lent.back() != nullptr && lent.back()->capacity >= wanted);
    }
    CHECK(pools.budget.bytes() <= kUsualBudget);
    for (std::size_t loop = 0; loop < loops; ++loop) pools.all[loop]->Return(std::move(lent[loop]));
  }
}

TEST("pipe budget: a loop that takes all it can leaves a pipe of 256 KiB for each of the others") {
  for (const std::size_t pipes : {64U, 1000U}) {
    Pools pools(64, pipes);
    std::vector<std::unique_ptr<Pipe>> greedy;
    while (std::unique_ptr<Pipe> pipe = pools.all[0]->Borrow(0)) greedy.push_back(std::move(pipe));
    CHECK(pipes == 64 ? greedy.size() == 1 : greedy.size() > 16);
    for (std::size_t loop = 1; loop < 64; ++loop) {
      std::unique_ptr<Pipe> pipe = pools.all[loop]->Borrow(0);
      CHECK(pipe != nullptr && pipe->capacity >= 256 << 10);
      if (pipe != nullptr) pools.all[loop]->Return(std::move(pipe));
    }
    CHECK(pools.budget.bytes() <= kUsualBudget);
    CHECK(pools.budget.pipes() <= pipes);
    for (auto& pipe : greedy) pools.all[0]->Return(std::move(pipe));
  }
}

TEST("pipe budget: it is whole again when its pools are gone, and idle pipes do not touch it") {
  PipeBudget budget(Limits(1 << 20, kUsualBudget, 1000, 8), 2);
  {
    PipePool one(budget);
    PipePool other(budget);
    one.Return(one.Borrow(0));
    const std::size_t taken = budget.bytes();
    CHECK_EQUAL(taken, 1U << 20);
    std::unique_ptr<Pipe> again = one.Borrow(0);
    CHECK_EQUAL(budget.pipes(), 1U);
    again->held = 1;  // As if; it is closed.
    one.Return(std::move(again));
    CHECK_EQUAL(budget.pipes(), 0U);
    CHECK_EQUAL(budget.bytes(), 0U);
    other.Return(other.Borrow(0));
    CHECK_EQUAL(budget.pipes(), 1U);
  }
  CHECK_EQUAL(budget.pipes(), 0U);
  CHECK_EQUAL(budget.bytes(), 0U);
}

TEST("pipe budget: what the kernel grants is counted, and not what was asked for") {
  PipeBudget budget(Limits(1 << 20, kUsualBudget, 1000, 8), 1);
  CHECK_EQUAL(budget.Take(true), 1U << 20);
  budget.Correct(1 << 20, 65536);
  CHECK_EQUAL(budget.bytes(), 65536U);
  budget.Give(65536, true);
  CHECK_EQUAL(budget.bytes(), 0U);
}

TEST("pipe budget: loops that make and close pipes at the same time never exceed it together") {
  constexpr std::size_t kLoops = 4;
  PipeBudget budget(Limits(1 << 20, 8 << 20, 6, 0), kLoops);
  std::atomic<bool> failed{false};
  std::vector<std::thread> threads;
  for (std::size_t loop = 0; loop < kLoops; ++loop) {
    threads.emplace_back([&] {
      for (int round = 0; round < 2000; ++round) {
        const std::size_t first = budget.Take(true);
        const std::size_t second = budget.Take(false);
        if (first == 0 || budget.bytes() > 8U << 20 || budget.pipes() > 6) failed = true;
        if (second > 0) budget.Give(second, false);
        budget.Give(first, true);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(!failed);
  CHECK_EQUAL(budget.pipes(), 0U);
  CHECK_EQUAL(budget.bytes(), 0U);
}

}  // namespace
}  // namespace spliceway::testing
