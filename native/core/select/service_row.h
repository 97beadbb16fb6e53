#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>

#include "select/session_count.h"

namespace spliceway {

/// What all loops share of a listener of the configuration that has a limit of sessions: one row
/// for all of its addresses, which are listeners of their own here. Any thread. Aligned, as a
/// `BackendRow` is.
///
/// *Invariant:* it counts, for each address, what is open there on those loops whose tables name
/// it, and who is on the way to a loop from one of those. Where nothing limits them there is no
/// row, and nothing is written.
class alignas(64) ServiceRow {
 public:
  SessionCount sessions;

  /// Few enough are there to wake those who wait: as `SessionSlab::has_room`.
  [[nodiscard]] bool has_room() const {
    const std::uint32_t most = sessions.most();
    return most == 0 || sessions.in_use() <= most - most / 20 - 1;
  }
  /// Some listener has found no place. To be said after that loop has noted that it wants one.
  void WantPlaces() { wanted_.store(true); }
  /// Whether those are to be woken now, for there is room; true for one of those who ask.
  [[nodiscard]] bool TakeWanted() {
    return wanted_.load() && has_room() && wanted_.exchange(false);
  }

 private:
  std::atomic<bool> wanted_{false};
};

/// The rows that there are, by the numbers of their services. A row lasts as long as some tables
/// name it, so that one whose limit is taken away and comes back counts on. The owner's thread.
class ServiceRows {
 public:
  /// A new one where there is none.
  [[nodiscard]] std::shared_ptr<ServiceRow> Of(std::uint32_t number) {
    std::erase_if(rows_, [](const auto& entry) { return entry.second.expired(); });
    std::shared_ptr<ServiceRow> row = Find(number);
    if (row == nullptr) {
      row = std::make_shared<ServiceRow>();
      rows_[number] = row;
    }
    return row;
  }
  /// Null where there is none.
  [[nodiscard]] std::shared_ptr<ServiceRow> Find(std::uint32_t number) const {
    const auto found = rows_.find(number);
    return found == rows_.end() ? nullptr : found->second.lock();
  }

 private:
  std::map<std::uint32_t, std::weak_ptr<ServiceRow>> rows_;
};

}  // namespace spliceway
