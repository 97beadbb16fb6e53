#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "kernel.h"
#include "select/backend_row.h"
#include "select/pick_plan.h"

namespace spliceway::simulator {

/// A listener of the core. Its row, which is its index, is another one's when it opens again.
struct Service {
  std::uint16_t port = 0;
  bool is_tcp = true;
  std::uint16_t pool = 0;  ///< As the owner has set it.
  bool is_open = true;     ///< The owner has not closed it.
  bool was_closed = false;
  bool is_vacant = false;
  bool is_paused = false;
  bool pause_is_heard = false;   ///< By all loops, before the turn that was last.
  std::uint64_t barrier = 0;     ///< Behind its last pause, or its close.
  std::size_t first_socket = 0;  ///< Since its row is its own.
};

/// The policy of a pool.
struct Policy {
  PickEntry entry = PickEntry::kTurn;
  std::uint32_t tiers = 1;  ///< At most: each has a backend at least.
  bool tries_down = false;
};

/// What was published for each listener, at one moment.
using Plans = std::vector<PickPlan>;

/// What the owner changes while sessions live.
struct Changes {
  /// Rows of each pool; none where it is gone.
  std::array<std::vector<std::uint16_t>, 2> pools;
  std::array<Policy, 2> policies;
  std::map<std::uint16_t, BackendState> states;  ///< Of those that were set.
  std::uint64_t states_since_us = 0;             ///< None was set since.
  std::map<std::uint64_t, Plans> published;      ///< By generation.
  std::map<std::uint16_t, std::uint32_t> limits;
  /// Backends that the pool of a listener did not have, by listener and row, in the tables that
  /// were published last: since which.
  std::map<std::pair<std::size_t, std::uint16_t>, std::uint64_t> missing_since;
  std::map<std::uint16_t, std::size_t> first_socket;  ///< Of the row's present backend.
  std::set<std::uint16_t> waiting;  ///< Rows of backends that are not published yet.
  std::set<std::uint16_t> touched;  ///< Rows that are not what they were.
  bool moved_pools = false;         ///< A listener has got another pool, or a pool was gone.

  [[nodiscard]] BackendState StateOf(std::uint16_t row) const {
    const auto found = states.find(row);
    return found == states.end() ? BackendState::kUp : found->second;
  }
  [[nodiscard]] std::size_t FirstSocketOf(std::uint16_t row) const {
    const auto found = first_socket.find(row);
    return found == first_socket.end() ? 0 : found->second;
  }
};

}  // namespace spliceway::simulator
