#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/session_sweep.h"

namespace spliceway {

/// Which sessions all loops were asked to end, as long as some loop may be looking for them. It
/// would end those of whoever has the row by then. The owner's thread.
class AskedSweeps {
 public:
  void Note(const EndSessionsCommand& asked) { waiting_.push_back({asked, ++count_}); }
  /// Of the first so many, in the order in which they were asked, all loops are done.
  void NoteOver(std::uint64_t count) {
    std::erase_if(waiting_, [count](const Asked& asked) { return asked.number <= count; });
  }
  [[nodiscard]] bool NameBackend(std::uint16_t row) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [row](const Asked& asked) { return asked.what.backend == row; });
  }
  [[nodiscard]] bool NameListener(std::uint16_t row) const {
    return std::any_of(waiting_.begin(), waiting_.end(),
                       [row](const Asked& asked) { return asked.what.listener == row; });
  }

 private:
  struct Asked {
    EndSessionsCommand what;
    std::uint64_t number;
  };

  std::vector<Asked> waiting_;
  std::uint64_t count_ = 0;
};

}  // namespace spliceway
