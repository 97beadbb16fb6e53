// What is counted of sessions beside the counters: how they end, how long things take, how they
// move their bytes.

#include <array>
#include <cstddef>
#include <string>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {
namespace {

constexpr std::size_t kReasons = 10;
constexpr std::size_t kSides = 3;
constexpr std::size_t kPhases = 6;

std::uint64_t EndsOfReason(EndRow& row, EndReason reason) {
  std::uint64_t count = 0;
  for (std::size_t side = 0; side < kSides; ++side) {
    for (std::size_t phase = 0; phase < kPhases; ++phase) {
      count += row.At(reason, static_cast<EndSide>(side), static_cast<SessionPhase>(phase)).value();
    }
  }
  return count;
}

/// Of those that the owner has ended it is not known which of three it is.
bool IsOwners(EndReason reason) {
  return reason == EndReason::kDestroyed || reason == EndReason::kNoBackend ||
         reason == EndReason::kDenied;
}

}  // namespace

void Oracle::Expect(const char* what, std::uint64_t counted, std::uint64_t expected) {
  if (counted == expected) return;
  kernel_.Fail("figures: " + std::to_string(counted) + " " + what + " instead of " +
               std::to_string(expected));
}

/// Each session of a listener ends once, for the reason that its owner was told, where it was.
void Oracle::CheckEnds() {
  Counters& counters = *scene_.crew->counters;
  for (std::size_t row = 0; row < scene_.services.size(); ++row) {
    const Service& service = scene_.services[row];
    std::array<std::uint64_t, kReasons> told{};
    for (const Pair& pair : scene_.pairs) {
      const bool is_its = pair.client && &scene_.services[pair.service] == &service &&
                          Near(*pair.client).number >= service.first_socket;
      if (is_its && !pair.joins && pair.reason) ++told[static_cast<std::size_t>(*pair.reason)];
    }
    std::uint64_t all = 0;
    std::array<std::uint64_t, kReasons> counted{};
    for (std::size_t worker = 0; worker < scene_.epolls.size(); ++worker) {
      EndRow& ends = counters.Ends(worker, row);
      all += ends.total();
      for (std::size_t reason = 0; reason < kReasons; ++reason) {
        const bool is_owners = IsOwners(static_cast<EndReason>(reason));
        counted[is_owners ? static_cast<std::size_t>(EndReason::kDestroyed) : reason] +=
            EndsOfReason(ends, static_cast<EndReason>(reason));
      }
    }
    Expect("ends", all, TotalsOf(service).begun);
    for (std::size_t reason = 0; reason < kReasons; ++reason) {
      if (counted[reason] < told[reason]) Expect("ends of a kind", counted[reason], told[reason]);
    }
  }
}

/// Every backend is of pool 0.
void Oracle::CheckHistograms() {
  std::uint64_t connects = 0;
  std::uint64_t first_bytes = 0;
  std::uint64_t queued = 0;
  std::uint64_t durations = 0;
  std::uint64_t sizes = 0;
  std::uint64_t bytes = 0;
  for (const HistogramRow& row : scene_.crew->counters->histograms().Of(0)) {
    connects += row.count(Measured::kConnect);
    first_bytes += row.count(Measured::kFirstByte);
    queued += row.count(Measured::kQueue);
    durations += row.count(Measured::kDuration);
    sizes += row.count(Measured::kBytes);
    bytes += row.sum(Measured::kBytes);
  }
  std::uint64_t answered = 0;
  for (const Pair& pair : scene_.pairs) {
    if (pair.client && !pair.joins && Near(*pair.client).written > 0) ++answered;
  }
  Expect("first bytes", first_bytes, answered);
  Expect("durations", durations, connects);
  Expect("sizes", sizes, connects);
  const PoolQueue* const queue = scene_.crew->queues.Find(0);
  Expect("waits", queued, queue == nullptr ? 0 : queue->figures().served);
  // Else the rows are others' by now.
  if (!scene_.changes.first_socket.empty()) return;
  std::uint64_t opened = 0;
  std::uint64_t moved = 0;
  for (std::size_t backend = 0; backend < scene_.crew->table.rows(); ++backend) {
    for (std::size_t worker = 0; worker < scene_.epolls.size(); ++worker) {
      const CounterRow& row = scene_.crew->counters->Backend(worker, backend);
      opened += row.opened.value();
      moved += row.bytes_upstream.value() + row.bytes_downstream.value();
    }
  }
  Expect("connects", connects, opened);
  Expect("bytes of sessions", bytes, moved);
}

/// All that was written was copied or spliced, and no turn was longer than it was.
void Oracle::CheckLoops() {
  std::uint64_t moved = 0;
  for (std::size_t worker = 0; worker < scene_.epolls.size(); ++worker) {
    const LoopRow& row = scene_.crew->counters->Loop(worker);
    moved += row.bytes_copied.value() + row.bytes_spliced.value();
    if (row.longest_turn_us.value() > scene_.longest_turn_us) {
      kernel_.Fail("a turn counts as longer than any was");
    }
    if (row.wake_ups.value() > row.turns.count()) kernel_.Fail("a loop woke up for no turn");
  }
  std::uint64_t written = 0;
  for (const auto& socket : kernel_.sockets()) {
    if (socket->is_core) written += socket->written;
  }
  Expect("bytes of loops", moved, written);
}

}  // namespace spliceway::simulator
